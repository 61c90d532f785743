"""From ranked passages to those that are used, with a reason for each that is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from documents.retrieval.close_reading import Question, Read
from documents.retrieval.passages import Passage
from documents.retrieval.statement import Ranked

DUPLICATE = "the same text as a passage above"
IRRELEVANT = "below the relevance asked for"
SURPLUS = "more than the number asked for"


@dataclass(frozen=True)
class Choice:
    passages: list[Passage]
    trace: list[dict[str, Any]]


def choose(read: Sequence[Read], question: Question, *, top_k: int, threshold: float) -> Choice:
    passages: list[Passage] = []
    trace: list[dict[str, Any]] = []
    seen: set[str] = set()
    for row, reading in ((each.row, each.reading) for each in read):
        score = relevance(row, question)
        text = " ".join(row.content.split()).casefold()
        if score < threshold or score == 0:
            cut = IRRELEVANT
        elif text in seen:
            cut = DUPLICATE
        elif len(passages) >= top_k:
            cut = SURPLUS
        else:
            cut = ""
            seen.add(text)
            passages.append(_passage(row, score))
        trace.append(
            {
                "chunk": row.chunk_id,
                "page": row.page,
                "keyword": round(row.keyword, 4),
                "similarity": round(row.similarity, 4),
                "document": round(row.document_score, 4),
                "together": round(reading.together, 4),
                "in_order": round(reading.in_order, 4),
                "meaning": round(reading.meaning, 4),
                "rank_score": round(row.rank_score, 4),
                "score": round(score, 4),
                "used": not cut,
                "cut": cut,
            }
        )
    return Choice(passages, trace)


def relevance(row: Ranked, question: Question) -> float:
    """0 to 1, and unlike the ranking's score the same measure for every question.

    Half is how much of the question's weight in words the passage carries (1: as much as if every word stood in it
    once at average length), half the cosine of the vectors. With the built-in embedder a good answer has about 0.7,
    the best passage for a question on another subject about 0.3 (docs/decisions/0011-fusion.md).
    """
    carried = min(1.0, row.keyword / question.weight) if question.weight > 0 else 0.0
    return min(1.0, max(0.0, (carried + max(0.0, row.similarity)) / 2))


def _passage(row: Ranked, score: float) -> Passage:
    return Passage(
        chunk_id=row.chunk_id,
        version_id=row.version_id,
        document_id=row.document_id,
        document_name=row.document_name,
        page=row.page,
        heading=row.heading,
        text=row.content,
        boxes=row.boxes,
        score=score,
    )
