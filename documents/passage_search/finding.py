"""Which passages a person finds, with the words marked that they searched for.

The same search that an answer begins with, without its threshold: who looks by themselves may look further down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse

from documents import marking, retrieval
from documents.collections import access
from documents.marking import Piece
from documents.models import Document
from documents.pages import place_word
from documents.retrieval import Candidates, Filters, Passage
from documents.rows import type_mark
from documents.sources import facts
from documents.terms import Marker, query_languages

if TYPE_CHECKING:
    from accounts.models import User

PAGE_LENGTH = 20
# Whoever has not found it among so many needs other words.
MOST_FOUND = 60
_MOST_WORDS = 60
_SNIPPET = 420


@dataclass(frozen=True, slots=True)
class Hit:
    document_id: str
    name: Sequence[Piece]
    mark: str
    place: str
    heading: str
    collection: str
    added_at: datetime
    published_on: date | None
    snippet: Sequence[Piece]
    relevance: float
    # Whether an answer would be given it, too.
    is_relevant: bool
    url: str


@dataclass(frozen=True, slots=True)
class Found:
    hits: Sequence[Hit]
    documents: int
    following: int | None = None
    is_empty_question: bool = False
    by_words_alone: bool = False


def find(user: "User", query: str, filters: Filters, *, start: int = 0) -> Found:
    """`start` passages are shown already."""
    if not query.strip():
        return Found([], 0, is_empty_question=True)
    end = min(start + PAGE_LENGTH, MOST_FOUND)
    candidates = retrieval.look(user_id=user.pk, query=query, filters=filters, top_k=end + 1)
    result = retrieval.settle(candidates, threshold=0.0)
    following = end if len(result.passages) > end and end < MOST_FOUND else None
    hits = _hits(user, result.passages[start:end], _marker(candidates))
    # What fits comes first; within both parts, as it is ranked.
    hits.sort(key=lambda hit: not hit.is_relevant)
    return Found(hits, result.document_count, following, by_words_alone=bool(result.trace.get("by_words_alone")))


def _marker(candidates: Candidates) -> Marker:
    finding = candidates.finding
    words = finding.question.words[:_MOST_WORDS] if finding else []
    return Marker(words, query_languages(candidates.question, candidates.scope.languages))


def _hits(user: "User", passages: Sequence[Passage], marker: Marker) -> list[Hit]:
    documents: dict[object, Document] = (
        access.readable_by(user.pk)
        .select_related("current_version", "collection", "publication")
        .in_bulk({passage.document_id for passage in passages})
    )
    hits = []
    for passage in passages:
        document = documents.get(passage.document_id)
        version = document.current_version if document else None
        if document is None or version is None or version.pk != passage.version_id:
            continue  # deleted or replaced just now
        # A snippet runs on; a table's cells stay apart.
        text = " ".join(passage.text.split())
        page = reverse("documents:page", args=[document.pk, version.number, passage.page])
        hits.append(
            Hit(
                document_id=str(document.pk),
                name=marking.marked(passage.document_name, list(marker.occurrences(passage.document_name))),
                mark=type_mark(version.media_type),
                place=f"{place_word(version.media_type, passage.document_name)} {passage.page}",
                heading=passage.heading,
                collection=document.collection.name if document.collection else "",
                added_at=document.created_at,
                published_on=facts.published_on(document),
                snippet=marking.stretch(text, list(marker.occurrences(text)), length=_SNIPPET),
                relevance=passage.score,
                is_relevant=passage.score >= _least(document),
                url=f"{page}?chunk={passage.chunk_id}#passage",
            )
        )
    return hits


def _least(document: Document) -> float:
    own = document.collection.relevance_threshold if document.collection else None
    return float(settings.RAG_RELEVANCE_THRESHOLD if own is None else own)
