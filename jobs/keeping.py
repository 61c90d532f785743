"""Holding a job while slow work goes on: a small thread renews the lease."""

import contextvars
import logging
import threading
from types import TracebackType
from typing import Any, Self

from django.db import Error, connection

from jobs.leases import RENEW_EVERY, Leased, renew

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The row is gone, or somebody else has taken it over: stop, quietly."""


class Kept:
    """`with Kept(Model, pk, worker) as lease` keeps the row ours. `check` and `report` raise LeaseLost if it is not."""

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
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        if self._lost.is_set():
            raise LeaseLost

    def report(self, **changes: Any) -> None:
        """Write progress, and prolong the lease with it."""
        if not renew(self.model, self.pk, worker=self.worker, **changes):
            raise LeaseLost

    def _keep(self) -> None:
        while not self._stop.wait(RENEW_EVERY.total_seconds()):
            try:
                if not renew(self.model, self.pk, worker=self.worker):
                    self._lost.set()
                    return
            except Error:
                # The next time will tell; meanwhile the lease runs on.
                logger.warning("A lease could not be renewed: the database is away.")
            finally:
                connection.close()
