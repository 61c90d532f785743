"""What an owner does with shares of a collection. Each verb is one short transaction."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit, sharing
from accounts.encryption.fields import KeyedHashField
from accounts.models import Role
from accounts.sharing import DAYS, MOST
from documents.collections.errors import CollectionError
from documents.collections.models import CollectionShare
from documents.models import Collection


def with_person(collection: Collection, address: str, *, days: int = 0) -> CollectionShare:
    """Whether the address has an account is neither said nor shown: one without is listed alike and opens nothing."""
    try:
        address = sharing.clean_address(address)
    except ValidationError as error:
        raise CollectionError("This is not an e-mail address. Nothing was shared; correct it and try again.") from error
    if address == collection.owner.email:
        raise CollectionError("This is your own address, and these are your own documents. Write somebody else's.")
    viewer = sharing.viewer_of(address)
    hashed = KeyedHashField.of(CollectionShare, "address_hash", collection.owner_id, address)
    same = {"address_hash": hashed}
    return _give(collection, CollectionShare.Kind.PERSON, same, days=days, address=address, viewer=viewer)


def with_role(collection: Collection, role: str, *, days: int = 0) -> CollectionShare:
    if role not in Role.values:
        raise CollectionError("There is no such role. Nothing was shared; choose one from the list.")
    return _give(collection, CollectionShare.Kind.ROLE, {"role": role}, days=days, role=role)


def end(share: CollectionShare) -> None:
    """Every right that it gave ends (accounts.sharing). Ending it twice is no error."""
    with transaction.atomic():
        if sharing.end(CollectionShare.objects.filter(pk=share.pk), owner_id=share.owner_id):
            _record(audit.Action.SHARE_ENDED, share)


def _give(
    collection: Collection, kind: CollectionShare.Kind, same: dict[str, Any], *, days: int, **values: Any
) -> CollectionShare:
    """`same` finds the share that this one renews."""
    if days not in DAYS:
        raise CollectionError("That end cannot be chosen. Nothing was shared; choose one from the list.")
    with transaction.atomic():
        # Whoever deletes the collection meanwhile comes before this or after it, and two shares with one come in turn.
        if not Collection.objects.select_for_update().filter(pk=collection.pk).exists():
            raise CollectionError("This collection was deleted meanwhile. Nothing was shared.")
        shares = CollectionShare.objects.filter(collection=collection)
        found = shares.filter(kind=kind, **same).first()
        if found is None and shares.count() >= MOST:
            raise CollectionError(f"This collection is shared {MOST} times, which is the most. End a share first.")
        share: CollectionShare = found or CollectionShare(collection=collection, kind=kind)
        sharing.keep(share, days=days, **values)
        _record(audit.Action.SHARE_CHANGED if found else audit.Action.SHARED, share)
    return share


def _record(action: audit.Action, share: CollectionShare) -> None:
    audit.record(
        action,
        user=share.owner_id,
        resource=("collection", share.collection_id),
        viewer=share.viewer_id or "",
        **sharing.told(share),
    )
