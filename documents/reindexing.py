"""Moving the whole library to another embedding model while it is searched and written.

The vectors are made in a space of their own, in batches that are each kept, so a killed run goes on where it
stopped. What arrives meanwhile is taken in before the switch. The switch is one short transaction.

A part of the library is made anew in the space that is searched, a document at a time, each in one transaction.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from accounts.tenancy import acting_as_system
from documents import runs
from documents.index import searchable_text
from documents.models import Chunk, Document, Embedding, EmbeddingSpace, Reindexing
from documents.renaming import index_again
from documents.runs import Part, Progress
from documents.spaces import active_space, drop_index, embed, index_if_large

BATCH = 128
# Searches that chose the old space before the switch have this long to finish, in seconds.
GRACE = 10.0
# Should documents arrive faster than this catches up, the last passages are embedded while writers wait.
PATIENCE = 10
_LOCK = 0x5EED1DE5
# A process that was killed holds its lock until the server notices, in seconds.
PATIENT_WITH_THE_DEAD = 3.0
# How often documents are looked for that were skipped, because somebody was changing them.
ROUNDS = 3


class AlreadyRunning(Exception):
    """Another process is re-indexing."""


@dataclass(frozen=True)
class _Passage:
    chunk_id: int
    version_id: UUID
    indexed_at: datetime
    searchable: str


def reindex(model: str, *, report: Callable[[Progress], None], grace: float | None = None) -> EmbeddingSpace:
    """Make `model` the one that documents are searched with. Doing it again changes nothing.

    Raises AlreadyRunning, or a ModelError (what was done so far is kept).
    """
    with acting_as_system("embed all passages anew"), _alone():
        with runs.told(Reindexing.Kind.MODEL, model) as run:
            told = run.reporting(report)
            space = _space_for(model)
            _fill(space, told)
            index_if_large(space)
            for attempt in range(PATIENCE + 1):
                if _switched(space, hold=attempt == PATIENCE):
                    break
                _fill(space, told)
        if EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.RETIRED).exists():
            time.sleep(GRACE if grace is None else grace)
            _remove_retired()
        space.refresh_from_db()
        return space


def renew(part: Part, *, report: Callable[[Progress], None], afresh: bool = False) -> int:
    """Make the postings and vectors of a part anew, from the stored passages, in the space that is searched.

    How many documents are left, because somebody was changing them all the time. A run that was interrupted goes on
    with what it had not done, unless it is to begin `afresh`. Raises AlreadyRunning, or a ModelError (what was done so
    far is kept).
    """
    with (
        acting_as_system("index a part anew"),
        _alone(),
        runs.told(Reindexing.Kind.PART, active_space().model, part, afresh=afresh) as run,
    ):
        told = run.reporting(report)
        told(runs.progress_of(part, run.since))
        for _ in range(ROUNDS):
            for document_id in part.waiting(run.since):
                index_again(document_id)
                told(runs.progress_of(part, run.since))
        return len(part.waiting(run.since))


def is_running() -> bool:
    """Whether a process is re-indexing at this moment, anywhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND granted
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            )
            """,
            [_LOCK],
        )
        return bool(cursor.fetchone()[0])


@contextmanager
def _alone() -> Iterator[None]:
    """The lock belongs to the connection, so it ends with the process, however that ends."""
    until = time.monotonic() + PATIENT_WITH_THE_DEAD
    while not _locked():
        if time.monotonic() > until:
            raise AlreadyRunning
        time.sleep(0.1)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _space_for(model: str) -> EmbeddingSpace:
    """The active space if it is of this model, else the one begun earlier, else a new one."""
    from llms.embeddings import dimension

    active = active_space()
    size = dimension(model)
    if (active.model, active.dimension) == (model, size):
        return active
    # Begun for a model that nobody asks for any more.
    EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.BUILDING).exclude(model=model, dimension=size).update(
        state=EmbeddingSpace.State.RETIRED
    )
    space, _ = EmbeddingSpace.objects.get_or_create(model=model, dimension=size, state=EmbeddingSpace.State.BUILDING)
    return space


def _fill(space: EmbeddingSpace, report: Callable[[Progress], None]) -> None:
    total = runs.passages_to_embed()
    done = space.embeddings.count()
    report(Progress(done, total))
    after = 0
    while batch := _without_vector(space, after=after):
        done += _embed(space, batch)
        after = batch[-1].chunk_id
        report(Progress(done, max(done, total)))


def _without_vector(space: EmbeddingSpace, *, after: int = 0) -> list[_Passage]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT chunk.id, chunk.version_id, chunk.index, version.indexed_at, chunk.content, chunk.heading,
                document.id, document.name, document.owner_id
            FROM documents_chunk AS chunk
            JOIN documents_documentversion AS version ON version.id = chunk.version_id
            JOIN documents_document AS document ON document.id = version.document_id
            WHERE chunk.id > %s AND version.id = document.current_version_id
                AND NOT EXISTS (SELECT FROM documents_embedding WHERE space_id = %s AND chunk_id = chunk.id)
            ORDER BY chunk.id LIMIT %s
            """,
            [after, space.pk, BATCH],
        )
        return [_passage(*row) for row in cursor.fetchall()]


