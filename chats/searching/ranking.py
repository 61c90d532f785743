"""The one SQL statement of a search through a person's conversations: exact BM25, within a scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Sum

from chats.searching.indexing import LONGEST, TITLE
from chats.searching.models import Indexed
from documents.postings import K1, B
from documents.terms import AskedWord

# How much of what its conversation's title scores comes to a message, beside its own words.
TITLE_WEIGHT = 0.4
# Of whoever has more, what there is is counted once a minute: that takes as long as finding.
_MANY = 5_000
_SECONDS_KEPT = 60
# Per message one number with all of a place (`Occurrences.places`) but how often the term stands there.
_BUT_TIMES = ~(0xFF << 16)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a person has that can be found. Rarity is counted within it, so that nobody's words weigh on another's."""

    messages: int
    average: float
    languages: list[str]


@dataclass(frozen=True, slots=True)
class Scope:
    """`conversations` are the person's own; `since` (included) and `until` (not) are when a message was written."""

    conversations: Any
    since: datetime | None = None
    until: datetime | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Ranked:
    """`message_id` is None where the title was found. `is_complete`: every word stands in it or in the title."""

    conversation_id: UUID
    message_id: UUID | None
    score: float
    is_complete: bool
    # The same in every row: how many there are of both kinds.
    complete: int
    total: int


def statistics(owner_id: UUID) -> Statistics:
    key = f"searching:{owner_id}"
    if kept := cache.get(key):
        return Statistics(*kept)
    rows = Indexed.objects.filter(owner_id=owner_id).values_list("language")
    counted = list(rows.annotate(messages=Count("*"), terms=Sum("length")).order_by("-messages", "language"))
    messages = sum(row[1] for row in counted)
    terms = sum(row[2] for row in counted)
    found = Statistics(messages, max(1.0, terms / messages) if messages else 1.0, [row[0] for row in counted])
    if messages > _MANY:
        cache.set(key, [found.messages, found.average, found.languages], _SECONDS_KEPT)
    return found


def rank(
    owner_id: UUID, scope: Scope, words: Sequence[AskedWord], counted: Statistics, *, start: int, limit: int
) -> list[Ranked]:
    """At most 63 words: each has a bit. What has every one of them comes first, then by BM25, then the newest.

    The planner cannot foresee how many messages a word stands in, and takes it for a few. So nothing here leaves it
    the choice of a nested loop over all that is found: IS TRUE keeps it from making a join of a condition, and a FULL
    JOIN, which adds no row where one side is part of the other, is always by hash.
    """
    terms = [(term, 1 << number, word.weight) for number, word in enumerate(words) for term in word.terms]
    conversations, params = scope.conversations.values("pk").query.sql_with_params()
    fitting, fitting_params = _fitting(owner_id, scope)
    slope = K1 * B / counted.average
    sql = f"""
        WITH scope (conversation_id) AS MATERIALIZED ({conversations}),
        question (term, word, weight) AS MATERIALIZED (
            SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::float8[])
        ),
        found AS MATERIALIZED (
            SELECT term, conversation_id, places FROM searching_occurrences
            WHERE term = ANY(%s::bigint[]) AND owner_id = %s
        ),
        asked AS MATERIALIZED (
            SELECT term, word, weight * ln(1 + (%s - found + 0.5) / (found + 0.5)) * {K1 + 1}::float8 AS gain
            FROM (SELECT term, sum(cardinality(places))::float8 AS found FROM found GROUP BY term) AS counted
            JOIN question USING (term)
        ),
        occurrences AS (
            -- Unnested here and not in FROM, which would start a function for every row.
            SELECT conversation_id, word, gain, unnest(places) AS place FROM found JOIN asked USING (term)
            WHERE (conversation_id IN (SELECT conversation_id FROM scope)) IS TRUE
        ),
        hits AS MATERIALIZED (
            SELECT place & {_BUT_TIMES} AS place, conversation_id, bit_or(word) AS words,
                -- BM25 with the frequency written once.
                sum(gain / (1 + ({K1 * (1 - B)!r}::float8 + %s * (place & {LONGEST})::float8)
                    / ((place >> 16) & 255)::float8)) AS score
            FROM occurrences
            {fitting}
            GROUP BY 1, conversation_id
        ),
        titles AS (SELECT conversation_id, words, score FROM hits WHERE place & {TITLE} <> 0),
        ranked AS (
            SELECT place >> 24 AS id, hits.conversation_id,
                (hits.score + CASE WHEN place & {TITLE} <> 0 THEN 0 ELSE {TITLE_WEIGHT} * coalesce(titles.score, 0) END
                )::real AS score,  -- as exact as it can be: sums differ with the order of what is summed up
                (hits.words | coalesce(titles.words, 0)) & %s = %s AS is_complete
            FROM hits FULL JOIN titles ON titles.conversation_id = hits.conversation_id
        ),
        best AS (
            SELECT *, count(*) FILTER (WHERE is_complete) OVER () AS complete, count(*) OVER () AS total
            FROM ranked ORDER BY is_complete DESC, score DESC, id DESC LIMIT %s OFFSET %s
        )
        SELECT best.conversation_id, message_id, score, is_complete, complete, total
        FROM best JOIN searching_indexed AS indexed USING (id)
        ORDER BY is_complete DESC, score DESC, id DESC
    """  # noqa: S608 - only our own constants and Django's own SQL are put in; every value is a parameter
    needed = _needed(words)
    values = [*params, *([row[column] for row in terms] for column in range(3)), [row[0] for row in terms], owner_id]
    values += [float(counted.messages), slope, *fitting_params, needed, needed, limit, start]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [Ranked(*row) for row in cursor.fetchall()]


def _needed(words: Sequence[AskedWord]) -> int:
    """A bit for each word that has to be there: not for those that are another's form, or a way of asking."""
    telling = [number for number, word in enumerate(words) if word.weight >= 1] or range(len(words))
    return sum(1 << number for number in telling)


def _fitting(owner_id: UUID, scope: Scope) -> tuple[str, list[Any]]:
    """Which messages may be found at all, where not all of a conversation may be."""
    conditions: list[tuple[str, Any]] = []
    if scope.since:
        conditions.append(("written_at >= %s", scope.since))
    if scope.until:
        conditions.append(("written_at < %s", scope.until))
    if scope.model:
        conditions.append(("model = %s", scope.model))
    if not conditions:
        return "", []
    wanted = " AND ".join(condition for condition, _ in conditions)
    return (
        f"WHERE (place >> 24 IN (SELECT id FROM searching_indexed WHERE owner_id = %s AND {wanted})) IS TRUE",  # noqa: S608
        [owner_id, *(value for _, value in conditions)],
    )
