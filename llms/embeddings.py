"""Vectors of texts, by the key of an embedding model: "builtin/wordllama" or "ollama/<name>"."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from llms import catalogue
from llms.builtin import embedder
from llms.errors import ModelMissing
from llms.ollama import embedding

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding


def embed_query(key: str, text: str) -> list[float]:
    """A unit vector. Raises a ModelError."""
    if key == catalogue.EMBEDDER_KEY:
        return embedder.embed([text])[0]
    name = _name(key)
    return _embed(name, [embedding.prefixes(name).query + text])[0]


def instant_cosines(key: str, vector: Sequence[float], texts: Sequence[str]) -> list[float] | None:
    """How near each text is to a unit vector of the same model; None if that would take longer than a person waits."""
    return embedder.cosines(vector, texts) if key == catalogue.EMBEDDER_KEY else None


def embed_passages(key: str, texts: Sequence[str]) -> list[list[float]]:
    """A unit vector for each text, in batches. Raises a ModelError."""
    if key == catalogue.EMBEDDER_KEY:
        return embedder.embed(texts)
    name = _name(key)
    prefix = embedding.prefixes(name).passage
    return _embed(name, [prefix + text for text in texts])


@lru_cache(maxsize=32)
def dimension(key: str) -> int:
    """How many numbers a vector of this model has; for a model on the server, by asking it once."""
    return embedder.DIMENSION if key == catalogue.EMBEDDER_KEY else len(embed_query(key, "dimension"))


def get_embedder(key: str) -> "BaseEmbedding":
    """The same model as a LlamaIndex component. It imports LlamaIndex (seconds, 100 MB): for ingestion only."""
    from llms import llamaindex

    return llamaindex.embedder(key)


def _embed(name: str, texts: Sequence[str]) -> list[list[float]]:
    return embedding.embed(name, texts, context_length=catalogue.context_length(name))


def _name(key: str) -> str:
    provider, _, name = key.partition("/")
    if provider != "ollama" or not name:
        raise ModelMissing("This embedding model is not known. Ask an administrator to check EMBEDDING_MODEL.")
    return name
