"""What this application keeps about people: their conversations."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db.models.functions import Now

from accounts.models import User
from accounts.rights.holdings import Entry, as_json
from chats import tree
from chats.models import Citation, Conversation, Message, Summary

CHATS = "chats"
DELETED_CHATS = "deleted_chats"


class ChatsHolding:
    name = "chats"
    models: ClassVar = frozenset(model._meta.label for model in (Conversation, Message, Citation, Summary))
    retentions: ClassVar = {
        CHATS: "chats, from their last message",
        DELETED_CHATS: "deleted chats, which can be brought back until then",
    }

    def count(self, user_id: UUID) -> int:
        return Conversation.objects.filter(owner_id=user_id).count()

    def export(self, user: User) -> Iterator[Entry]:
        """Each conversation whole, as JSON, and what its page shows, as Markdown. Deleted ones too, while they last."""
        for conversation in Conversation.objects.filter(owner=user).order_by("created_at").iterator():
            name = f"{conversation.created_at:%Y-%m-%d} {conversation.title or 'Untitled'}"
            folder = "chats/deleted" if conversation.deleted_at else "chats"
            messages = list(
                Message.objects.filter(conversation=conversation).prefetch_related("citations").order_by("created_at")
            )
            yield Entry(f"{folder}/{name}.json", as_json(_whole(conversation, messages)))
            yield Entry(f"{folder}/{name}.md", _shown(conversation, messages).encode())

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        for pk in list(Conversation.objects.filter(owner_id=user_id).values_list("pk", flat=True)):
            _delete(pk)
            step()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:
        before = Now() - timedelta(days=days)
        own = Conversation.objects.filter(owner_id=user_id)
        old = own.filter(updated_at__lt=before) if kind == CHATS else own.filter(deleted_at__lt=before)
        found = list(old.values_list("pk", flat=True))
        for pk in found:
            _delete(pk)
        return len(found)


def _delete(conversation_id: UUID) -> None:
    """Leaves first, each in one statement: the ORM's own cascade would load every row to find its dependents."""
    messages = Message.objects.filter(conversation_id=conversation_id)
    Summary.objects.filter(upto__in=messages).delete()
    Citation.objects.filter(message__in=messages).delete()
    Conversation.objects.filter(pk=conversation_id).update(active_leaf=None)
    messages.update(parent=None)
    messages._raw_delete(messages.db)  # noqa: SLF001 - everything below is gone
    Conversation.objects.filter(pk=conversation_id).delete()


def _whole(conversation: Conversation, messages: list[Message]) -> dict[str, Any]:
    return {
        "id": conversation.pk,
        "title": conversation.title,
        "created": conversation.created_at,
        "updated": conversation.updated_at,
        "deleted": conversation.deleted_at,
        "model": conversation.model,
        "shown_up_to": conversation.active_leaf_id,
        "messages": [
            {
                "id": message.pk,
                "parent": message.parent_id,
                "role": message.role,
                "content": message.content,
                "thinking": message.thinking,
                "status": message.status,
                "model": message.answered_by or message.model,
                "created": message.created_at,
                "finished": message.finished_at,
                "tokens": {"prompt": message.tokens_prompt, "completion": message.tokens_completion},
                "sources": [
                    {
                        "number": citation.number,
                        "document": citation.document_name,
                        "page": citation.page,
                        "quoted": citation.quoted,
                    }
                    for citation in message.citations.all()
                ],
            }
            for message in messages
        ],
    }


def _shown(conversation: Conversation, messages: list[Message]) -> str:
    lines = [f"# {conversation.title or 'Untitled'}", f"{conversation.created_at:%Y-%m-%d %H:%M} UTC"]
    known = {message.pk: message for message in messages}
    path = tree.path_to_root(conversation.pk, conversation.active_leaf_id) if conversation.active_leaf_id else []
    for message in (known[pk] for pk in reversed(path) if pk in known):
        who = "You" if message.role == Message.Role.USER else message.answered_by or "Assistant"
        lines += [f"## {who}", message.content]
        lines += [
            f"[{citation.number}] {citation.document_name}, {citation.page}: {' '.join(citation.quoted.split())}"
            for citation in message.citations.all()
        ]
    return "\n\n".join(lines) + "\n"
