"""Embedding spaces: all vectors of one model. One space is active; another is built beside it, then switched to."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction

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
