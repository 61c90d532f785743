"""Queue `documents`: files of conversations. Messages carry an id; the row decides what there is to do."""

import logging
import uuid

from celery import shared_task

from accounts.tenancy import acting_as_system
from chats.exchange import asking
from chats.exchange.models import ExchangeJob
from jobs import requeue

logger = logging.getLogger(__name__)

QUEUE = "documents"


@shared_task
def do_exchange(job_id: str) -> None:
    from chats.exchange import working

    working.do(uuid.UUID(job_id))


@shared_task
def requeue_overdue() -> None:
    """For beat: jobs whose worker died, and those whose queue message was lost."""
    with acting_as_system("find imports and exports that nobody works on"):
        abandoned = requeue.abandoned(ExchangeJob, queue=QUEUE)
    for pk in abandoned:
        asking.enqueue(pk)


@shared_task
def sweep() -> None:
    """For beat: delete files that have expired, and what a kill left of those that were being written."""
    from chats.exchange import files

    with acting_as_system("find files of imports and exports that are over"):
        if deleted := files.sweep():
            logger.info("Deleted %s files of imports and exports.", deleted)