def _passage(
    chunk_id: int,
    version_id: UUID,
    index: int,
    indexed_at: datetime,
    content: bytes,
    heading: bytes,
    document_id: UUID,
    name: bytes,
    owner_id: UUID,
) -> _Passage:
    searchable = searchable_text(
        Document.unsealed("name", name, document_id, owner_id=owner_id),
        Chunk.unsealed("heading", heading, version_id, index, owner_id=owner_id),
        Chunk.unsealed("content", content, version_id, index, owner_id=owner_id),
    )
    return _Passage(chunk_id, version_id, indexed_at, searchable)


def _embed(space: EmbeddingSpace, batch: list[_Passage]) -> int:
    """Store vectors for the passages that are still what they were when they were read; how many that were."""
    vectors = embed(space, [passage.searchable for passage in batch])
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO documents_embedding (space_id, version_id, owner_id, chunk_id, vector)
            SELECT %s, chunk.version_id, chunk.owner_id, chunk.id, made.vector::halfvec
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS made (chunk_id, indexed_at, vector)
            JOIN documents_chunk AS chunk ON chunk.id = made.chunk_id
            JOIN documents_documentversion AS version
                ON version.id = chunk.version_id AND version.indexed_at = made.indexed_at
            JOIN documents_document AS document ON document.current_version_id = version.id
            FOR SHARE OF chunk, version
            ON CONFLICT DO NOTHING
            """,
            [
                space.pk,
                [passage.chunk_id for passage in batch],
                [passage.indexed_at for passage in batch],
                [json.dumps(vector) for vector in vectors],
            ],
        )
        return int(cursor.rowcount)


def _switched(space: EmbeddingSpace, *, hold: bool) -> bool:
    """Make `space` the active one if it misses nothing. `hold`: make what it misses now, while writers wait."""
    with transaction.atomic():
        # Waits for every documents.index.write_passages under way, and makes later ones wait for us.
        list(EmbeddingSpace.objects.select_for_update().order_by("pk"))
        while missing := _without_vector(space):
            if not hold:
                return False
            _embed(space, missing)
        _drop_replaced(space)
        others = EmbeddingSpace.objects.exclude(pk=space.pk)
        others.filter(state=EmbeddingSpace.State.ACTIVE).update(state=EmbeddingSpace.State.RETIRED)
        EmbeddingSpace.objects.filter(pk=space.pk).update(state=EmbeddingSpace.State.ACTIVE)
        return True


def _drop_replaced(space: EmbeddingSpace) -> None:
    """Vectors of versions that were replaced in the moment they were embedded."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM documents_embedding USING documents_documentversion AS version, documents_document AS document
            WHERE space_id = %s AND version.id = version_id AND document.id = version.document_id
                AND document.current_version_id <> version.id
            """,
            [space.pk],
        )


def _remove_retired() -> None:
    for space in EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.RETIRED):
        drop_index(space)
        while chunks := list(space.embeddings.values_list("chunk_id", flat=True)[:5_000]):
            Embedding.objects.filter(space=space, chunk__in=chunks).delete()
        space.delete()
