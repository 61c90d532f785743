"""One search, from the question to the passages worth reading."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts.encryption import keys
from accounts.encryption.errors import KeyErased
from documents import spaces
from documents.models import Chunk, Collection, Document, EmbeddingSpace
from documents.retrieval.choosing import choose
from documents.retrieval.close_reading import MOST_READ, Question, Read, read_closely
from documents.retrieval.following import carried_over, leans_back, without_replaced
from documents.retrieval.passages import Retrieval
from documents.retrieval.reranking import Reranked, reordered
from documents.retrieval.scope import EVERYTHING, Filters, Scope, visible_scope
from documents.retrieval.statement import (
    CANDIDATES,
    HNSW_EFFORT,
    HNSW_MOST_SCANNED,
    WADED,
    Plan,
    Ranked,
    Rarity,
    Weights,
    statement,
)
from documents.spaces import active_space, indexed_vectors
from documents.terms import MOST_QUERY_CHARACTERS, query_terms, query_words, same_stems, storable
from llms.embeddings import embed_query
from llms.errors import ModelError

logger = logging.getLogger(__name__)

# Passages ranked for each one used, so that something is left when duplicates and the irrelevant are cut.
_SPARE = 4
# HNSW wades through what others own, this long for each vector it meets: below some share of the space an exact scan of
# one's own is faster and misses nothing (docs/decisions/0012-exact-or-hnsw.md).
_WADING = 0.02  # milliseconds


@dataclass(frozen=True)
class Finding:
    """`read` are the passages that fit best, best first, whether they are relevant or not."""

    read: list[Read]
    question: Question
    plan: Plan
    by_words_alone: bool
    is_follow_up: bool
    # How many words of the question are its own; the others were carried over.
    own_words: int
    milliseconds: dict[str, float]


@dataclass(frozen=True)
class Candidates:
    """What was found, before it is decided what of it is used."""

    question: str
    scope: Scope
    top_k: int
    earlier: str = ""
    # None: there was nothing to search, or nothing to search for.
    model: str = ""
    finding: Finding | None = None

    @property
    def texts(self) -> list[str]:
        """Of the best passages, best first, each with where it stands: what a reranker reads."""
        read = self.finding.read[:MOST_READ] if self.finding else []
        return ["\n".join(filter(None, (each.row.document_name, each.row.heading, each.row.content))) for each in read]


def search(
    *, user_id: UUID, query: str, earlier: str = "", filters: Filters = EVERYTHING, top_k: int | None = None
) -> Retrieval:
    """The passages that answer `query` best, of what this person may read, at most `top_k` (RAG_TOP_K).

    `earlier` is the question before it in the same conversation, for what leans on it ("And in 2019?"). When the
    embedding model cannot be reached the words alone decide, and the trace says so.
    """
    return settle(look(user_id=user_id, query=query, earlier=earlier, filters=filters, top_k=top_k))


def look(
    *, user_id: UUID, query: str, earlier: str = "", filters: Filters = EVERYTHING, top_k: int | None = None
) -> Candidates:
    """The first half of `search`: for whoever puts the passages in another order before `settle`."""
    wanted = _top_k(filters) if top_k is None else top_k
    scope = visible_scope(user_id, filters)
    query = storable(query).strip()
    if not (query and scope.passages and wanted > 0):
        return Candidates(query, scope, wanted)
    if user_id in scope.owners:
        keys.of(user_id)  # raises where one's own is gone; that of somebody who shared something only takes theirs away
    space = active_space()
    limit = max(MOST_READ, wanted * _SPARE)
    found = find(scope, space, query, limit=limit, earlier=storable(earlier))
    return Candidates(query, scope, wanted, earlier if found.is_follow_up else "", space.model, found)


def _top_k(filters: Filters) -> int:
    """A collection's own, where it alone is searched."""
    if len(filters.collections) == 1 and not filters.documents:
        own = Collection.objects.filter(pk=filters.collections[0]).values_list("top_k", flat=True).first()
        if own is not None:
            return int(own)
    return int(settings.RAG_TOP_K)


def settle(candidates: Candidates, reranked: Reranked | None = None, *, threshold: float | None = None) -> Retrieval:
    """Which of them are used, and why the others are not. `threshold` is the collections' own, else
    RAG_RELEVANCE_THRESHOLD, if not another."""
    scope, found = candidates.scope, candidates.finding
    if found is None:
        return Retrieval([], scope.documents, {"searched": scope.passages, "passages": []})
    general: float = settings.RAG_RELEVANCE_THRESHOLD if threshold is None else threshold
    read = found.read if reranked is None else reordered(found.read, reranked)
    chosen = choose(
        read,
        found.question,
        top_k=candidates.top_k,
        threshold=general,
        own_thresholds=threshold is None,
        unanswering=reranked.unanswering if reranked is not None else (),
        hidden=reranked.hidden if reranked is not None else (),
    )
    trace = {
        "searched": scope.passages,
        "documents": scope.documents,
        "words": _told_words(found),
        "threshold": general,
        "top_k": candidates.top_k,
        "model": candidates.model,
        "follow_up": found.is_follow_up,
        "by_words_alone": found.by_words_alone,
        "approximate": found.plan.approximate,
        "milliseconds": found.milliseconds,
        "passages": chosen.trace,
    }
    if candidates.earlier:
        trace["earlier"] = candidates.earlier.strip()[:MOST_QUERY_CHARACTERS]
    if reranked is not None:
        trace["rerank"] = reranked.told()
        trace["milliseconds"] = found.milliseconds | {"reranking": reranked.milliseconds}
    return Retrieval(chosen.passages, scope.documents, trace)


