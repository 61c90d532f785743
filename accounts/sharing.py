"""Sharing with people and roles, as far as it is the same whatever is shared: a chat, a collection."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.functions import TransactionNow
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.models import User
from accounts.rights import requesting

# Shares that one thing may have.
MOST = 100
# Days that can be chosen; 0 is until somebody ends it.
DAYS = (0, 1, 7, 30, 90)


def clean_address(address: str) -> str:
    """As accounts have theirs. Raises ValidationError for what is no e-mail address."""
    address = "".join(address.replace("\0", "").split()).lower()
    validate_email(address)
    return address


def viewer_of(address: str) -> User | None:
    """Whose address it is. Whoever signed up with it and never confirmed it may be somebody else."""
    return User.objects.filter(email=address, is_active=True, address_confirmed=True).first()


def keep(share: Any, *, days: int, **values: Any) -> None:
    """Save a new share or one that is renewed. It ends by the database's clock."""
    for name, value in values.items():
        setattr(share, name, value)
    share.expires_at = Now() + timedelta(days=days) if days else None
    share.save()
    share.refresh_from_db(fields=["expires_at"])


def end(shares: "QuerySet[Any]", *, owner_id: UUID) -> bool:
    """The rows go. False: none was there. Call inside a transaction.

    Under a legal hold they stay, as ones that have run out: whom they were given to is part of the record.
    """
    if requesting.is_held_for_now(owner_id):
        lasting = shares.exclude(expires_at__lte=TransactionNow())
        return bool(lasting.update(expires_at=TransactionNow()))
    return bool(shares.delete()[0])


def told(share: Any) -> dict[str, Any]:
    """For the audit log. Without the address: it says who was meant, also where there is no account."""
    expires = share.expires_at.isoformat(timespec="seconds") if share.expires_at else ""
    return {"share": share.pk, "kind": share.kind, "role": share.role, "expires": expires}
