"""Where files of conversations lie, sealed like everything else (accounts.rights.archive)."""

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.rights import archive
from chats.exchange.models import ExchangeJob

FOLDER = "exchange"


def sweep() -> int:
    """As the system. How many files were deleted. Under a legal hold too: what they hold copies of stays."""
    deleted = 0
    for job in ExchangeJob.objects.filter(expires_at__lt=timezone.now()).exclude(file=""):
        _expire(job)
        deleted += 1
    return deleted + archive.sweep(lambda key: ExchangeJob.objects.filter(file=key).exists(), folder=FOLDER)


def is_single(job: ExchangeJob) -> bool:
    """Whether the file is the one PDF itself, and no ZIP file."""
    return job.form == ExchangeJob.Form.PDF and len(job.chosen) == 1


def _expire(job: ExchangeJob) -> None:
    archive.delete(job.file)
    with transaction.atomic():
        ExchangeJob.objects.filter(pk=job.pk).update(file="", size=0)
        audit.record(audit.Action.EXPORT_DELETED, resource=("exchange", job.pk), because="expired")
