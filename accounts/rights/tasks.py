"""Queue `documents`: long work on a person's data. Messages carry an id; the row decides what there is to do."""

import logging
import uuid

from celery import shared_task

from accounts.rights import requesting
from accounts.rights.models import DataRequest
from accounts.tenancy import acting_as_system
from jobs import requeue

logger = logging.getLogger(__name__)

QUEUE = "documents"


@shared_task
def do_request(request_id: str) -> None:
    from accounts.rights import working

    working.do(uuid.UUID(request_id))


@shared_task
def requeue_overdue() -> None:
    """For beat: requests whose worker died, and those whose queue message was lost."""
    with acting_as_system("find requests that nobody works on"):
        abandoned = requeue.abandoned(DataRequest, queue=QUEUE)
    for pk in abandoned:
        requesting.enqueue(pk)


@shared_task
def sweep_archives() -> None:
    """For beat: delete what a kill left of archives that were being made."""
    from accounts.rights import archive

    with acting_as_system("find archives without a request"):
        if deleted := archive.sweep(lambda key: DataRequest.objects.filter(file=key).exists()):
            logger.info("Deleted %s archives that belonged to no request.", deleted)


@shared_task
def apply_retention() -> None:
    """For beat: delete what is older than it may become."""
    from accounts.rights import retention

    retention.apply()