def find(scope: Scope, space: EmbeddingSpace, query: str, *, limit: int, earlier: str = "") -> Finding:
    times = [time.perf_counter()]
    term_keys = scope.term_keys()
    words = query_words(query, scope.languages, *term_keys.values())
    own = len(words)
    is_follow_up = bool(earlier.strip()) and leans_back(query, words)
    meant = query[:MOST_QUERY_CHARACTERS]
    if is_follow_up:
        earlier = without_replaced(earlier, query)
        words = carried_over(words, query_words(earlier, scope.languages, *term_keys.values()))
        meant = f"{earlier[: MOST_QUERY_CHARACTERS - len(meant)]}\n{meant}"
    vector = _vector(space, meant)
    times.append(time.perf_counter())
    plan = plan_for(scope, space)
    # Equally far from everything, the zero vector leaves the ranking to the words.
    everywhere = vector or [0.0] * space.dimension
    rows = ranked(scope, plan, query_terms(words), everywhere, stems=same_stems(words), limit=limit)
    # Nothing was asked of an owner who had no document there a moment ago.
    rows = [row for row in rows if row.owner_id in term_keys]
    times.append(time.perf_counter())
    question = Question.of(words, rows[0].rarities if rows else {})
    read = read_closely(rows, question, vector, space, term_keys)
    times.append(time.perf_counter())
    spent = [round((end - begin) * 1000, 1) for begin, end in pairwise(times)]
    steps = dict(zip(("embedding", "searching", "reading"), spent, strict=True))
    return Finding(read, question, plan, vector is None, is_follow_up, own, steps)


def _told_words(found: Finding) -> list[dict[str, Any]]:
    """Which words were searched for, with the share of the question's weight that each carries."""
    whole = found.question.weight or 1.0
    return [
        {"word": word.word, "share": round(value / whole, 4), "carried": place >= found.own_words}
        for place, (word, value) in enumerate(zip(found.question.words, found.question.values, strict=True))
    ]


def _vector(space: EmbeddingSpace, query: str) -> list[float] | None:
    try:
        return embed_query(space.model, query)
    except ModelError as error:
        logger.warning("The question could not be embedded: %s", error)
        return None


def plan_for(scope: Scope, space: EmbeddingSpace) -> Plan:
    """Scan exactly while that is fast, and while it is faster than an index most of which belongs to others."""
    exactly = spaces.scan_milliseconds(scope.passages, space.dimension)
    indexed = indexed_vectors(space) if exactly >= spaces.SLOW else None
    approximate = indexed is not None and _WADING * WADED * indexed / scope.passages < exactly
    return Plan(space_id=space.pk, dimension=space.dimension, approximate=approximate)


def ranked(
    scope: Scope,
    plan: Plan,
    terms: Mapping[int, float],
    vector: Sequence[float],
    *,
    limit: int,
    stems: Mapping[int, int] | None = None,
    weights: Weights = Weights(),  # noqa: B008 - frozen
) -> list[Ranked]:
    most = min(limit, 2 * CANDIDATES)
    sql, params = statement(
        scope, plan, terms, json.dumps(list(vector)), stems=stems or {}, weights=weights, limit=most
    )
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling the statement, or starting helpers for it, costs more than running it.
        cursor.execute(
            """SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true),
                set_config('max_parallel_workers_per_gather', '0', true),
                set_config('hnsw.ef_search', %s, true), set_config('hnsw.max_scan_tuples', %s, true),
                set_config('hnsw.iterative_scan', 'relaxed_order', true)""",
            [str(HNSW_EFFORT), str(HNSW_MOST_SCANNED)],
        )
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    rarities = {int(term): Rarity(float(idf), int(float(found))) for term, idf, found in (rows and rows[0][0]) or ()}
    return [found for row in rows if (found := _row(row[1:], rarities))]


def _row(columns: tuple[Any, ...], rarities: Mapping[int, Rarity]) -> Ranked | None:
    """None: whoever shared it deletes their account at this moment, and nobody reads it any more."""
    with suppress(KeyErased):
        return _opened(columns, rarities)
    return None


def _opened(columns: tuple[Any, ...], rarities: Mapping[int, Rarity]) -> Ranked:
    owner_id, chunk_id, version_id, index, document_id, name, page, heading, content, boxes, *rest = columns
    language, keyword, similarity, document_score, rank_score, threshold = rest
    return Ranked(
        owner_id,
        chunk_id,
        version_id,
        document_id,
        Document.unsealed("name", name, document_id, owner_id=owner_id),
        index,
        page,
        Chunk.unsealed("heading", heading, version_id, index, owner_id=owner_id),
        Chunk.unsealed("content", content, version_id, index, owner_id=owner_id),
        # Django hands jsonb to raw queries as text.
        json.loads(boxes) if isinstance(boxes, str) else boxes,
        language,
        keyword,
        similarity,
        document_score,
        rank_score,
        rarities,
        threshold,
    )
