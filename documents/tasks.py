"""Queue `documents`. Messages carry an id; the row decides what there is to do."""

import logging
import uuid
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from accounts.tenancy import acting_as_system
from documents import stopping
from documents.models import Document
from jobs import leases, requeue

logger = logging.getLogger(__name__)

QUEUE = "documents"


# Documents for one message; other tasks of the queue have their turn in between.
_MOST = 5


@shared_task
def ingest_document(document_id: str) -> None:
    """Read what waits, whose turn it is (documents.ingestion.turns): perhaps another document than this one."""
    from documents.ingestion import ingest_next

    done = 0
    while done < _MOST and ingest_next():
        done += 1
    # Whoever had a place passes it on.
    if done == _MOST:
        enqueue(uuid.UUID(document_id))


def enqueue(document_id: uuid.UUID) -> None:
    """A broker that is away fails nobody: the row waits, and beat queues it once the broker is back."""
    try:
        ingest_document.delay(str(document_id))
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("A document could not be queued: %s", type(error).__name__)


@shared_task
def index_name(document_id: str) -> None:
    from documents.renaming import index_again

    index_again(uuid.UUID(document_id))


def enqueue_name(document_id: uuid.UUID) -> None:
    """A message that is lost leaves the old name in the search, beside nothing worse."""
    try:
        index_name.delay(str(document_id))
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("A new name could not be queued: %s", type(error).__name__)


@shared_task
def requeue_overdue() -> None:
    """For beat: documents whose worker died, and those whose queue message was lost.

    One message for each process of a worker wakes them all, and who is awake goes on while anything waits.
    """
    places = settings.MAX_PARALLEL_DOCUMENTS + 1
    with acting_as_system("find documents that nobody reads"):
        leases.release_dead(Document)
        waiting = list(leases.overdue(Document).order_by("queued_at").values_list("pk", flat=True)[:places])
    for pk in waiting[: places - requeue.messages_in(QUEUE)]:
        enqueue(pk)


@shared_task
def index_vectors() -> None:
    """For beat: give a library that has become large its index for approximate search."""
    from documents.spaces import active_space, index_if_large

    index_if_large(active_space())


@shared_task
def sweep_blobs() -> None:
    """For beat: delete the files that a kill left without a row."""
    from documents.sweeping import sweep

    if deleted := sweep():
        logger.info("Deleted %s files that belonged to no document.", deleted)


@worker_ready.connect
def _take_over_at_start(sender: Any, **_: Any) -> None:
    """A worker that comes up after a crash on this host goes on with what the dead one left, without waiting."""
    if QUEUE in sender.app.amqp.queues.consume_from:
        requeue_overdue.apply_async(expires=30)


@worker_shutting_down.connect
def _give_back(**_: Any) -> None:
    stopping.ask()
