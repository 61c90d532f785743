"""What is listed: to an owner whom a conversation is shared with, to a viewer what others share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.models import Role, User
from chats.models import Conversation
from chats.sharing.models import Share

MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class Received:
    """One conversation that somebody shares with the person who looks."""

    conversation_id: UUID
    title: str
    owner: str
    updated_at: datetime
    until: datetime | None


def given(conversation: Conversation) -> Sequence[Any]:
    """The conversation's shares, newest first, each with what it is called and whether it has run out."""
    shares: list[Any] = list(Share.objects.filter(conversation=conversation).order_by("-created_at"))
    now = timezone.now()
    for share in shares:
        share.label = _label(share)
        share.is_over = share.expires_at is not None and share.expires_at <= now
    return shares


def received(user: User) -> list[Received]:
    """Latest first, each conversation once however often it is shared. One query."""
    shares = Share.objects.open_to(user).exclude(owner=user).select_related("conversation", "owner")
    found: dict[UUID, Received] = {}
    for share in shares.order_by("-conversation__updated_at", "conversation")[:MOST_LISTED]:
        chat, before = share.conversation, found.get(share.conversation_id)
        ends = [before.until, share.expires_at] if before else [share.expires_at]
        until = None if None in ends else max(end for end in ends if end)
        found[chat.pk] = Received(chat.pk, str(chat), share.owner.display_name, chat.updated_at, until)
    return list(found.values())


def _label(share: Share) -> str:
    if share.kind == Share.Kind.PERSON:
        return share.address
    if share.kind == Share.Kind.ROLE:
        return f"Everybody with the role “{Role(share.role).label}”"
    return "Whoever has the link"
