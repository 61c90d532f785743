"""Vectors from /api/embed."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import httpx
from django.conf import settings

from llms.errors import AnswerCut, ModelError, ServerUnreachable, TooSlow
from llms.ollama import failures, inventory

# Ollama embeds the texts of one request one by one, so a larger batch only makes a failure dearer.
_BATCH = 32


class Prefixes(NamedTuple):
    """What a model was trained to find before a question and before a passage."""

    query: str = ""
    passage: str = ""


_BGE = Prefixes(query="Represent this sentence for searching relevant passages: ")
# By the beginning of the name, without the publisher; the first that fits.
_PREFIXES: tuple[tuple[str, Prefixes], ...] = (
    ("nomic-embed", Prefixes("search_query: ", "search_document: ")),
    ("embeddinggemma", Prefixes("task: search result | query: ", "title: none | text: ")),
    (
        "qwen3-embedding",
        Prefixes(
            "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
        ),
    ),
    ("multilingual-e5-large-instruct", Prefixes()),
    ("multilingual-e5", Prefixes("query: ", "passage: ")),
    ("e5-", Prefixes("query: ", "passage: ")),
    ("bge-m3", Prefixes()),
    ("bge-", _BGE),
    ("mxbai-embed", _BGE),
    ("snowflake-arctic-embed2", Prefixes(query="query: ")),
    ("snowflake-arctic-embed", _BGE),
)


def prefixes(name: str) -> Prefixes:
    own = name.rpartition("/")[2].lower()
    return next((found for beginning, found in _PREFIXES if own.startswith(beginning)), Prefixes())


def embed(name: str, texts: Sequence[str], *, context_length: int | None) -> list[list[float]]:
    """A unit vector for each text; one that is too long counts with its beginning. Raises a ModelError."""
    vectors: list[list[float]] = []
    with inventory.client(settings.OLLAMA_BASE_URL, httpx.Timeout(settings.FIRST_TOKEN_TIMEOUT, connect=5.0)) as server:
        for begin in range(0, len(texts), _BATCH):
            vectors += _batch(server, name, texts[begin : begin + _BATCH], context_length)
    return vectors


def _batch(server: httpx.Client, name: str, texts: Sequence[str], context_length: int | None) -> list[list[float]]:
    body: Mapping[str, object] = {
        "model": name,
        # Ollama returns nothing at all for an empty text.
        "input": [text if text.strip() else "." for text in texts],
        "truncate": True,
        "options": {"num_ctx": context_length} if context_length else {},
    }
    try:
        answer = server.post("/api/embed", json=body)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ServerUnreachable(detail=repr(error)) from error
    except httpx.TimeoutException as error:
        raise TooSlow("The embedding model took too long. Try again, or choose a smaller one.") from error
    except httpx.HTTPError as error:
        raise AnswerCut("The connection to the embedding model broke. Try again.", detail=repr(error)) from error
    if answer.status_code != httpx.codes.OK:
        raise failures.from_response(answer.status_code, answer.content)
    try:
        vectors = [_unit(vector) for vector in answer.json()["embeddings"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(detail=f"not embeddings: {answer.content[:200]!r}") from error
    if len(vectors) != len(texts):
        raise ModelError(detail=f"{len(texts)} texts, {len(vectors)} vectors")
    return vectors


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(math.fsum(x * x for x in vector))
    if not math.isfinite(length) or not length:
        raise ModelError("The embedding model returned a vector without direction. Choose another model.")
    return [x / length for x in vector]
