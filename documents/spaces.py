"""Embedding spaces: all vectors of one model. One space is active; another is built beside it, then switched to."""

from collections.abc import Sequence

from django.db import IntegrityError, connection, connections, transaction

from accounts.tenancy import acting_as_system
from documents.models import EmbeddingSpace

# Vectors in a space from which searching it exactly is no longer fast (docs/decisions/0012-exact-or-hnsw.md).
LARGE = 50_000
# Of an embedding's row beside its numbers: header, keys, and its entries in the table's indexes.
_ROW_BYTES = 200


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
    if count < LARGE:
        return False
    drop_index(space)  # what an interrupted attempt left
    # An index can be made by the role that owns the table only.
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '512MB'")
        # The expression and the operator are those of documents.retrieval.statement.
        cursor.execute(
            f"""
            CREATE INDEX CONCURRENTLY {_index_name(space)} ON documents_embedding
            USING hnsw ((vector::halfvec({space.dimension:d})) halfvec_ip_ops) WHERE space_id = {space.pk:d}
            """
        )
        cursor.execute("RESET maintenance_work_mem")
    return True


def drop_index(space: EmbeddingSpace) -> None:
    """Must run outside a transaction."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_index_name(space)}")


def _index_name(space: EmbeddingSpace) -> str:
    return f"embedding_hnsw_{space.pk:d}"
