"""Deleting what is older than it may become (RETENTION_DAYS), and archives that nobody fetched in time.

Never anything of a person under a legal hold.
"""

import logging
from collections import Counter
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from accounts import audit
from accounts.models import User
from accounts.rights import requesting
from accounts.rights.holdings import every
from accounts.rights.models import DataRequest, LegalHold
from accounts.tenancy import acting_as, acting_as_system

logger = logging.getLogger(__name__)


def rules() -> list[tuple[str, int]]:
    """What grows old here, in words, and after how many days it is deleted."""
    days: dict[str, int] = settings.RETENTION_DAYS
    words = [(text, days[kind]) for holding in every() for kind, text in holding.retentions.items() if days[kind]]
    return [*words, ("exports, from the moment they are ready", settings.EXPORT_DAYS)]


def apply() -> None:
    """One person after the other, each acting as themselves; an error with one does not keep the others' data."""
    _drop_old_exports()
    deleted: Counter[str] = Counter()
    for user_id in _people():
        try:
            # A hold may have been set since the run began.
            if requesting.is_held(user_id):
                continue
            with acting_as(user_id):
                deleted.update(_expired(user_id))
        except Exception:
            logger.exception("The retention of one person's data met an error of ours.")
    for kind, count in deleted.items():
        if count:
            audit.record(audit.Action.RETENTION_APPLIED, kind=kind, count=count, days=settings.RETENTION_DAYS[kind])


def _people() -> list[UUID]:
    held = LegalHold.objects.values("user_id")
    return list(User.objects.exclude(pk__in=held).order_by("pk").values_list("pk", flat=True))


def _expired(user_id: UUID) -> dict[str, int]:
    days: dict[str, int] = settings.RETENTION_DAYS
    kinds = [(holding, kind) for holding in every() for kind in holding.retentions if days[kind]]
    return {kind: holding.expire(kind, user_id, days[kind]) for holding, kind in kinds}


def _drop_old_exports() -> None:
    with acting_as_system("delete archives that ran out"):
        for request in DataRequest.objects.filter(expires_at__lt=Now()).exclude(file=""):
            requesting.delete_export(request, because="expired")
