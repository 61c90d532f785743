"""Queue `documents`. Messages carry an id; the row decides what there is to do."""

import logging
import uuid

from celery import shared_task

from accounts.tenancy import acting_as_system

logger = logging.getLogger(__name__)


@shared_task
def read_text(picture_id: str) -> None:
    from chats.images import text

    text.read(uuid.UUID(picture_id))


@shared_task
def sweep() -> None:
    """For beat: delete pictures that were never sent, and the files that a kill left without a row."""
    from chats.images import keeping

    with acting_as_system("find pictures that were never sent"):
        if deleted := keeping.sweep():
            logger.info("Deleted %s pictures that belong to no question.", deleted)
