"""Recovery codes: ten of sixty random bits each. So many need no slow hash, and a keyed one keeps them with their
owner's key: erased together."""

import secrets
from uuid import UUID

from django.db import transaction

from accounts.encryption.fields import keyed_hash
from accounts.models import User
from accounts.second_factor.models import RecoveryCode
from accounts.tenancy import acting_as

COUNT = 10
LENGTH = 12
# Without letters and digits that look alike.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def make(user: User) -> list[str]:
    """Ten new ones, to be shown once; the old ones end."""
    plain = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(COUNT)]
    with acting_as(user), transaction.atomic():
        # The person's row is the lock: of two who make new ones at once the codes must not add up.
        User.objects.select_for_update().get(pk=user.pk)
        RecoveryCode.objects.filter(owner=user).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(owner=user, digest=digest(user.pk, code)) for code in plain)
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in plain]


def left(user: User) -> int:
    with acting_as(user):
        return int(RecoveryCode.objects.filter(owner=user, used_at=None).count())


def digest(owner_id: UUID, code: str) -> bytes:
    return keyed_hash(owner_id, "second_factor.recovery_code", code.encode())
