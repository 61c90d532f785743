"""Queue `answers`: a short chore for beat."""

from celery import shared_task

from accounts.sessions import signed_in


@shared_task
def forget_ended() -> None:
    signed_in.forget_ended()
