"""A large library written past the product, in PostgreSQL's own binary form: a million passages in minutes.

What is written is what `documents.index.write_passages` writes, row for row: sealed text, keyed terms, vectors of half
precision. Indexes and constraints are taken away before and made again afterwards, as a restore does it.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from bench.synthetic import WORDS

if TYPE_CHECKING:
    import numpy as np

TABLES = ("documents_chunk", "documents_posting", "documents_embedding")
_BIGINT = 20  # the number of the type, as arrays carry it
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = struct.pack(">h", -1)


@contextmanager
def bare_tables(connection: Any) -> Iterator[None]:
    """Without indexes, constraints and the policies that even their owner is bound by."""
    made: list[str] = []
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        cursor.execute(
            """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype FROM pg_constraint
            WHERE (conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[])) AND contype IN ('p', 'u', 'f')
            ORDER BY contype = 'f' DESC""",
            [list(TABLES)] * 2,
        )
        for table, name, definition, kind in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
            # What the bench writes fits; looking would take longer than writing it.
            unproven = " NOT VALID" if kind == "f" else ""
            made.insert(0, f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}{unproven}')
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)", [list(TABLES)])
        for name, definition in cursor.fetchall():
            cursor.execute(f'DROP INDEX "{name}"')
            made.insert(0, definition)
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '1GB'")
        for sql in made:
            cursor.execute(sql)
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('documents_chunk', 'id'), (SELECT max(id) FROM documents_chunk))"
            )


class Loader:
    """Three streams at once, one for each table."""

    def __init__(self, url: str, space_id: int) -> None:
        self._url = url
        self._space_id = space_id
        self._next = 1

    def __enter__(self) -> Self:
        import psycopg

        self._stack = ExitStack()
        self._streams = {}
        for table, columns in (
            ("chunk", "id, version_id, owner_id, index, page, start, content, heading, boxes, length"),
            ("posting", "term, version_id, owner_id, passages"),
            ("embedding", "space_id, chunk_id, version_id, owner_id, vector"),
        ):
            connection = self._stack.enter_context(psycopg.connect(self._url))
            # Emptied in the same transaction, it needs no log.
            connection.execute(f"TRUNCATE documents_{table}")
            sql = f"COPY documents_{table} ({columns}) FROM STDIN (FORMAT BINARY)"
            stream = self._stack.enter_context(connection.cursor().copy(sql))
            stream.write(_HEAD)
            self._streams[table] = stream
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            for stream in self._streams.values():
                stream.write(_END)
        self._stack.__exit__(*error)

    def add(
        self, version: UUID, owner: UUID, drawn: "np.ndarray[Any, Any]", texts: Sequence[bytes],
        terms: "np.ndarray[Any, Any]", vectors: "np.ndarray[Any, Any]",
    ) -> None:  # fmt: skip
        """One version: its words as numbers, its sealed passages, the term of each number, its vectors."""
        first, self._next = self._next, self._next + len(texts)
        self._streams["chunk"].write(_chunks(first, version, owner, texts))
        self._streams["posting"].write(_postings(first, version, owner, drawn, terms))
        self._streams["embedding"].write(_embeddings(first, version, owner, self._space_id, vectors))


def _chunks(first: int, version: UUID, owner: UUID, texts: Sequence[bytes]) -> bytes:
    return b"".join(
        struct.pack(">hiqi16si16siiiiiii", 10, 8, first + index, 16, version.bytes, 16, owner.bytes,
                    4, index, 4, index + 1, 4, 0, len(text))
        + text + struct.pack(">ii3sii", 0, 3, b"\x01[]", 4, WORDS)
        for index, text in enumerate(texts)
    )  # fmt: skip


def _embeddings(first: int, version: UUID, owner: UUID, space_id: int, vectors: "np.ndarray[Any, Any]") -> bytes:
    import numpy as np

    count, dimension = vectors.shape
    fields = [
        ("fields", ">i2"), ("n1", ">i4"), ("space", ">i2"), ("n2", ">i4"), ("chunk", ">i8"), ("n3", ">i4"),
        ("version", "V16"), ("n4", ">i4"), ("owner", "V16"), ("n5", ">i4"), ("dimension", ">i2"), ("unused", ">i2"),
        ("vector", ">f2", (dimension,)),
    ]  # fmt: skip
    rows = np.zeros(count, dtype=fields)
    for name, value in {
        "fields": 5, "n1": 2, "space": space_id, "n2": 8, "n3": 16, "version": np.void(version.bytes), "n4": 16,
        "owner": np.void(owner.bytes), "n5": 4 + 2 * dimension, "dimension": dimension,
    }.items():  # fmt: skip
        rows[name] = value
    rows["chunk"] = np.arange(first, first + count)
    rows["vector"] = vectors
    return rows.tobytes()


def _postings(
    first: int, version: UUID, owner: UUID, drawn: "np.ndarray[Any, Any]", terms: "np.ndarray[Any, Any]"
) -> bytes:
    """In the order of terms, one row for each, as documents.postings makes them; rows differ in length."""
    import numpy as np

    count = len(drawn)
    places = np.repeat(np.arange(count), drawn.shape[1])
    found, times = np.unique(drawn.ravel().astype(np.int64) * count + places, return_counts=True)
    word, place = found // count, found % count
    packed = (first + place) << 24 | np.minimum(times, 255) << 16 | drawn.shape[1]
    starts = np.flatnonzero(np.diff(word, prepend=-1))
    lengths = np.diff(starts, append=len(word))
    head = [
        ("fields", ">i2"), ("n1", ">i4"), ("term", ">i8"), ("n2", ">i4"), ("version", "V16"), ("n3", ">i4"),
        ("owner", "V16"), ("n4", ">i4"), ("dimensions", ">i4"), ("nulls", ">i4"), ("type", ">i4"), ("size", ">i4"),
        ("lowest", ">i4"),
    ]  # fmt: skip
    heads = np.zeros(len(starts), dtype=head)
    for name, value in {
        "fields": 4, "n1": 8, "term": terms[word[starts]], "n2": 16, "version": np.void(version.bytes), "n3": 16,
        "owner": np.void(owner.bytes), "n4": 20 + 12 * lengths, "dimensions": 1, "type": _BIGINT, "size": lengths,
        "lowest": 1,
    }.items():  # fmt: skip
        heads[name] = value
    items = np.zeros(len(packed), dtype=[("n", ">i4"), ("packed", ">i8")])
    items["n"], items["packed"] = 8, packed
    width = heads.dtype.itemsize
    offsets = np.concatenate([[0], np.cumsum(width + 12 * lengths)[:-1]])
    out = np.empty(len(starts) * width + len(packed) * 12, dtype=np.uint8)
    out[(offsets[:, None] + np.arange(width)).ravel()] = heads.view(np.uint8)
    at = np.repeat(offsets + width - 12 * starts, lengths) + 12 * np.arange(len(packed))
    out[(at[:, None] + np.arange(12)).ravel()] = items.view(np.uint8)
    return out.tobytes()
