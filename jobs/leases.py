"""Durable work: a row with a status and a lease is the truth, a queue message is a hint.

A worker *claims* a row by a conditional UPDATE, *renews* the lease while it works, and *settles* the row at the end.
A row whose lease ran out, or that nobody claimed in time, is *overdue*: a beat task re-queues it. So a lost
broker message, a killed worker or a restart costs time, never work.

All clocks are the database's, so that workers on several hosts agree.
"""

import functools
import os
import re
import socket
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from django.db import connection, models
from django.db.models import F, Q
from django.db.models.functions import Now

LEASE = timedelta(seconds=15)
RENEW_EVERY = timedelta(seconds=4)
UNCLAIMED_AFTER = timedelta(seconds=10)


def worker_name() -> str:
    """A name for one attempt at one row, unique across hosts, processes and restarts."""
    return f"{host_part()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


@functools.cache
def host_part() -> str:
    """How the names of all workers begin whose process numbers mean the same as here.

    A host name is not enough: containers may share one and still count their processes each for itself. So where the
    kernel says them, the namespace of the numbers is in it, and the boot, because every boot has the same first one.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = re.sub(r"\D", "", str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}/{boot}/{namespace}"


class Leased(models.Model):
    """A row that is also a job. Subclasses have a `status` field and say which values mean waiting and working."""

    QUEUED: ClassVar[str]
    WORKING: ClassVar[tuple[str, ...]]

    claimed_by = models.CharField(max_length=200, blank=True, default="", editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    queued_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True


Job = TypeVar("Job", bound=Leased)


def _free(model: type[Leased]) -> Q:
    return Q(status=model.QUEUED) | Q(status__in=model.WORKING, lease_until__lt=Now())


class _CheapCommit(models.Func):
    """Always true, and lets the transaction end without waiting for the disk, at the cost of no further statement.

    What a crash of the database can lose of it is a claim, and a claim is done again.
    """

    arity = 0
    template = "set_config('synchronous_commit', 'off', true) = 'off'"
    output_field = models.BooleanField()


def claim(model: type[Job], pk: object, *, worker: str, status: str) -> bool:
    """Take the row if it waits or its lease ran out. False: it is gone, finished, or somebody else's."""
    taken = model._default_manager.filter(_free(model), _CheapCommit(), pk=pk).update(
        status=status,
        claimed_by=worker,
        lease_until=Now() + LEASE,
        attempts=F("attempts") + 1,
    )
    return taken == 1


def renew(model: type[Job], pk: object, *, worker: str, **changes: Any) -> bool:
    """Prolong the lease and store `changes` with it. False: the row is no longer this worker's, so stop quietly."""
    kept = model._default_manager.filter(pk=pk, claimed_by=worker, status__in=model.WORKING).update(
        lease_until=Now() + LEASE, **changes
    )
    return kept == 1


def renew_all(model: type[Job], held: Sequence[Mapping[str, Any]], *, returning: str) -> dict[object, Any]:
    """Prolong many leases at once, in one statement: {pk: the column `returning`}. Rows missing from it are lost.

    Each mapping has `pk`, `worker` and the same further columns, whose values are stored.
    """
    if not held:
        return {}
    quote = connection.ops.quote_name
    stored = [model._meta.get_field(name) for name in held[0] if name not in {"pk", "worker"}]
    columns = {quote(field.name): f"{field.db_type(connection)}[]" for field in stored}
    sql = f"""
        UPDATE {quote(model._meta.db_table)} AS job
        SET lease_until = statement_timestamp() + %s::interval{"".join(f", {c} = held.{c}" for c in columns)}
        FROM unnest(%s::uuid[], %s::text[]{"".join(f", %s::{kind}" for kind in columns.values())})
            AS held ({", ".join(["pk", "worker", *columns])})
        WHERE job.id = held.pk AND job.claimed_by = held.worker AND job.status = ANY(%s)
            AND {_CheapCommit.template}
        RETURNING job.id, job.{quote(returning)}
    """  # noqa: S608 - names of our own columns; every value is a parameter
    values = [[row[name] for row in held] for name in ("pk", "worker", *(field.name for field in stored))]
    with connection.cursor() as cursor:
        cursor.execute(sql, [f"{LEASE.total_seconds()} seconds", *values, [str(status) for status in model.WORKING]])
        return dict(cursor.fetchall())


def settle(model: type[Job], pk: object, *, worker: str, status: str, **changes: Any) -> bool:
    """End the job with its result, once. False: somebody else took over, so nothing was written."""
    ended = model._default_manager.filter(pk=pk, claimed_by=worker, status__in=model.WORKING).update(
        status=status, claimed_by="", lease_until=None, **changes
    )
    return ended == 1


def release(model: type[Job], pk: object, *, worker: str) -> bool:
    """Give the row back to the queue as if it had never been claimed. False: it is no longer this worker's."""
    freed = model._default_manager.filter(pk=pk, claimed_by=worker, status__in=model.WORKING).update(
        status=model.QUEUED, claimed_by="", lease_until=None, attempts=F("attempts") - 1, queued_at=Now()
    )
    return freed == 1


def overdue(model: type[Job]) -> models.QuerySet[Job]:
    """Rows to queue again: the lease ran out, or the queue message was lost before anybody claimed them.

    `queued_at` says when a row was queued last; one that was queued again meanwhile waits its time.
    """
    long_ago = Q(queued_at__lt=Now() - UNCLAIMED_AFTER)
    return model._default_manager.filter(
        Q(status__in=model.WORKING, lease_until__lt=Now()) & (Q(queued_at__lte=F("lease_until")) | long_ago)
        | Q(status=model.QUEUED) & long_ago
    )


def release_dead(model: type[Job]) -> int:
    """End the leases of workers of this host whose process is gone, so that nobody waits for them to run out.

    Only of those that share this process's numbers: what is gone here may be alive in the container beside it.
    """
    held = model._default_manager.filter(
        status__in=model.WORKING, claimed_by__startswith=f"{host_part()}:", lease_until__gt=Now()
    ).values_list("claimed_by", flat=True)
    dead = [name for name in held if not _is_alive(name)]
    if not dead:
        return 0
    return model._default_manager.filter(claimed_by__in=dead).update(lease_until=Now())


def _is_alive(worker: str) -> bool:
    try:
        pid = int(worker.rsplit(":", 2)[1])
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, IndexError):
        return True
    return True
