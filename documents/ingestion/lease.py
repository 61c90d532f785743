"""Holding a document while it is read: its owner sees how far it is, and a worker that is to stop lets go of it."""

from typing import Any, ClassVar
from uuid import UUID

from documents import progress, stopping
from documents.models import Document
from documents.tasks import enqueue
from jobs.keeping import Kept, LeaseLost

__all__ = ["Lease", "LeaseLost"]


class Lease(Kept):
    """`with Lease(…)` keeps the row ours. `check` raises LeaseLost as soon as it is known not to be."""

    # A worker that is to stop has a few seconds, then it is killed.
    look_every: ClassVar[float] = 0.5

    def __init__(self, document_id: UUID, worker: str) -> None:
        super().__init__(Document, document_id, worker)
        self._document_id = document_id

    def report(self, **changes: Any) -> None:
        """Write progress and show it to the owner. Raises LeaseLost."""
        super().report(**changes)
        progress.publish(self._document_id)

    def is_to_stop(self) -> bool:
        return stopping.is_asked()

    def give_back(self) -> bool:
        """Queue the document again: what ended this attempt was not the file, so the attempt does not count."""
        given = super().give_back()
        if given:
            enqueue(self._document_id)
            progress.publish(self._document_id)
        return given
