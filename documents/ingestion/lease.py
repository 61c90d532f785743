"""Holding a job while slow work goes on: a small thread renews the lease."""

import logging
import threading
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from django.db import Error, connection

from documents import progress
from documents.models import Document
from jobs.leases import RENEW_EVERY, renew

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The document is gone, or somebody else has taken it over: stop, quietly."""


class Lease:
    """`with Lease(…)` keeps the row ours. `check` raises LeaseLost as soon as it is known not to be."""

    def __init__(self, document_id: UUID, worker: str) -> None:
        self.document_id = document_id
        self.worker = worker
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """End the thread. The lease itself runs on, for as long as it was last renewed."""
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        if self._lost.is_set():
            raise LeaseLost

    def report(self, **changes: Any) -> None:
        """Write progress and show it to the owner. Raises LeaseLost."""
        if not renew(Document, self.document_id, worker=self.worker, **changes):
            raise LeaseLost
        progress.publish(self.document_id)

    def _keep(self) -> None:
        while not self._stop.wait(RENEW_EVERY.total_seconds()):
            try:
                if not renew(Document, self.document_id, worker=self.worker):
                    self._lost.set()
                    return
            except Error as error:
                # The database is away. The lease may outlive that; whether it did is asked before anything is stored.
                logger.warning("A lease could not be renewed: %s", type(error).__name__)
            finally:
                connection.close()
