"""Holding a job while slow work goes on: a small thread renews the lease."""

import contextvars
import logging
import threading
import time
from types import TracebackType
from typing import Any, ClassVar, Self

from django.db import Error, connection

from jobs.leases import RENEW_EVERY, Leased, release, renew

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The row is gone, or somebody else has taken it over: stop, quietly."""


class Kept:
    """`with Kept(Model, pk, worker) as lease` keeps the row ours. `check` and `report` raise LeaseLost if it is not."""

    # Seconds between two looks of the thread.
    look_every: ClassVar[float] = 1.0

    def __init__(self, model: type[Leased], pk: object, worker: str) -> None:
        self.model, self.pk, self.worker = model, pk, worker
        self._stop = threading.Event()
        self._lost = threading.Event()
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=[self._keep], name="lease", daemon=True)

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
        """Write progress, and prolong the lease with it."""
        if not renew(self.model, self.pk, worker=self.worker, **changes):
            raise LeaseLost

    def give_back(self) -> bool:
        """To the queue, as if it had never been claimed. False: it was somebody else's already."""
        self._lost.set()
        return release(self.model, self.pk, worker=self.worker)

    def is_to_stop(self) -> bool:
        """For subclasses: whether this worker has to let go of its work."""
        return False

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._stop.wait(self.look_every):
            if not self.is_to_stop() and time.monotonic() - renewed < RENEW_EVERY.total_seconds():
                continue
            renewed = time.monotonic()
            try:
                if self.is_to_stop():
                    # From this thread: the other one may be in the middle of something that takes longer than we have.
                    self.give_back()
                    return
                if not renew(self.model, self.pk, worker=self.worker):
                    self._lost.set()
                    return
            except Error as error:
                # The database is away. The lease may outlive that; whether it did is asked before anything is stored.
                logger.warning("A lease could not be renewed: %s", type(error).__name__)
            finally:
                connection.close()
