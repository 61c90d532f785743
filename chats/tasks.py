"""Queue `answers`. Messages carry an id; the row decides what there is to do."""

import uuid
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from accounts.tenancy import acting_as_system
from chats import conversation
from chats.models import Message
from jobs import requeue

QUEUE = "answers"


@shared_task
def answer_message(message_id: str) -> None:
    from chats import answering

    answering.answer(uuid.UUID(message_id))


@shared_task
def requeue_overdue() -> None:
    """For beat: answers whose worker died, and those whose queue message was lost."""
    with acting_as_system("find answers that nobody writes"):
        abandoned = requeue.abandoned(Message, queue=QUEUE)
    for pk in abandoned:
        conversation.enqueue(pk)


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
