"""Writing the search index: passages, their terms and their vectors, one version at a time."""

import json
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models.functions import Now

from accounts.encryption import keys
from accounts.encryption.fields import Sealed
from documents.models import Chunk, DocumentVersion, Embedding, EmbeddingSpace, Posting
from documents.postings import LONGEST, as_array, inverted
from documents.spaces import active_space, embed
from documents.terms import PassageTerms, language_of, passage_terms, storable

_Row = TypeVar("_Row")

__all__ = ["NewPassage", "active_space", "searchable_text", "write_passages"]

# How often the words of the document's name, of the headings, and with which the page opens count, beside the passage's
# own words counting once. Measured: docs/decisions/0011-fusion.md.
_NAME_WEIGHT = 3
_HEADING_WEIGHT = 1
_OPENING_WEIGHT = 3
# Characters. A page of a report opens with what it shows: "Consolidated Balance Sheets (in millions)".
_OPENING = 120
# Rows that go to the database in one statement: a long document is hundreds of megabytes, and this is at most a few.
_ROWS = 1_000
_POSTINGS = 10_000
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")


@dataclass(frozen=True)
class NewPassage:
    """One passage to be indexed, in reading order.

    `searchable` is the text that was embedded: `searchable_text(document name, heading, content)`.
    """

    page: int
    start: int
    content: str
    heading: str = ""
    boxes: list[Any] = field(default_factory=list)
    searchable: str = ""


def searchable_text(name: str, heading: str, content: str) -> str:
    """A passage with where it stands: the question often names the document rather than the passage."""
    return storable("\n".join(part for part in (_EXTENSION.sub("", name), heading, content) if part))


def write_passages(
    version: DocumentVersion,
    passages: Sequence[NewPassage],
    vectors: Sequence[Sequence[float]],
    *,
    space: EmbeddingSpace,
) -> None:
    """Make these the passages of `version`, in one transaction. Doing it twice leaves the same rows.

    `vectors` belong to `passages`, in `space`. Should another space have become the active one meanwhile, the
    passages are embedded again for that one.
    """
    if len(passages) != len(vectors):
        raise ValueError(f"{len(passages)} passages came with {len(vectors)} vectors.")
    name = version.document.name
    language = language_of([passage.content for passage in passages])
    key = keys.of(version.owner_id, make=True).terms
    openings = _openings(passages)
    terms = [_terms(name, passage, opening, language, key) for passage, opening in zip(passages, openings, strict=True)]
    while not _written(version, passages, terms, vectors, space=space, language=language):
        space = active_space()
        vectors = _embedded(space, name, passages)


def _embedded(space: EmbeddingSpace, name: str, passages: Sequence[NewPassage]) -> list[Sequence[float]]:
    found: list[Sequence[float]] = []
    for batch in _batches(passages):
        texts = [passage.searchable or searchable_text(name, passage.heading, passage.content) for passage in batch]
        found += [array("f", vector) for vector in embed(space, texts)]
    return found


