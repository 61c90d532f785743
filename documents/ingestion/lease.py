"""Holding a job while slow work goes on: a small thread renews the lease."""

import contextvars
import logging
import threading
import time
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from django.db import Error, connection

from documents import progress, stopping
from documents.models import Document
from documents.tasks import enqueue
from jobs.leases import RENEW_EVERY, release, renew

logger = logging.getLogger(__name__)

# Seconds between two looks at whether the worker is to stop: it has a few, then it is killed.
_LOOK_EVERY = 0.5


class LeaseLost(Exception):
    """The document is gone, or somebody else has taken it over: stop, quietly."""


class Lease:
    """`with Lease(…)` keeps the row ours. `check` raises LeaseLost as soon as it is known not to be."""

    def __init__(self, document_id: UUID, worker: str) -> None:
        self.document_id = document_id
        self.worker = worker
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=[self._keep], name="lease", daemon=True
        )

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

    def give_back(self) -> None:
        """Queue the document again: what ended this attempt was not the file, so the attempt does not count."""
        self._lost.set()
        if release(Document, self.document_id, worker=self.worker):
            enqueue(self.document_id)
            progress.publish(self.document_id)

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._stop.wait(_LOOK_EVERY):
            if not stopping.is_asked() and time.monotonic() - renewed < RENEW_EVERY.total_seconds():
                continue
            renewed = time.monotonic()
            try:
                if stopping.is_asked():
                    # From this thread: the other one may wait for a page that takes longer than we have.
                    self.give_back()
                    return
                if not renew(Document, self.document_id, worker=self.worker):
                    self._lost.set()
                    return
            except Error as error:
                # The database is away. The lease may outlive that; whether it did is asked before anything is stored.
                logger.warning("A lease could not be renewed: %s", type(error).__name__)
            finally:
                connection.close()
