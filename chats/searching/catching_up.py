"""For what was there before it could be found: conversation by conversation, each in its own transaction.

Interrupted, it goes on with what is still missing. Answers and imports meanwhile are indexed by themselves.
"""

from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from accounts.models import User
from accounts.tenancy import acting_as, acting_as_system
from chats.models import Conversation, Message
from chats.searching import indexing

_AT_ONCE = 1000


def index_everybody(report: Callable[[int, int], None]) -> int:
    """Returns how many conversations were indexed. `report` is told how many are done, and of how many people."""
    with acting_as_system("index chats that cannot be found yet"):
        people = list(User.objects.order_by("pk").values_list("pk", flat=True))
    done = 0
    for number, pk in enumerate(people, start=1):
        with acting_as(pk):
            done += index_missing(pk)
        report(done, number)
    return done


def index_missing(owner_id: UUID) -> int:
    done = 0
    for conversation_id in list(indexing.missing(owner_id).values_list("pk", flat=True)):
        with transaction.atomic():
            # Locked against a worker that ends an answer of it just now.
            found = Conversation.objects.select_for_update().filter(pk=conversation_id).first()
            if found is not None:
                _index(found)
                done += 1
    return done


def _index(conversation: Conversation) -> None:
    rows = Message.objects.filter(conversation=conversation, indexed=None).only(
        "id", "owner_id", "conversation_id", "content", "status", "answered_by"
    )
    messages = list(rows.order_by("created_at").iterator(chunk_size=_AT_ONCE))
    indexing.add_conversation(conversation, messages)
