"""How far a run of re-indexing is, kept in its row: for the administration, and for the run that goes on with it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q, Sum
from django.db.models.functions import Now
from django.utils import timezone

from documents.models import Chunk, Document, DocumentQuerySet, Reindexing
from llms.errors import ModelError

# Older than this, an interrupted run of a part is not gone on with: who starts one then means all of it.
GOES_ON_FOR = timedelta(days=7)
# Seconds between two writes of progress.
_EVERY = 0.5


@dataclass(frozen=True)
class Progress:
    """Passages."""

    done: int
    total: int

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 100


@dataclass(frozen=True)
class Part:
    """Whose documents: everybody's, one person's, or those of one collection."""

    owner_id: UUID | None = None
    collection_id: UUID | None = None

    def documents(self) -> DocumentQuerySet:
        documents = Document.objects.searchable()
        if self.owner_id:
            documents = documents.filter(owner=self.owner_id)
        if self.collection_id:
            documents = documents.filter(collection=self.collection_id)
        return documents

    def waiting(self, since: datetime) -> list[UUID]:
        """Those that were last indexed before, in order."""
        waiting = self.documents().filter(current_version__indexed_at__lt=since)
        return list(waiting.order_by("pk").values_list("pk", flat=True))


def progress_of(part: Part, since: datetime) -> Progress:
    passages = Sum("current_version__passage_count")
    sums = part.documents().aggregate(
        total=passages, left=Sum("current_version__passage_count", filter=Q(current_version__indexed_at__lt=since))
    )
    total = sums["total"] or 0
    return Progress(total - (sums["left"] or 0), total)


def passages_to_embed() -> int:
    """What earlier versions of documents said is kept for citations, and not searched."""
    return Chunk.objects.filter(version__in=Document.objects.searchable().values("current_version")).count()


class Run:
    """The row of a run under way."""

    def __init__(self, row: Reindexing) -> None:
        self._row = row
        self._told = 0.0
        self._latest: Progress | None = None

    @property
    def since(self) -> datetime:
        return self._row.started_at

    def reporting(self, report: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """`report`, and the row."""

        def told(progress: Progress) -> None:
            self._latest = progress
            if time.monotonic() - self._told >= _EVERY:
                self._told = time.monotonic()
                self.write()
            report(progress)

        return told

    def write(self, **changes: object) -> None:
        if self._latest is not None:
            changes |= {"done": self._latest.done, "total": self._latest.total}
        Reindexing.objects.filter(pk=self._row.pk).update(seen_at=Now(), **changes)


@contextmanager
def told(kind: Reindexing.Kind, model: str, part: Part = Part(), *, afresh: bool = False) -> Iterator[Run]:
    """A run, gone on with if the latest of this kind and part did not end well, until it ends.

    Whoever is killed, or meets an error of ours, leaves the row as it is: that is how an interrupted run is known.
    """
    run = Run(_begun(kind, model, part, afresh=afresh))
    try:
        yield run
    except ModelError as error:
        run.write(state=Reindexing.State.FAILED, error_code=error.code, ended_at=Now())
        raise
    run.write(state=Reindexing.State.DONE, ended_at=Now())


def _begun(kind: Reindexing.Kind, model: str, part: Part, *, afresh: bool) -> Reindexing:
    same = Reindexing.objects.filter(kind=kind, model=model, owner=part.owner_id, collection=part.collection_id)
    latest = same.order_by("-started_at").first()
    if (
        latest is not None
        and latest.state != Reindexing.State.DONE
        and latest.seen_at > timezone.now() - GOES_ON_FOR
        and not afresh
    ):
        again = {"state": Reindexing.State.RUNNING, "error_code": "", "ended_at": None, "seen_at": Now()}
        same.filter(pk=latest.pk).update(starts=F("starts") + 1, **again)
        return latest
    made = Reindexing.objects.create(kind=kind, model=model, owner_id=part.owner_id, collection_id=part.collection_id)
    made.refresh_from_db()
    return made
