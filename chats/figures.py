"""How much there is to answer: for administrators, who see figures and never a message. Callers act as the system."""

from django.db.models import Count, Q

from chats.models import Message


def unfinished() -> tuple[int, int]:
    """Answers that wait, and answers that are being written."""
    live = Message.objects.filter(status__in=[Message.QUEUED, *Message.WORKING])
    counts = live.aggregate(waiting=Count("pk", filter=Q(status=Message.QUEUED)), all=Count("pk"))
    return counts["waiting"], counts["all"] - counts["waiting"]
