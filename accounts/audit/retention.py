"""Deleting what is older than it has to be kept, in whole batches. Their seals stay, and with them the proof."""

import logging
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from accounts.audit import sealing
from accounts.audit.actions import Action
from accounts.audit.recording import record
from accounts.rights.models import LegalHold
from accounts.tenancy import acting_as_system

logger = logging.getLogger(__name__)

# Seals of one transaction; each holds up to sealing.BATCH events.
_SEALS_AT_ONCE = 200
# Without those with an event of, or about, a person under a legal hold.
_OLD = """
    SELECT number, hash FROM audit_seal
    WHERE pruned_at IS NULL AND sealed_at < %s AND NOT EXISTS (
        SELECT FROM audit_event
        WHERE seal = audit_seal.number AND (user_id = ANY (%s::uuid[]) OR resource_id = ANY (%s))
    )
    ORDER BY number LIMIT %s FOR UPDATE
"""


def prune(*, now: datetime | None = None) -> int:
    """Delete the batches sealed more than AUDIT_RETENTION_DAYS ago. Returns how many events.

    A batch goes as a whole or stays as a whole: a person under a legal hold keeps those that they are in.
    """
    if not settings.AUDIT_RETENTION_DAYS or settings.AUDIT_LEGAL_HOLD:
        return 0
    if sealing.contradiction():
        # Whoever looks into what was cut off needs what is left.
        return 0
    before = (now or datetime.now(UTC)) - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    count = 0
    with acting_as_system("delete old audit events"):
        while deleted := _prune_some(before):
            count += deleted
    if count:
        logger.info("Deleted %s audit events from before %s.", count, before.date().isoformat())
    return count


def _prune_some(before: datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        held = list(LegalHold.objects.values_list("user_id", flat=True))
        cursor.execute(_OLD, [before, held, [str(user_id) for user_id in held], _SEALS_AT_ONCE])
        old = [(number, bytes(hash_)) for number, hash_ in cursor.fetchall()]
        if not old:
            return 0
        key = sealing.chain_key()
        numbers = [number for number, _ in old]
        marks = [sealing.pruned_mark(key, number, hash_) for number, hash_ in old]
        cursor.execute("SELECT audit_prune(%s::bigint[], %s::bytea[])", [numbers, marks])
        (deleted,) = cursor.fetchone()
        record(
            Action.AUDIT_PRUNED,
            events=deleted,
            seals=len(numbers),
            from_seal=numbers[0],
            to_seal=numbers[-1],
            before=before.isoformat(),
        )
    return int(deleted)
