"""Finding the work that nobody holds, for the beat tasks of both queues."""

from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from jobs import leases
from jobs.leases import Leased

# At most this many rows are queued again in one round; the next round is seconds away.
ROUND = 500


def abandoned(model: type[Leased], *, queue: str) -> list[Any]:
    """Keys of rows to queue again: their worker died, or their queue message was lost.

    `queued_at` is moved on, so that a row waits its time again before it is named once more.
    """
    leases.release_dead(model)
    waiting = messages_in(queue)
    with transaction.atomic():
        # A locked row is being stored or deleted at this moment: whoever holds it is alive.
        overdue: Any = leases.overdue(model).order_by("queued_at")
        rows = list(overdue.select_for_update(skip_locked=True).values_list("pk", "status")[:ROUND])
        found = [pk for pk, status in rows if status != model.QUEUED]
        queued = [pk for pk, status in rows if status == model.QUEUED]
        if len(queued) > waiting:  # else they are not lost, only waiting for a free worker
            found += queued
        model._default_manager.filter(pk__in=found).update(queued_at=Now())
    return found


def messages_in(queue: str) -> int:
    """How many messages nobody has taken yet; 0 while the broker is away."""
    try:
        with current_app.connection_for_read() as connection:
            channel: Any = connection.default_channel
            return int(channel.client.llen(queue))
    except (OperationalError, RedisError, OSError):
        return 0
