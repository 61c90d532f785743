"""What pages and sockets read of conversations. Everything begins with what is visible to the person."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils import timezone

from accounts.capabilities import Capability, may
from accounts.models import User
from chats import presentation
from chats.models import Citation, Conversation, Message
from documents.models import DocumentVersion


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a conversation stands for a page that connects."""

    leaf: uuid.UUID | None
    unfinished: list[uuid.UUID]


def standing(user: "User | AnonymousUser", conversation_id: uuid.UUID) -> Standing | None:
    """None when the conversation is not this person's to see."""
    if not isinstance(user, User) or not may(user, Capability.READ):
        return None
    return stand(Conversation.objects.visible_to(user), conversation_id)


def stand(rows: QuerySet[Conversation], conversation_id: uuid.UUID) -> Standing | None:
    """None when it is not among `rows`, which are what somebody may see."""
    found = rows.filter(pk=conversation_id).only("active_leaf").first()
    if found is None:
        return None
    unfinished = Message.objects.filter(conversation_id=conversation_id, status__in=[Message.QUEUED, *Message.WORKING])
    return Standing(found.active_leaf_id, list(unfinished.values_list("pk", flat=True)))


def settled_bubble(conversation_id: uuid.UUID, message_id: uuid.UUID) -> str | None:
    """The finished bubble of a message of this conversation; empty while it is live, None if it is not there."""
    message = Message.objects.filter(conversation_id=conversation_id, pk=message_id).first()
    if message is None:
        return None
    return "" if message.is_live else presentation.bubble(message)


def by_date(rows: Iterable[Conversation]) -> list[tuple[str, list[Conversation]]]:
    """In groups for reading; rows that come latest first stay so."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    steps: Sequence[tuple[str, datetime]] = [
        ("Today", today),
        ("Yesterday", today - timedelta(days=1)),
        ("Last 7 days", today - timedelta(days=7)),
        ("Last 30 days", today - timedelta(days=30)),
    ]
    groups: dict[str, list[Conversation]] = {}
    for row in rows:
        month = f"{timezone.localtime(row.updated_at):%B %Y}"
        label = next((name for name, since in steps if row.updated_at >= since), month)
        groups.setdefault(label, []).append(row)
    return list(groups.items())


def source(message: Message, number: int) -> Citation | None:
    """What mark `number` of an answer stands on: the stored citation, or, while it is written, the passage given."""
    stored = Citation.objects.filter(message=message, number=number).first()
    if stored:
        return stored
    given = next((p for p in message.retrieval.get("passages", []) if p["number"] == number), None)
    if given is None:
        return None
    version = DocumentVersion.objects.filter(pk=given["version_id"]).first()
    return Citation(
        message=message,
        number=number,
        version=version,
        document_name=given["document_name"],
        page=given["page"],
        boxes=given["boxes"],
        quoted=given["text"],
        score=given["score"],
        suspicion=given.get("suspicion", []),
    )