def _batches(rows: Sequence[_Row], size: int = _ROWS) -> Iterator[Sequence[_Row]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _openings(passages: Sequence[NewPassage]) -> list[str]:
    """For each passage with what its page opens, and nothing for the one that stands there itself."""
    found: list[str] = []
    page, opening = 0, ""
    for passage in passages:
        if passage.page != page:
            page, opening = passage.page, " ".join(passage.content[: _OPENING * 2].split())[:_OPENING]
            found.append("")
        else:
            found.append(opening)
    return found


def _terms(name: str, passage: NewPassage, opening: str, language: str, key: bytes) -> PassageTerms:
    parts = [passage.content] + [passage.heading] * _HEADING_WEIGHT
    parts += [searchable_text(name, "", "")] * _NAME_WEIGHT + [opening] * _OPENING_WEIGHT
    return passage_terms("\n".join(parts), language, key)


def _written(
    version: DocumentVersion,
    passages: Sequence[NewPassage],
    terms: Sequence[PassageTerms],
    vectors: Sequence[Sequence[float]],
    *,
    space: EmbeddingSpace,
    language: str,
) -> bool:
    with transaction.atomic():
        # Shared with other writers; a switch of spaces waits for us and then sees our passages (documents.spaces).
        state = EmbeddingSpace.objects.raw(
            f"SELECT id, state FROM {EmbeddingSpace._meta.db_table} WHERE id = %s FOR SHARE",  # noqa: S608 - our own name
            [space.pk],
        )
        if [row.state for row in state] != [EmbeddingSpace.State.ACTIVE]:
            return False
        # Two workers on one version take turns.
        DocumentVersion.objects.select_for_update().get(pk=version.pk)
        # Through the ORM, so that whoever points at a passage that is no more is told.
        Chunk.objects.filter(version=version, index__gte=len(passages)).delete()
        chunk_ids = _write_chunks(version, passages, terms)
        _write_postings(version, chunk_ids, terms)
        # Made from the old text, perhaps; whoever builds another space makes them again.
        Embedding.objects.filter(version=version).exclude(space=space).delete()
        _write_vectors(version, space, chunk_ids, vectors)
        DocumentVersion.objects.filter(pk=version.pk).update(
            passage_count=len(passages),
            term_count=sum(passage.length for passage in terms),
            language=language,
            indexed_at=Now(),
        )
    version.refresh_from_db(fields=["passage_count", "term_count", "language", "indexed_at"])
    return True


def _write_chunks(version: DocumentVersion, passages: Sequence[NewPassage], terms: Sequence[PassageTerms]) -> list[int]:
    """Ids in the order of `passages`. A passage that was there keeps its id, so citations keep their passage."""
    found: list[tuple[int, int]] = []
    with connection.cursor() as cursor:
        for batch in _batches(list(enumerate(zip(passages, terms, strict=True)))):
            new = [passage for _, (passage, _) in batch]
            texts = [_sealed(version, index, passage) for index, (passage, _) in batch]
            cursor.execute(
                """
                INSERT INTO documents_chunk (version_id, owner_id, index, page, start, content, heading, boxes, length)
                SELECT %s, %s, index, page, start, content, heading, boxes::jsonb, length
                FROM unnest(%s::int[], %s::int[], %s::int[], %s::bytea[], %s::bytea[], %s::text[], %s::int[])
                    AS new (index, page, start, content, heading, boxes, length)
                ON CONFLICT (version_id, index) DO UPDATE SET
                    page = excluded.page, start = excluded.start, content = excluded.content,
                    heading = excluded.heading, boxes = excluded.boxes, length = excluded.length
                RETURNING index, id
                """,
                [
                    version.pk,
                    version.owner_id,
                    [index for index, _ in batch],
                    [passage.page for passage in new],
                    [passage.start for passage in new],
                    [sealed["content"] for sealed in texts],
                    [sealed["heading"] for sealed in texts],
                    [json.dumps(passage.boxes) for passage in new],
                    [term.length for _, (_, term) in batch],
                ],
            )
            found += cursor.fetchall()
    return [chunk_id for _, chunk_id in sorted(found)]


def _sealed(version: DocumentVersion, index: int, passage: NewPassage) -> dict[str, Sealed]:
    return Chunk.sealed(
        version.pk,
        index,
        owner_id=version.owner_id,
        content=storable(passage.content),
        heading=storable(passage.heading)[:500],
    )


def _write_postings(version: DocumentVersion, chunk_ids: Sequence[int], terms: Sequence[PassageTerms]) -> None:
    """Not by COPY, which PostgreSQL refuses where row-level security is on."""
    Posting.objects.filter(version=version).delete()
    places = ((pk, found, min(found.length, LONGEST)) for pk, found in zip(chunk_ids, terms, strict=True))
    with connection.cursor() as cursor:
        for batch in _batches(inverted(places), _POSTINGS):
            cursor.execute(
                """
                INSERT INTO documents_posting (term, version_id, owner_id, passages)
                SELECT term, %s, %s, passages::bigint[] FROM unnest(%s::bigint[], %s::text[]) AS new (term, passages)
                """,
                [
                    version.pk,
                    version.owner_id,
                    [term for term, _ in batch],
                    [as_array(passages) for _, passages in batch],
                ],
            )


def _write_vectors(
    version: DocumentVersion, space: EmbeddingSpace, chunk_ids: Sequence[int], vectors: Sequence[Sequence[float]]
) -> None:
    if any(len(vector) != space.dimension for vector in vectors):
        raise ValueError(f"A vector of {space} must have {space.dimension} numbers.")
    with connection.cursor() as cursor:
        for batch in _batches(list(zip(chunk_ids, vectors, strict=True))):
            cursor.execute(
                """
                INSERT INTO documents_embedding (space_id, version_id, owner_id, chunk_id, vector)
                SELECT %s, %s, %s, chunk_id, vector::halfvec
                FROM unnest(%s::bigint[], %s::text[]) AS new (chunk_id, vector)
                ON CONFLICT (space_id, chunk_id) DO UPDATE SET vector = excluded.vector
                """,
                [
                    space.pk,
                    version.pk,
                    version.owner_id,
                    [chunk_id for chunk_id, _ in batch],
                    [_as_text(vector) for _, vector in batch],
                ],
            )


def _as_text(vector: Sequence[float]) -> str:
    """Half precision holds fewer digits than these; all that a float has take three times as long to write."""
    return f"[{','.join(map('%.7g'.__mod__, vector))}]"
