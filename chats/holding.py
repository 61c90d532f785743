"""What this application keeps about people: their conversations."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from accounts.models import User
from accounts.rights import requesting
from accounts.rights.holdings import Entry, as_json
from chats import live
from chats.exchange import writing
from chats.images import keeping
from chats.images.models import Picture
from chats.models import Citation, Conversation, ConversationTag, Folder, Message, Summary, Tag
from chats.searching import indexing

CHATS = "chats"
DELETED_CHATS = "deleted_chats"


class ChatsHolding:
    name = "chats"
    models: ClassVar = frozenset(
        model._meta.label for model in (Conversation, ConversationTag, Folder, Tag, Message, Citation, Summary)
    )
    retentions: ClassVar = {
        CHATS: "chats, from their last message",
        DELETED_CHATS: "deleted chats, which can be brought back until then",
    }

    def count(self, user_id: UUID) -> int:
        return Conversation.objects.filter(owner_id=user_id).count()

    def export(self, user: User) -> Iterator[Entry]:
        """Each conversation whole, as JSON, and what its page shows, as Markdown. Deleted ones too, while they last."""
        own = Conversation.objects.filter(owner=user).select_related("folder").prefetch_related("tagged__tag")
        for conversation in own.order_by("created_at").iterator(chunk_size=100):
            name = writing.file_name(conversation)
            folder = "chats/deleted" if conversation.deleted_at else "chats"
            messages = writing.messages_of(conversation)
            yield Entry(f"{folder}/{name}.json", as_json(writing.whole(conversation, messages)), ends_step=False)
            yield Entry(f"{folder}/{name}.md", writing.markdown(conversation, messages).encode())

    def stop(self, user_id: UUID) -> None:
        """Answers that wait are over; those that are being written are told to end, with what is written so far."""
        answers = Message.objects.filter(owner_id=user_id)
        answers.filter(status=Message.Status.QUEUED).update(status=Message.Status.STOPPED, finished_at=Now())
        working = answers.filter(status__in=Message.WORKING)
        working.update(stop_requested=True)
        for pk in working.values_list("pk", flat=True):
            transaction.on_commit(partial(live.ask_to_stop, pk), robust=True)

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        for pk in list(Conversation.objects.filter(owner_id=user_id).values_list("pk", flat=True)):
            answers = Message.objects.filter(conversation_id=pk, role=Message.Role.ASSISTANT)
            live.forget_now(pk, list(answers.values_list("pk", flat=True)))
            _delete(pk)
            step()
        Folder.objects.filter(owner_id=user_id).delete()
        Tag.objects.filter(owner_id=user_id).delete()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:
        before = Now() - timedelta(days=days)
        own = Conversation.objects.filter(owner_id=user_id)
        old = own.filter(updated_at__lt=before) if kind == CHATS else own.filter(deleted_at__lt=before)
        deleted = 0
        for pk in list(old.values_list("pk", flat=True)):
            with transaction.atomic():
                if requesting.is_held_for_now(user_id):  # set meanwhile
                    break
                _delete(pk)
            deleted += 1
        return deleted


def _delete(conversation_id: UUID) -> None:
    """Leaves first, each in one statement: the ORM's own cascade would load every row to find its dependents."""
    messages = Message.objects.filter(conversation_id=conversation_id)
    indexing.forget(conversation_id)
    Summary.objects.filter(upto__in=messages).delete()
    Citation.objects.filter(message__in=messages).delete()
    pictures = Picture.objects.filter(message__in=messages)
    folders = list(pictures.values_list("blob", flat=True))
    pictures.delete()
    transaction.on_commit(partial(keeping.forget, folders), robust=True)
    Conversation.objects.filter(pk=conversation_id).update(active_leaf=None)
    messages.update(parent=None)
    messages._raw_delete(messages.db)  # noqa: SLF001 - everything below is gone
    ConversationTag.objects.filter(conversation_id=conversation_id).delete()
    Conversation.objects.filter(pk=conversation_id).delete()
