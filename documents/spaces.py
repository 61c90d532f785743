"""Embedding spaces: all vectors of one model. One space is active; another is built beside it, then switched to."""

import os
from collections.abc import Sequence

from django.db import IntegrityError, OperationalError, connection, connections, transaction

from accounts.tenancy import acting_as_system
from documents.models import EmbeddingSpace

# Of an embedding's row beside its numbers: header, keys, and its entries in the table's indexes.
_ROW_BYTES = 200
# From how many milliseconds on an exact scan is no longer fast (docs/decisions/0012-exact-or-hnsw.md).
SLOW = 20.0
# Bytes that a vector takes while its index is made, beside its numbers. Where all of them do not find room, making the
# index takes many times as long.
_GRAPH = 900
_LEAST_MEMORY = 64 * 1024 * 1024
_NO_SHARED_MEMORY = "53"  # the class of SQLSTATEs: insufficient resources


def active_space() -> EmbeddingSpace:
    """The space that is searched and written, made at first use from the configured embedding model."""
    space = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).first()
    if space is not None:
        return space
    from llms.catalogue import embedding_model_key
    from llms.embeddings import dimension

    key = embedding_model_key()
    size = dimension(key)
    try:
        with transaction.atomic():
            return EmbeddingSpace.objects.create(model=key, dimension=size, state=EmbeddingSpace.State.ACTIVE)
    except IntegrityError:  # another worker was first
        return EmbeddingSpace.objects.get(state=EmbeddingSpace.State.ACTIVE)


def embed(space: EmbeddingSpace, texts: Sequence[str]) -> list[list[float]]:
    """Raises a ModelError."""
    from llms.embeddings import embed_passages

    return embed_passages(space.model, list(texts))


def scan_milliseconds(vectors: int, dimension: int) -> float:
    """What comparing a question with each of so many vectors takes, about."""
    return vectors * (0.1 + 0.0013 * dimension) / 1000


def large_from(dimension: int) -> int:
    """From how many vectors on a space is worth an index, in thousands as a person would say it."""
    return int(round(SLOW / scan_milliseconds(1, dimension), -3))


def indexed_vectors(space: EmbeddingSpace) -> int | None:
    """About how many vectors the space's HNSW index holds. None: there is no index, or it is not finished."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT greatest(relation.reltuples, 0)::bigint
            FROM pg_class AS relation JOIN pg_index AS built ON built.indexrelid = relation.oid
            WHERE relation.oid = to_regclass(%s) AND built.indisvalid
            """,
            [_index_name(space)],
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def bytes_each(space: EmbeddingSpace) -> int:
    """What a vector takes in its table, with the row around it, and in the two indexes that find it. About."""
    return 2 * space.dimension + _ROW_BYTES


def index_bytes(space: EmbeddingSpace) -> int | None:
    """The size of the space's HNSW index; None where it is searched exactly."""
    if indexed_vectors(space) is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(to_regclass(%s))", [_index_name(space)])
        row = cursor.fetchone()
    return int(row[0]) if row else None


def index_if_large(space: EmbeddingSpace) -> bool:
    """Make the HNSW index of a space that has become large. Searches and writes go on meanwhile.

    Must run outside a transaction. True: there is an index now.
    """
    if indexed_vectors(space) is not None:
        return True
    with acting_as_system("count all vectors"):
        count = space.embeddings.count()
    if scan_milliseconds(count, space.dimension) < SLOW:
        return False
    drop_index(space)  # what an interrupted attempt left
    try:
        _make_index(space, count, helpers=2)
    except OperationalError as error:
        if not str(getattr(error.__cause__, "sqlstate", "")).startswith(_NO_SHARED_MEMORY):
            raise
        # Helpers need as much shared memory, and in a container there may be little.
        drop_index(space)
        _make_index(space, count, helpers=0)
    return True


def _make_index(space: EmbeddingSpace, count: int, *, helpers: int) -> None:
    # An index can be made by the role that owns the table only.
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('maintenance_work_mem', %s, false)", [f"{_memory(space, count) // 1024}kB"])
        cursor.execute("SELECT set_config('max_parallel_maintenance_workers', %s, false)", [str(helpers)])
        try:
            # The expression and the operator are those of documents.retrieval.statement.
            cursor.execute(
                f"""
                CREATE INDEX CONCURRENTLY {_index_name(space)} ON documents_embedding
                USING hnsw ((vector::halfvec({space.dimension:d})) halfvec_ip_ops) WHERE space_id = {space.pk:d}
                """
            )
        finally:
            cursor.execute("RESET maintenance_work_mem")
            cursor.execute("RESET max_parallel_maintenance_workers")


def _memory(space: EmbeddingSpace, count: int) -> int:
    """What the whole graph takes, and a tenth more for what arrives meanwhile; at most a quarter of this machine's."""
    wanted = count * (2 * space.dimension + _GRAPH) * 11 // 10
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    return max(_LEAST_MEMORY, min(wanted, most))


def drop_index(space: EmbeddingSpace) -> None:
    """Must run outside a transaction."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_index_name(space)}")


def _index_name(space: EmbeddingSpace) -> str:
    return f"embedding_hnsw_{space.pk:d}"
