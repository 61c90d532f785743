"""Whose document is read next.

A queue message only says that there may be something to do. What is done is decided here, from the rows: the person
with the fewest documents in work comes first, and among equals the one who has waited longest, each with their oldest
document. So five hundred files of one person do not stand before the one page of another.

Nor does a document of a thousand pages. A worker reads MAX_PARALLEL_DOCUMENTS at once and has one process more, for
guests: people none of whose documents is in work. A guest that takes long gives way when another one waits.
"""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from documents.models import Document
from jobs.leases import claim, host_part

# Of turns that are taken at the same time the second must see the first.
_LOCK = 0x7E12D5
# Rows to look at, should somebody be deleting the first ones.
_CANDIDATES = 5
# What waits: not yet claimed, or its worker is dead.
_FREE = "(status = %(queued)s OR status = ANY(%(working)s) AND lease_until < statement_timestamp())"
_HELD = "(status = ANY(%(working)s) AND lease_until >= statement_timestamp())"


@dataclass(frozen=True, slots=True)
class Turn:
    """A document that was claimed. `is_guest`: by the process beyond MAX_PARALLEL_DOCUMENTS."""

    # Seconds after which a guest gives way to another.
    LONG: ClassVar[float] = 20.0

    document_id: UUID
    owner_id: UUID
    is_guest: bool


def take(worker: str) -> Turn | None:
    """Claim the document whose turn it is. None: nothing waits, or those that wait have to.

    Must be called as the system.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        held = _held_here()
        if held > settings.MAX_PARALLEL_DOCUMENTS:
            return None
        is_guest = held == settings.MAX_PARALLEL_DOCUMENTS
        waiting = _next_of_each(guests_alone=is_guest)
        # A row that is locked is being deleted, or given back, at this moment.
        free = Document.objects.select_for_update(no_key=True, skip_locked=True).filter(
            pk__in=[pk for pk, _ in waiting]
        )
        unlocked = set(free.values_list("pk", flat=True))
        for document_id, owner_id in waiting:
            if document_id in unlocked and claim(Document, document_id, worker=worker, status=Document.Status.PARSING):
                _go_to_the_end(owner_id)
                return Turn(document_id, owner_id, is_guest)
    return None


def is_wanted_elsewhere() -> bool:
    """Whether a guest has to give way: no other place is free here, and somebody waits who has nothing in work."""
    return _held_here() > settings.MAX_PARALLEL_DOCUMENTS and bool(_next_of_each(guests_alone=True))


def _held_here() -> int:
    """Documents that processes of this host read now."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM documents_document WHERE {_HELD} AND starts_with(claimed_by, %(host)s)",  # noqa: S608 - our own constants
            {**_statuses(), "host": f"{host_part()}:"},
        )
        return int(cursor.fetchone()[0])


def _next_of_each(*, guests_alone: bool) -> list[tuple[UUID, UUID]]:
    """(document, owner), whose turn it is first.

    Of each owner the oldest document; since when it waits (`queued_at`) is since when its owner does.
    """
    sql = f"""
        WITH held AS (SELECT owner_id, count(*) AS number FROM documents_document WHERE {_HELD} GROUP BY owner_id),
        oldest AS (
            SELECT DISTINCT ON (owner_id) id, owner_id, queued_at FROM documents_document WHERE {_FREE}
            ORDER BY owner_id, created_at, id
        )
        SELECT id, owner_id FROM oldest LEFT JOIN held USING (owner_id)
        WHERE number IS NULL OR NOT %(guests)s
        ORDER BY coalesce(number, 0), queued_at, id LIMIT {_CANDIDATES}
    """  # noqa: S608 - constants of ours
    with connection.cursor() as cursor:
        cursor.execute(sql, {**_statuses(), "guests": guests_alone})
        return list(cursor.fetchall())


def _go_to_the_end(owner_id: UUID) -> None:
    """Who had a turn waits again from now on, whenever their other documents came."""
    waiting = Document.objects.filter(owner_id=owner_id, status=Document.QUEUED).order_by("created_at", "pk")
    oldest = waiting.select_for_update(no_key=True, skip_locked=True).values("pk")[:1]
    Document.objects.filter(pk__in=list(oldest.values_list("pk", flat=True))).update(queued_at=Now())


def _statuses() -> dict[str, str | list[str]]:
    return {"queued": str(Document.QUEUED), "working": [str(status) for status in Document.WORKING]}
