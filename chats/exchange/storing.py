"""One conversation out of a file, into rows. What is here already stays as it is, and what is new goes below it.

A message has the id that the owner's key makes of its name in the file: so it is known again, and nobody without the
key can tell what it was made of.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from django.db.models.functions import Now
from django.utils import timezone

from accounts.encryption.fields import KeyedHashField, keyed_hash
from accounts.models import User
from chats import conversation as conversations
from chats import presentation
from chats.exchange import drawing
from chats.exchange.drawing import Pictures
from chats.exchange.formats.portable import Chat, Turn, Unreadable, with_times
from chats.exchange.models import Origin
from chats.images.models import Picture
from chats.models import Citation, Conversation, ConversationTag, Folder, Message, Tag
from chats.searching import indexing

_BATCH = 1000


class Outcome(StrEnum):
    # New here, or brought back.
    IMPORTED = "imported"
    # It was here, and has messages now that it had not.
    CONTINUED = "continued"
    KNOWN = "known"


def missing(chat: Chat, user: User) -> list[Turn]:
    """Those of its messages that are not here yet."""
    found = _here(chat, user)
    return chat.turns if found is None else _missing(chat, _known(chat, user, found))


def store(chat: Chat, user: User, pictures: Pictures | None = None) -> Outcome:
    """In the caller's transaction. One that was deleted comes back, with what it had and what is new."""
    if not chat.turns:
        raise Unreadable("there is no message in it")
    pictures = pictures or Pictures()
    found = _here(chat, user)
    if found is None:
        _insert(chat, user, pictures)
        return Outcome.IMPORTED
    is_longer = _continue(found, chat, user, pictures)
    if found.deleted_at is not None:
        conversations.restore(found)
        return Outcome.IMPORTED
    return Outcome.CONTINUED if is_longer else Outcome.KNOWN


def _fingerprint(chat: Chat, user: User) -> bytes:
    return keyed_hash(user.pk, "exchange_origin", chat.origin.encode())


def _here(chat: Chat, user: User) -> Conversation | None:
    found = Conversation.objects.filter(owner=user, origin__fingerprint=_fingerprint(chat, user)).first()
    if found is None and (pk := _own_id(chat, chat.origin.partition(":")[2])):
        found = Conversation.objects.filter(owner=user, pk=pk).first()
    return found


def _own_id(chat: Chat, name: str) -> uuid.UUID | None:
    """What this product wrote names rows, which may be those that are here."""
    try:
        return uuid.UUID(name) if chat.origin.startswith("chatsite:") else None
    except ValueError:
        return None


def _id(chat: Chat, user: User, kind: str, name: str) -> uuid.UUID:
    made = keyed_hash(user.pk, f"exchange_{kind}", f"{chat.origin}\0{name}".encode())
    return uuid.UUID(bytes=made[:16], version=4)


def _known(chat: Chat, user: User, conversation: Conversation) -> dict[str, uuid.UUID]:
    """{its name in the file: its id} for each message that is here."""
    rows = set(Message.objects.filter(conversation=conversation).values_list("pk", flat=True))
    found = {}
    for turn in chat.turns:
        for pk in (_id(chat, user, "message", turn.id), _own_id(chat, turn.id)):
            if pk in rows:
                found[turn.id] = pk
    return found


def _missing(chat: Chat, known: dict[str, uuid.UUID]) -> list[Turn]:
    """Where no message at all is known, they have other names here: taken in, all would be double."""
    return [turn for turn in chat.turns if turn.id not in known] if known else []


def _insert(chat: Chat, user: User, pictures: Pictures) -> None:
    start = chat.created or timezone.now()
    with_times(chat.turns, start)
    conversation = Conversation.objects.create(
        owner=user,
        title=chat.title or _title(chat),
        title_is_automatic=False,
        model=chat.model,
        use_documents=chat.use_documents,
        system_prompt=chat.system_prompt,
        parameters=chat.parameters,
        folder=_folder(user, chat.folder) if chat.folder else None,
        pinned_at=chat.pinned,
        archived_at=chat.archived,
        created_at=chat.created or chat.turns[0].created or start,
        updated_at=chat.updated or _latest(chat.turns),
    )
    ids = {turn.id: _id(chat, user, "message", turn.id) for turn in chat.turns}
    _write(conversation, chat, user, chat.turns, ids, pictures)
    for tag in chat.tags:
        ConversationTag.objects.create(conversation=conversation, tag=_tag(user, tag))
    Conversation.objects.filter(pk=conversation.pk).update(active_leaf=ids[chat.shown or _newest(chat)])
    Origin.objects.create(conversation=conversation, fingerprint=_fingerprint(chat, user))


def _write(
    conversation: Conversation,
    chat: Chat,
    user: User,
    turns: Sequence[Turn],
    ids: dict[str, uuid.UUID],
    pictures: Pictures,
) -> None:
    compared = {turn.comparison: _id(chat, user, "comparison", turn.comparison) for turn in turns if turn.comparison}
    messages = [_message(conversation, turn, ids, compared) for turn in turns]
    Message.objects.bulk_create(messages, batch_size=_BATCH)
    indexing.add_conversation(conversation, messages)
    Citation.objects.bulk_create(
        [citation for turn in turns for citation in _citations(conversation, turn, ids[turn.id])],
        batch_size=_BATCH,
    )
    Picture.objects.bulk_create(
        [
            drawing.row(stored, number, message_id=ids[turn_id], owner_id=user.pk)
            for turn_id, several in pictures.by_turn.items()
            for number, stored in enumerate(several, 1)
        ],
        batch_size=_BATCH,
    )


# --- What was here, and went on elsewhere -------------------------------------------------------------------------


