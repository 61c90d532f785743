"""What is listed: to an owner their collections and whom each is shared with, to a reader what others share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.utils import timezone

from accounts.encryption.errors import KeyMissing
from accounts.models import Role, User
from documents.collections.models import CollectionShare
from documents.models import Collection, Document

MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class Shelf:
    """One collection in a list. `owner` is empty for one's own; `until` is when the last share ends by itself."""

    id: UUID
    name: str
    documents: int
    shares: int = 0
    owner: str = ""
    until: datetime | None = None


def own(user: User) -> list[Shelf]:
    """By name, in three queries."""
    rows = list(Collection.objects.filter(owner=user))
    documents = _counted(rows)
    lasting = CollectionShare.objects.visible_to(user).in_force().values_list("collection")
    shares = dict(lasting.annotate(Count("pk")).order_by())
    found = [Shelf(row.pk, row.name, documents.get(row.pk, 0), shares.get(row.pk, 0)) for row in rows]
    return _by_name(found)


def received(user: User) -> list[Shelf]:
    """By name, each collection once however often it is shared. Two queries."""
    found: dict[UUID, tuple[Collection, list[datetime | None]]] = {}
    shares = CollectionShare.objects.open_to(user.pk).select_related("collection", "owner")
    for share in shares.order_by("-created_at")[:MOST_LISTED]:
        found.setdefault(share.collection_id, (share.collection, []))[1].append(share.expires_at)
    documents = _counted([collection for collection, _ in found.values()])
    shelves = []
    for collection, ends in found.values():
        until = None if None in ends else max(end for end in ends if end)
        try:
            name = collection.name
        except KeyMissing:  # the owner's account is being deleted at this moment
            continue
        count = documents.get(collection.pk, 0)
        shelves.append(Shelf(collection.pk, name, count, owner=collection.owner.display_name, until=until))
    return _by_name(shelves)


def given(collection: Collection) -> Sequence[Any]:
    """The collection's shares, newest first, each with what it is called and whether it has run out."""
    shares: list[Any] = list(CollectionShare.objects.filter(collection=collection).order_by("-created_at"))
    now = timezone.now()
    for share in shares:
        share.label = _label(share)
        share.is_over = share.expires_at is not None and share.expires_at <= now
    return shares


def _counted(collections: Sequence[Collection]) -> dict[UUID, int]:
    rows = Document.objects.filter(collection__in=collections).values_list("collection")
    return dict(rows.annotate(Count("pk")).order_by())


def _by_name(shelves: list[Shelf]) -> list[Shelf]:
    return sorted(shelves, key=lambda shelf: (shelf.name.casefold(), shelf.name, shelf.owner))


def _label(share: CollectionShare) -> str:
    if share.kind == CollectionShare.Kind.PERSON:
        return share.address
    return f"Everybody with the role “{Role(share.role).label}”"
