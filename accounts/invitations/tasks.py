"""Queue `answers`: a quick chore."""

from celery import shared_task

from accounts.invitations.models import Invitation


@shared_task
def forget_over() -> None:
    """For beat: addresses of people who never came, or came long ago, are kept no longer than they are looked at."""
    Invitation.objects.over().delete()
