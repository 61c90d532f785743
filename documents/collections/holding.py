"""What is kept about people here: with whom they shared their collections, and what was shared with them."""

from collections.abc import Callable, Iterator
from typing import ClassVar
from uuid import UUID

from accounts.models import User
from accounts.rights.holdings import Entry, as_json, told
from documents.collections.models import CollectionShare
from documents.models import Collection


class CollectionSharesHolding:
    name = "collection_shares"
    models: ClassVar = frozenset({CollectionShare._meta.label})
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:  # noqa: ARG002 - however many there are
        return 1

    def export(self, user: User) -> Iterator[Entry]:
        own = Collection.objects.filter(owner=user).order_by("created_at")
        collections = [{"id": one.pk, "name": told(one, "name"), "created": one.created_at} for one in own]
        given = [
            {
                "collection": share.collection_id,
                "with": share.kind,
                "address": told(share, "address"),
                "role": share.role,
                "created": share.created_at,
                "expires": share.expires_at,
            }
            for share in CollectionShare.objects.visible_to(user).order_by("created_at")
        ]
        # What is in others' collections is theirs; that it was shared with this person, and when, is about both.
        received = CollectionShare.objects.filter(viewer=user).order_by("created_at")
        taken = list(received.values("collection_id", "created_at", "expires_at"))
        yield Entry("collections.json", as_json({"collections": collections, "given": given, "received": taken}))

    def stop(self, user_id: UUID) -> None:
        """Closing the account closes what it shared: a share is in force while its owner's account is open."""

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        """Those that were given to the person go with the account, whose rows they point at."""
        CollectionShare.objects.filter(owner_id=user_id).delete()
        step()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - documents have the only retention
        return 0
