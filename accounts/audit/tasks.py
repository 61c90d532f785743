"""Queue `answers`: short chores for beat."""

from celery import shared_task

from accounts.audit import retention, sealing


@shared_task
def seal() -> None:
    sealing.seal_pending()


@shared_task
def prune() -> None:
    retention.prune()
