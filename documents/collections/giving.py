"""What an owner does with shares of a collection. Each verb is one short transaction."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.encryption.fields import KeyedHashField
from accounts.models import Role, User
from documents.collections.errors import CollectionError
from documents.collections.models import CollectionShare
from documents.models import Collection

MOST = 100
# Days that can be chosen; 0 is until somebody ends it.
DAYS = (0, 1, 7, 30, 90)


def with_person(collection: Collection, address: str, *, days: int = 0) -> CollectionShare:
    """Whether the address has an account is neither said nor shown: one without is listed alike and opens nothing."""
    address = "".join(address.replace("\0", "").split()).lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise CollectionError("This is not an e-mail address. Nothing was shared; correct it and try again.") from error
    if address == collection.owner.email:
        raise CollectionError("This is your own address, and these are your own documents. Write somebody else's.")
    viewer = User.objects.filter(email=address, is_active=True).first()
    hashed = KeyedHashField.of(CollectionShare, "address_hash", collection.owner_id, address)
    same = {"address_hash": hashed}
    return _give(collection, CollectionShare.Kind.PERSON, same, days=days, address=address, viewer=viewer)


def with_role(collection: Collection, role: str, *, days: int = 0) -> CollectionShare:
    if role not in Role.values:
        raise CollectionError("There is no such role. Nothing was shared; choose one from the list.")
    return _give(collection, CollectionShare.Kind.ROLE, {"role": role}, days=days, role=role)


def end(share: CollectionShare) -> None:
    """The row goes, and with it every right that it gave. Ending it twice is no error."""
    with transaction.atomic():
        if CollectionShare.objects.filter(pk=share.pk).delete()[0]:
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
        for name, value in values.items():
            setattr(share, name, value)
        share.expires_at = Now() + timedelta(days=days) if days else None  # by the database's clock
        share.save()
        share.refresh_from_db(fields=["expires_at"])
        _record(audit.Action.SHARE_CHANGED if found else audit.Action.SHARED, share)
    return share


def _record(action: audit.Action, share: CollectionShare) -> None:
    """Without the address: it says who was meant, also where there is no account."""
    expires = share.expires_at.isoformat(timespec="seconds") if share.expires_at else ""
    audit.record(
        action,
        user=share.owner_id,
        resource=("collection", share.collection_id),
        share=share.pk,
        kind=share.kind,
        viewer=share.viewer_id or "",
        role=share.role,
        expires=expires,
    )
