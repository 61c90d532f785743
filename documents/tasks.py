"""Queue `documents`. Messages carry an id; the row decides what there is to do."""

import logging
import uuid
from typing import Any

from celery import current_app, shared_task
from celery.signals import worker_ready
from django.db import transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from documents.models import Document
from jobs import leases

logger = logging.getLogger(__name__)

QUEUE = "documents"
# At most this many rows are queued again in one round; the next round is seconds away.
_ROUND = 200


@shared_task
def ingest_document(document_id: str) -> None:
    from documents.ingestion import ingest

    ingest(uuid.UUID(document_id))


@shared_task
def requeue_overdue() -> None:
    """For beat: documents whose worker died, and those whose queue message was lost.

    `queued_at` is moved on, so that a row waits its time again before it is queued once more.
    """
    leases.release_dead(Document)
    waiting = _messages_in_queue()
    with transaction.atomic():
        # A locked row is being stored or deleted at this moment: whoever holds it is alive.
        overdue = leases.overdue(Document).filter(queued_at__lt=Now() - leases.UNCLAIMED_AFTER)
        rows = overdue.order_by("queued_at").select_for_update(skip_locked=True).values_list("pk", "status")[:_ROUND]
        found = [pk for pk, status in rows if status != Document.QUEUED]
        queued = [pk for pk, status in rows if status == Document.QUEUED]
        if len(queued) > waiting:  # else they are not lost, only waiting for a free worker
            found += queued
        Document.objects.filter(pk__in=found).update(queued_at=Now())
    for pk in found:
        try:
            ingest_document.delay(str(pk))
        except (OperationalError, RedisError, OSError) as error:
            logger.warning("Documents could not be queued again: %s", type(error).__name__)
            return


def _messages_in_queue() -> int:
    try:
        with current_app.connection_for_read() as connection:
            channel: Any = connection.default_channel
            return int(channel.client.llen(QUEUE))
    except (OperationalError, RedisError, OSError):
        return 0


@worker_ready.connect
def _take_over_at_start(sender: Any, **_: Any) -> None:
    """A worker that comes up after a crash on this host goes on with what the dead one left, without waiting."""
    if QUEUE in sender.app.amqp.queues.consume_from:
        requeue_overdue.apply_async(expires=30)
