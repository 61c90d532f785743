"""Where files of conversations lie, sealed like everything else (accounts.rights.archive)."""

from django.utils import timezone

from accounts.rights import archive
from chats.exchange.models import ExchangeJob

FOLDER = "exchange"


def sweep() -> int:
    """As the system. How many files were deleted."""
    deleted = 0
    for job in ExchangeJob.objects.filter(expires_at__lt=timezone.now()).exclude(file=""):
        forget(job)
        deleted += 1
    return deleted + archive.sweep(lambda key: ExchangeJob.objects.filter(file=key).exists(), folder=FOLDER)


def is_single(job: ExchangeJob) -> bool:
    """Whether the file is the one PDF itself, and no ZIP file."""
    return job.form == ExchangeJob.Form.PDF and len(job.chosen) == 1


def forget(job: ExchangeJob) -> None:
    archive.delete(job.file)
    ExchangeJob.objects.filter(pk=job.pk).update(file="", size=0)
