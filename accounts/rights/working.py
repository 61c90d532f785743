"""One request, from the queue to its end: the archive of an export, or the erasure of an account."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts import audit
from accounts.encryption import keys
from accounts.models import User
from accounts.rights import archive
from accounts.rights.holdings import Entry, every
from accounts.rights.models import DataRequest, LegalHold
from accounts.tenancy import acting_as, acting_as_system
from jobs.keeping import Kept, LeaseLost
from jobs.leases import claim, settle, worker_name

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
_FAILED = "This could not be done, by a fault of ours. Nothing was changed by it. Try again, or ask an administrator."
_HELD = "Nothing was deleted: a legal hold was set on this account. The account stays closed."
# Minutes until an erasure that failed is tried again: one more with each time, up to this.
_LONGEST_PAUSE = 60


def do(request_id: UUID) -> None:
    """Do what was asked for, if it waits for that. Interrupted at any point, the next worker goes on."""
    worker = worker_name()
    with acting_as_system("claim a request about somebody's data"):
        if not claim(DataRequest, request_id, worker=worker, status=DataRequest.Status.WORKING):
            return
        request = DataRequest.objects.get(pk=request_id)
    with acting_as(request.owner_id):
        try:
            with Kept(DataRequest, request.pk, worker) as lease:
                if request.kind == DataRequest.Kind.EXPORT:
                    _export(request, lease)
                else:
                    _erase(request, lease)
        except LeaseLost:
            logger.info("Request %s is somebody else's now.", request_id)
        except Exception:
            logger.exception("Request %s met an error of ours.", request_id)
            if request.kind == DataRequest.Kind.EXPORT:
                _fail(request, worker, _FAILED)
            else:
                _try_again_later(request, worker)


def _fail(request: DataRequest, worker: str, text: str) -> None:
    failed = DataRequest.Status.FAILED
    settle(DataRequest, request.pk, worker=worker, status=failed, error_text=text, finished_at=Now())


def _try_again_later(request: DataRequest, worker: str) -> None:
    """An erasure is tried until it is done: beat queues it again when its lease has run out."""
    pause = timedelta(minutes=min(request.attempts, _LONGEST_PAUSE))
    DataRequest.objects.filter(pk=request.pk, claimed_by=worker).update(lease_until=Now() + pause)


class _Steps:
    """Counts what is done and writes it down now and then. Raises LeaseLost."""

    def __init__(self, lease: Kept, user_id: UUID) -> None:
        self._lease = lease
        self._total = sum(holding.count(user_id) for holding in every())
        self._done = 0
        self._reported = -1.0
        lease.report(progress_done=0, progress_total=self._total)

    def __call__(self) -> None:
        self._lease.check()
        self._done += 1
        share = self._done / max(1, self._total)
        if share - self._reported >= 0.01 or self._done == self._total:
            self._reported = share
            self._lease.report(progress_done=min(self._done, self._total))


def _export(request: DataRequest, lease: Kept) -> None:
    if request.attempts > MOST_ATTEMPTS:
        # It took its worker with it every time.
        _fail(request, lease.worker, _FAILED)
        return
    user = User.objects.get(pk=request.owner_id)
    step = _Steps(lease, user.pk)

    def entries() -> Iterator[Entry]:
        for holding in every():
            for entry in holding.export(user):
                yield entry
                if entry.ends_step:
                    step()

    key, size = archive.store(entries(), owner_id=user.pk, check=lease.check)
    kept = False
    try:
        with transaction.atomic():
            kept = settle(
                DataRequest,
                request.pk,
                worker=lease.worker,
                status=DataRequest.Status.DONE,
                file=key,
                size=size,
                finished_at=Now(),
                expires_at=timezone.now() + timedelta(days=settings.EXPORT_DAYS),
            )
            if kept:
                audit.record(audit.Action.EXPORT_MADE, user=user, resource=("data_request", request.pk), size=size)
    finally:
        if not kept:
            archive.delete(key)


def _erase(request: DataRequest, lease: Kept) -> None:
    """The key first: from then on nothing of the person can be read, wherever a copy of it lies.

    What is left in its place refuses a new key, so that nothing is sealed for the person by whoever is late.
    """
    user_id = request.owner_id
    with transaction.atomic():
        # Whoever sets a legal hold takes the same lock, and so comes before this or sees it under way.
        list(User.objects.select_for_update().filter(pk=user_id).values_list("pk"))
        if LegalHold.objects.filter(user=user_id).exists():
            _fail(request, lease.worker, _HELD)
            return
        keys.destroy(user_id)
    step = _Steps(lease, user_id)
    for holding in every():
        holding.erase(user_id, step)
    with acting_as_system("write down that an account was erased"), transaction.atomic():
        if settle(
            DataRequest,
            request.pk,
            worker=lease.worker,
            status=DataRequest.Status.DONE,
            finished_at=Now(),
            file="",
            size=0,
        ):
            audit.record(audit.Action.ERASED, resource=("user", user_id))
