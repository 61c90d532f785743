"""Holding a document while it is read: its owner sees how far it is, and a worker that is to stop lets go of it."""

import logging
import time
from typing import Any, ClassVar
from uuid import UUID

from django.db import Error, connection

from accounts.tenancy import acting_as_system
from documents import progress, stopping
from documents.ingestion import turns
from documents.models import Document
from documents.tasks import enqueue
from jobs.keeping import Kept, LeaseLost

__all__ = ["Lease", "LeaseLost"]

logger = logging.getLogger(__name__)


class Lease(Kept):
    """`with Lease(…)` keeps the row ours. `check` raises LeaseLost as soon as it is known not to be."""

    # A worker that is to stop has a few seconds, then it is killed.
    look_every: ClassVar[float] = 0.5

    # Seconds between two looks of a guest at who else is waiting.
    ask_every: ClassVar[float] = 2.0

    def __init__(self, document_id: UUID, worker: str, *, is_guest: bool = False) -> None:
        super().__init__(Document, document_id, worker)
        self._document_id = document_id
        # When to ask whether it has to give way.
        self._ask_at = time.monotonic() + turns.Turn.LONG if is_guest else None
        self._gives_way = False

    def report(self, **changes: Any) -> None:
        """Write progress and show it to the owner. Raises LeaseLost."""
        super().report(**changes)
        progress.publish(self._document_id)

    def is_to_stop(self) -> bool:
        return stopping.is_asked() or self._has_to_give_way()

    def _has_to_give_way(self) -> bool:
        if self._ask_at is not None and not self._gives_way and time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + self.ask_every
            try:
                with acting_as_system("see who waits"):
                    self._gives_way = turns.is_wanted_elsewhere()
            except Error as error:
                logger.warning("Whether others wait could not be seen: %s", type(error).__name__)
            finally:
                connection.close()
        return self._gives_way

    def give_back(self) -> bool:
        """Queue the document again: what ended this attempt was not the file, so the attempt does not count."""
        given = super().give_back()
        if given:
            enqueue(self._document_id)
            progress.publish(self._document_id)
        return given