def _continue(conversation: Conversation, chat: Chat, user: User, pictures: Pictures) -> bool:
    """Whether anything of it is new. Title, folder and tags are as the person left them here."""
    known = _known(chat, user, conversation)
    new = _missing(chat, known)
    has_grown = _lengthen(conversation, chat, known)
    if not new:
        return has_grown
    conversation = Conversation.objects.select_for_update().get(pk=conversation.pk)
    with_times(chat.turns, chat.created or timezone.now())
    ids = {turn.id: _id(chat, user, "message", turn.id) for turn in new} | known
    _write(conversation, chat, user, new, ids, pictures)
    shown = chat.shown or _newest(chat)
    leaf = ids[shown] if _is_above(conversation.active_leaf_id, shown, chat, ids) else conversation.active_leaf_id
    updated = max(conversation.updated_at, chat.updated or _latest(new))
    Conversation.objects.filter(pk=conversation.pk).update(active_leaf=leaf, updated_at=updated)
    return True


def _is_above(leaf: uuid.UUID | None, name: str, chat: Chat, ids: dict[str, uuid.UUID]) -> bool:
    """Whether what is shown goes on with what is new. Who went on here, or chose another branch, stays there."""
    parents = {turn.id: turn.parent for turn in chat.turns}
    at: str | None = name
    while at is not None:
        if ids[at] == leaf:
            return True
        at = parents[at]
    return False


def _lengthen(conversation: Conversation, chat: Chat, known: dict[str, uuid.UUID]) -> bool:
    """Answers that were still being written when they were taken in. Only the last ones of a branch can be."""
    above = {turn.parent for turn in chat.turns if turn.id in known}
    last = {known[turn.id]: turn for turn in chat.turns if turn.id in known and turn.is_answer and turn.id not in above}
    rows = Message.objects.filter(pk__in=last, children=None, role=Message.Role.ASSISTANT)
    has_grown = False
    for message in rows.exclude(status__in=[Message.QUEUED, *Message.WORKING]):
        turn = last[message.pk]
        if len(turn.content) > len(message.content) and turn.content.startswith(message.content):
            _replace(conversation, message, turn)
            has_grown = True
    return has_grown


def _replace(conversation: Conversation, message: Message, turn: Turn) -> None:
    numbers = set(message.citations.values_list("number", flat=True))
    citations = [found for found in _citations(conversation, turn, message.pk) if found.number not in numbers]
    Citation.objects.bulk_create(citations)
    numbers |= {citation.number for citation in citations}
    urls = presentation.citation_urls(conversation.pk, message.pk, sorted(numbers))
    html = presentation.final_html(turn.content, urls) if urls else ""
    changes = Message.sealed(
        message.pk, owner_id=conversation.owner_id, content=turn.content, thinking=turn.thinking, html=html
    )
    Message.objects.filter(pk=message.pk).update(**changes, status=turn.status, finished_at=turn.finished)
    message.content = turn.content
    indexing.add_exchange(message)


# --- Rows -----------------------------------------------------------------------------------------------------------


def _title(chat: Chat) -> str:
    return conversations.first_title(chat.turns[0].content) or "Untitled"


def _latest(turns: Sequence[Turn]) -> datetime:
    """Of those whose times are given (`with_times`)."""
    return max(moment for turn in turns if (moment := turn.created))


def _newest(chat: Chat) -> str:
    """The last message of all ends the path that a reader sees who has chosen none."""
    newest: tuple[datetime, str] = max((turn.created or timezone.now(), turn.id) for turn in chat.turns)
    return newest[1]


def _message(
    conversation: Conversation, turn: Turn, ids: dict[str, uuid.UUID], compared: dict[str, uuid.UUID]
) -> Message:
    pk = ids[turn.id]
    numbers = [source.number for source in turn.sources]
    urls = presentation.citation_urls(conversation.pk, pk, numbers)
    return Message(
        id=pk,
        conversation=conversation,
        owner_id=conversation.owner_id,
        parent_id=ids[turn.parent] if turn.parent else None,
        role=Message.Role.ASSISTANT if turn.is_answer else Message.Role.USER,
        content=turn.content,
        thinking=turn.thinking,
        # An answer without sources is rendered when its page is looked at; marks need what is written here.
        html=presentation.final_html(turn.content, urls) if urls else "",
        status=turn.status,
        model=turn.model,
        answered_by=turn.model if turn.is_answer else "",
        tokens_prompt=turn.tokens_prompt,
        tokens_completion=turn.tokens_completion,
        comparison=compared.get(turn.comparison),
        rating=turn.rating,
        rating_comment=turn.rating_comment,
        created_at=turn.created or Now(),
        finished_at=turn.finished,
        queued_at=turn.created or Now(),
    )


def _citations(conversation: Conversation, turn: Turn, message_id: uuid.UUID) -> list[Citation]:
    """Of documents that are not here: what was quoted, and from where."""
    return [
        Citation(
            message_id=message_id,
            owner_id=conversation.owner_id,
            number=source.number,
            is_marked=source.is_marked,
            document_name=source.document or "Source",
            page=source.page,
            quoted=source.quoted,
            score=source.score,
        )
        for source in turn.sources
    ]


def _folder(user: User, name: str) -> Folder:
    name_hash = KeyedHashField.of(Folder, "name_hash", user.pk, name)
    found = Folder.objects.filter(owner=user, name_hash=name_hash).first()
    return found or Folder.objects.create(owner=user, name=name)


def _tag(user: User, name: str) -> Tag:
    found = Tag.objects.filter(owner=user, name_hash=KeyedHashField.of(Tag, "name_hash", user.pk, name)).first()
    return found or Tag.objects.create(owner=user, name=name)
