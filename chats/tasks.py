"""Queue `answers`. Messages carry an id; the row decides what there is to do."""

import logging
import uuid
from typing import Any

from celery import current_app, shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.db.models.functions import Now
from redis.exceptions import RedisError

from chats import conversation
from chats.models import Message
from jobs import leases

logger = logging.getLogger(__name__)

QUEUE = "answers"
# At most this many rows are queued again in one round; the next round is seconds away.
_ROUND = 500


@shared_task
def answer_message(message_id: str) -> None:
    from chats import answering

    answering.answer(uuid.UUID(message_id))


@shared_task
def requeue_overdue() -> None:
    """For beat: answers whose worker died, and those whose queue message was lost."""
    leases.release_dead(Message)
    overdue = leases.overdue(Message)
    working = list(overdue.filter(status__in=Message.WORKING).values_list("pk", flat=True)[:_ROUND])
    queued = list(overdue.filter(status=Message.QUEUED).order_by("queued_at").values_list("pk", flat=True)[:_ROUND])
    if queued and _messages_in_queue() >= len(queued):
        queued = []  # They are not lost, only waiting for a free worker.
    Message.objects.filter(pk__in=queued).update(queued_at=Now())
    for pk in [*working, *queued]:
        conversation.enqueue(pk)


def _messages_in_queue() -> int:
    with current_app.connection_for_read() as connection:
        try:
            channel: Any = connection.default_channel
            return int(channel.client.llen(QUEUE))
        except (RedisError, OSError):
            return 0


@worker_ready.connect
def _take_over_at_start(sender: Any, **_: Any) -> None:
    """A worker that comes up after a crash on this host goes on with what the dead one left, without waiting."""
    if QUEUE in sender.app.amqp.queues.consume_from:
        requeue_overdue.apply_async(expires=30)
        from chats import answering

        answering.warm_up()


@worker_shutting_down.connect
def _hand_over_at_stop(**_: Any) -> None:
    from chats import answering

    answering.release_all()
