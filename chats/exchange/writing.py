"""Conversations as files: whole as JSON (docs/exchange.md), and what their pages show as Markdown."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from accounts.encryption.errors import SealingError
from accounts.rights.holdings import told
from chats import tree
from chats.images import keeping
from chats.images.models import Picture
from chats.models import Conversation, Message
from chats.templatetags.model_names import model_label

FORMAT, VERSION = "chatsite-chats", 1
# Bytes of pictures in the file of one chat: with them it can still be taken in again (chats.exchange.reading).
MOST_PICTURES = 120_000_000


def messages_of(conversation: Conversation) -> list[Message]:
    rows = Message.objects.filter(conversation=conversation).prefetch_related("citations", "pictures")
    return list(rows.order_by("created_at", "id"))


def json_parts(conversations: Iterable[Conversation]) -> Iterator[bytes]:
    """The file, one conversation at a time."""
    head = json.dumps({"format": FORMAT, "version": VERSION, "exported": timezone.now()}, cls=DjangoJSONEncoder)
    yield f'{head[:-1]}, "chats": ['.encode()
    for index, conversation in enumerate(conversations):
        told_whole = whole(conversation, messages_of(conversation), with_pictures=True)
        chat = json.dumps(told_whole, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
        yield (",\n" if index else "\n").encode() + chat.encode("utf-8", "replace")
    yield b"\n]}\n"


def file_name(conversation: Conversation) -> str:
    """What a person typed is in it: to be made safe for file systems by whoever uses it."""
    return f"{conversation.created_at:%Y-%m-%d} {told(conversation, 'title') or 'Untitled'}"


def whole(conversation: Conversation, messages: list[Message], *, with_pictures: bool = False) -> dict[str, Any]:
    """With the pictures themselves, or with the names of their files in an archive."""
    shown = Shown(MOST_PICTURES if with_pictures else 0)
    return {
        "id": conversation.pk,
        "title": told(conversation, "title"),
        "created": _exact(conversation.created_at),
        "updated": _exact(conversation.updated_at),
        "deleted": _exact(conversation.deleted_at),
        "archived": _exact(conversation.archived_at),
        "pinned": _exact(conversation.pinned_at),
        "folder": told(conversation.folder, "name") if conversation.folder else None,
        "tags": sorted(told(tagged.tag, "name") for tagged in conversation.tagged.all()),
        "system_prompt": told(conversation, "system_prompt"),
        "parameters": conversation.parameters,
        "model": conversation.model,
        "use_documents": conversation.use_documents,
        "search_in": conversation.search_in,
        "shown_up_to": conversation.active_leaf_id,
        "messages": [_message(message, shown) for message in messages],
    }


def _message(message: Message, shown: "Shown") -> dict[str, Any]:
    return {
        "id": message.pk,
        "parent": message.parent_id,
        "role": message.role,
        "content": told(message, "content"),
        "thinking": told(message, "thinking"),
        "status": message.status,
        "model": message.answered_by or message.model,
        "created": _exact(message.created_at),
        "finished": _exact(message.finished_at),
        "rating": message.rating,
        "rating_comment": told(message, "rating_comment"),
        "comparison": message.comparison,
        "tokens": {"prompt": message.tokens_prompt, "completion": message.tokens_completion},
        "pictures": [
            {
                "name": told(picture, "name"),
                "type": picture.media_type,
                "file": f"pictures/{keeping.file_name(picture)}",
                "data": shown.base64(picture),
            }
            for picture in pictures_of(message)
        ],
        "sources": [
            {
                "number": citation.number,
                "marked": citation.is_marked,
                "document": told(citation, "document_name"),
                "page": citation.page,
                "quoted": told(citation, "quoted"),
                "score": citation.score,
            }
            for citation in sorted(message.citations.all(), key=lambda citation: citation.number)
        ],
    }


def _exact(moment: Any) -> str | None:
    """To the microsecond, which Django's own encoder cuts off: siblings are told apart by it."""
    return moment.isoformat() if moment else None


def shown_messages(conversation: Conversation, messages: list[Message]) -> list[Message]:
    """Those on the chosen path, from the first on; where it ends with answers side by side, all of these."""
    known = {message.pk: message for message in messages}
    path = tree.path_to_root(conversation.pk, conversation.active_leaf_id) if conversation.active_leaf_id else []
    shown = [known[pk] for pk in reversed(path) if pk in known]
    if shown and shown[-1].role == Message.Role.USER:
        compared = [message for message in messages if message.parent_id == shown[-1].pk and message.comparison]
        shown += [message for message in compared if message.comparison == compared[-1].comparison]
    return shown


def author(message: Message) -> str:
    """As on the page: a model by its label."""
    if message.role == Message.Role.USER:
        return "You"
    return model_label(message.answered_by) or "Assistant"


def pictures_of(message: Message) -> list[Picture]:
    return sorted(message.pictures.all(), key=lambda picture: picture.number)


class Shown:
    """Pictures inside a file, up to so many bytes of them."""

    def __init__(self, most: int) -> None:
        self._left = most

    def base64(self, picture: Picture, size: keeping.Size = "full") -> str | None:
        """None where there is no room, or its file is gone."""
        if self._left <= 0:
            return None
        try:
            with keeping.opened(picture, size) as file:
                content = file.read()
        except (FileNotFoundError, SealingError):
            return None
        self._left -= len(content)
        return b64encode(content).decode("ascii") if self._left >= 0 else None


def _picture(picture: Picture, shown: Shown) -> str:
    name = "".join(char for char in told(picture, "name") if char not in "[]\\\n")
    data = shown.base64(picture)
    address = f"data:{picture.media_type};base64,{data}" if data else f"pictures/{keeping.file_name(picture)}"
    return f"![{name}]({address})"


def markdown(conversation: Conversation, messages: list[Message], *, with_pictures: bool = False) -> str:
    """With the pictures in the text, or where an archive has them, beside the text."""
    shown = Shown(MOST_PICTURES if with_pictures else 0)
    lines = [f"# {told(conversation, 'title') or 'Untitled'}", f"{conversation.created_at:%Y-%m-%d %H:%M} UTC"]
    for message in shown_messages(conversation, messages):
        lines += [
            f"## {author(message)}",
            *(_picture(picture, shown) for picture in pictures_of(message)),
            told(message, "content"),
        ]
        for citation in sorted(message.citations.all(), key=lambda citation: citation.number):
            quoted = " ".join(told(citation, "quoted").split())
            lines.append(f"[{citation.number}] {told(citation, 'document_name')}, {citation.page}: {quoted}")
    return "\n\n".join(lines) + "\n"
