"""The one SQL statement of a search: exact BM25, vector distance and their fusion, within a scope.

Both sides name their best candidates; each candidate then gets its true score on both sides, and on the words' side
what its document as a whole has to do with the question; scores are min-max normalised over the candidates and added
with a weight. Measured against others in docs/decisions/0011-fusion.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from documents.postings import K1, B
from documents.retrieval.scope import Scope

VECTOR_WEIGHT = 0.3
CANDIDATES = 100
# A question's word counts for a passage once more by the share of its document's passages that hold it: so a report of
# the company and the year that were asked for comes before others with the same table. A document of few passages says
# little about itself in this way, as if it had so many more without the word.
DOCUMENT_WEIGHT = 1.0
_FEW_PASSAGES = 10

# Vectors of the scope that are taken from the index, of which the nearest CANDIDATES are kept: what it finds first is
# not always nearest. And hnsw.ef_search, and how far the iterative scan goes on when the scope hides what it finds.
WADED = 400
HNSW_EFFORT = 500
HNSW_MOST_SCANNED = 20_000


@dataclass(frozen=True)
class Plan:
    """How the vectors of a space are searched."""

    space_id: int
    dimension: int
    approximate: bool


@dataclass(frozen=True)
class Weights:
    """What counts how much. `vector` 0 and `document` 0 are BM25 alone, `vector` 1 is vectors alone."""

    vector: float = VECTOR_WEIGHT
    document: float = DOCUMENT_WEIGHT


class Rarity(NamedTuple):
    """Of one term of the question: its weight for BM25 (idf), and in how many passages of the scope it stands."""

    idf: float
    found: int


@dataclass(frozen=True)
class Ranked:
    """One row of the statement. `keyword` is BM25, `similarity` the cosine, `document_score` what the whole document
    has to do with the question, in BM25's measure, and `rank_score` their fusion, 0 to 1.
    """

    owner_id: UUID
    chunk_id: int
    version_id: UUID
    document_id: UUID
    document_name: str
    index: int
    page: int
    heading: str
    content: str
    boxes: Any
    language: str
    keyword: float
    similarity: float
    document_score: float
    rank_score: float
    # Of the question's terms, the same for all rows of a search.
    rarities: Mapping[int, Rarity] = field(repr=False)
    # The least relevance that the passage's collection asks for, where it has one of its own.
    threshold: float | None = None


def statement(
    scope: Scope,
    plan: Plan,
    terms: Mapping[int, float],
    vector: str,
    *,
    stems: Mapping[int, int],
    weights: Weights,
    limit: int,
) -> tuple[str, list[Any]]:
    """SQL and its parameters. `terms` have their weights; `stems` tells those that are one word under several owners'
    keys (documents.terms.same_stems), which are as rare as they are together."""
    nearest_sql, nearest_params = _nearest(plan, vector)
    sql = f"""
        WITH scope (version_id) AS MATERIALIZED ({scope.sql}),
        question (term, stem, weight) AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::float8[])),
        -- An array, not a join: the index is then read by term and version, so what other people own costs nothing.
        postings AS MATERIALIZED (
            SELECT term, version_id, passages FROM documents_posting
            WHERE term = ANY(%s::bigint[]) AND version_id = ANY(ARRAY(SELECT version_id FROM scope))
        ),
        rarity AS MATERIALIZED (
            SELECT term, found, weight * ln(1 + (%s - found + 0.5) / (found + 0.5)) AS idf
            FROM (
                SELECT term, weight, sum(coalesce(sum(cardinality(passages)), 0)) OVER (PARTITION BY stem)::float8
                    AS found
                FROM question LEFT JOIN postings USING (term) GROUP BY term, stem, weight
            ) AS counted
        ),
        nearest AS MATERIALIZED ({nearest_sql}),
        -- The best by words, and the nearest that have any of the words, in one pass: common words stand in tens of
        -- thousands of passages. So the formula, times / (times + k1 (1 - b + b length / average)), is written with
        -- each part worked out once.
        keyword AS MATERIALIZED (
            SELECT chunk_id, score, is_near, row_number() OVER (ORDER BY score DESC, chunk_id) AS place
            FROM (
                SELECT chunk_id, sum(idf * {K1 + 1} / (1 + (%s + %s * length) / times)) AS score,
                    chunk_id IN (SELECT chunk_id FROM nearest) AS is_near
                FROM (
                    SELECT idf, packed >> 24 AS chunk_id,
                        ((packed >> 16) & 255)::float8 AS times, (packed & 65535)::float8 AS length
                    FROM (SELECT idf, unnest(passages) AS packed FROM postings JOIN rarity USING (term)) AS unpacked
                ) AS occurrences
                GROUP BY chunk_id
                ORDER BY is_near DESC, score DESC, chunk_id LIMIT {2 * CANDIDATES}
            ) AS best
        ),
        named AS MATERIALIZED (
            SELECT chunk_id, max(score) AS keyword
            FROM (
                (SELECT chunk_id, score FROM keyword WHERE is_near OR place <= {CANDIDATES})
                UNION ALL
                (SELECT chunk_id, 0 FROM nearest)
            ) AS sides
            GROUP BY chunk_id
        ),
        candidates AS MATERIALIZED (
            SELECT chunk_id, own.version_id, keyword, -(vector <#> %s::halfvec) AS similarity
            FROM named
            LEFT JOIN (
                SELECT chunk_id, version_id, vector FROM documents_embedding WHERE space_id = %s
            ) AS own USING (chunk_id)
        ),
        -- First what the words say of each document, in one go: the planner expects few postings, and would look
        -- through all of them for each document.
        told AS MATERIALIZED (
            SELECT version_id, sum(idf * cardinality(passages)) AS score
            FROM postings JOIN rarity USING (term)
            WHERE (version_id IN (SELECT version_id FROM candidates)) IS TRUE
            GROUP BY version_id
        ),
        about AS MATERIALIZED (
            SELECT version_id, score / (passage_count + {_FEW_PASSAGES}) AS score
            FROM told JOIN documents_documentversion AS version ON version.id = told.version_id
        ),
        weighed AS MATERIALIZED (
            SELECT chunk_id, keyword, similarity, coalesce(score, 0) AS document_score,
                keyword + %s * coalesce(score, 0) AS words
            FROM candidates LEFT JOIN about USING (version_id)
        ),
        bounds AS (
            SELECT min(words) AS words_low, nullif(max(words) - min(words), 0) AS words_range,
                min(similarity) AS similarity_low, nullif(max(similarity) - min(similarity), 0) AS similarity_range
            FROM weighed
        ),
        ranked AS (
            SELECT chunk_id, keyword, coalesce(similarity, 0) AS similarity, document_score,
                (1 - %s) * coalesce((words - words_low) / words_range, 0)
                + %s * coalesce((similarity - similarity_low) / similarity_range, 0) AS rank_score
            FROM weighed, bounds
            ORDER BY rank_score DESC, chunk_id LIMIT %s
        )
        SELECT (SELECT array_agg(ARRAY[term::text, idf::text, found::text]) FROM rarity), chunk.owner_id, chunk.id,
            chunk.version_id, chunk.index, version.document_id, document.name, chunk.page, chunk.heading, chunk.content,
            chunk.boxes, version.language, ranked.keyword, ranked.similarity, ranked.document_score, ranked.rank_score,
            collection.relevance_threshold
        FROM ranked
        JOIN documents_chunk AS chunk ON chunk.id = ranked.chunk_id
        JOIN documents_documentversion AS version ON version.id = chunk.version_id
        JOIN documents_document AS document ON document.id = version.document_id
        LEFT JOIN documents_collection AS collection ON collection.id = document.collection_id
        ORDER BY ranked.rank_score DESC, chunk.id
    """  # noqa: S608 - only our own constants and Django's own SQL are put in; every value is a parameter
    average = scope.terms / scope.passages if scope.terms else 1.0
    params: list[Any] = [*scope.params, list(terms), [stems.get(term, term) for term in terms]]
    params += [list(terms.values()), list(terms)]
    params += [float(scope.passages), *nearest_params, K1 * (1 - B), K1 * B / average, vector, plan.space_id]
    params += [weights.document, weights.vector, weights.vector, limit]
    return sql, params


def _nearest(plan: Plan, vector: str) -> tuple[str, list[Any]]:
    if plan.approximate:
        # Written as the index is (documents.spaces). IS TRUE keeps the planner from making a join of it, which it would
        # begin with the scope: it knows neither how many versions that has nor how many vectors they have. + 0, because
        # it believes what comes from the index to be in order, and would not look at more than it has to give.
        sized = f"halfvec({plan.dimension:d})"
        return (
            f"""
            SELECT chunk_id FROM (
                SELECT chunk_id, vector::{sized} <#> %s::{sized} AS distance FROM documents_embedding
                WHERE space_id = {plan.space_id:d} AND (version_id IN (SELECT version_id FROM scope)) IS TRUE
                ORDER BY vector::{sized} <#> %s::{sized} LIMIT {WADED}
            ) AS waded ORDER BY distance + 0, chunk_id LIMIT {CANDIDATES}
            """,  # noqa: S608 - integers of ours
            [vector, vector],
        )
    return (
        f"""
        SELECT chunk_id FROM documents_embedding
        WHERE space_id = %s AND version_id = ANY(ARRAY(SELECT version_id FROM scope))
        ORDER BY vector <#> %s::halfvec, chunk_id LIMIT {CANDIDATES}
        """,  # noqa: S608 - a constant
        [plan.space_id, vector],
    )
