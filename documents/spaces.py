"""Embedding spaces: all vectors of one model. One space is active; another is built beside it, then switched to."""

from collections.abc import Sequence

from django.db import IntegrityError, connection, transaction

from documents.models import EmbeddingSpace


def active_space() -> EmbeddingSpace:
    """The space that is searched and written, made at first use from the configured embedding model."""
    space = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).first()
    if space is not None:
        return space
    from llms.catalogue import embedding_model_key
    from llms.embeddings import dimension

    key = embedding_model_key()
    try:
        with transaction.atomic():
            return EmbeddingSpace.objects.create(model=key, dimension=dimension(key), state=EmbeddingSpace.State.ACTIVE)
    except IntegrityError:  # another worker was first
        return EmbeddingSpace.objects.get(state=EmbeddingSpace.State.ACTIVE)


def embed(space: EmbeddingSpace, texts: Sequence[str]) -> list[list[float]]:
    from llms.embeddings import embed_passages

    return embed_passages(space.model, list(texts))


def index_name(space: EmbeddingSpace) -> str:
    return f"embedding_hnsw_{space.pk}"


def indexed_vectors(space: EmbeddingSpace) -> int | None:
    """About how many vectors the space's HNSW index holds. None: there is no index, or it is not finished."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT greatest(relation.reltuples, 0)::bigint FROM pg_class AS relation
                JOIN pg_index AS of_it ON of_it.indexrelid = relation.oid
                WHERE relation.oid = to_regclass(%s) AND of_it.indisvalid""",
            [index_name(space)],
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])
