"""Telling a person's open pages how their documents are getting on. Light: nothing here waits for long or may fail."""

import asyncio
import logging
from typing import Literal, TypedDict
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from django.template.loader import render_to_string
from redis.exceptions import RedisError

from documents.models import Document
from documents.rows import Row, for_rows

logger = logging.getLogger(__name__)

# Seconds. A page that missed a message asks for the rows again, so giving up early costs nothing.
_PATIENCE = 2


class RowChanged(TypedDict):
    """What goes to a person's group: HTML for the page to put in place."""

    type: Literal["row.changed"]
    html: str


def group_of(owner_id: UUID | str) -> str:
    return f"documents.{owner_id}"


def publish(document_id: UUID | str) -> None:
    """Send the row as it is now to its owner's pages, after the running transaction, if there is one."""
    transaction.on_commit(lambda: _send_row(document_id), robust=True)


def publish_gone(document_id: UUID | str, owner_id: UUID | str) -> None:
    html = render_to_string("documents/_row_gone.html", {"document_id": document_id})
    transaction.on_commit(lambda: _send(owner_id, html), robust=True)


def _send_row(document_id: UUID | str) -> None:
    document = for_rows(Document.objects.filter(pk=document_id)).first()
    if document is None:
        return
    html = render_to_string("documents/_row.html", {"row": Row.of(document), "pushed": True})
    _send(document.owner_id, html)


def _send(owner_id: UUID | str, html: str) -> None:
    async def send() -> None:
        message: RowChanged = {"type": "row.changed", "html": html}
        async with asyncio.timeout(_PATIENCE):
            await get_channel_layer().group_send(group_of(owner_id), message)

    try:
        async_to_sync(send)()
    except (RedisError, OSError) as error:
        # Ingestion goes on without an audience: the row in the database is the truth.
        logger.warning("Progress was not delivered: %s", type(error).__name__)
