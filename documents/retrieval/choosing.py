"""From ranked passages to those that are used, with a reason for each that is not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from documents.retrieval.close_reading import Question, Read, Reading
from documents.retrieval.passages import Passage
from documents.retrieval.statement import Ranked

DUPLICATE = "the same text as a passage above"
SIMILAR = "nearly the same text as a passage above"
IRRELEVANT = "below the relevance asked for"
UNANSWERING = "no answer, to what read the best passages"
HIDDEN = "instructions aimed at the assistant"
UNREAD = "behind the best passages, in none of which an answer was found"
SURPLUS = "more than the number asked for"
JOINED = "read together with its neighbour"

# Two passages with so much of the shorter one's vocabulary in common say the same: five copies of one paragraph teach
# no more than one. Passages of fewer words are alike by chance.
_ALIKE = 0.9
_LEAST_WORDS = 12
# Neighbours that become one passage, at most.
_MOST_JOINED = 3
_SHORTEST_OVERLAP = 10


@dataclass(frozen=True)
class Choice:
    passages: list[Passage]
    trace: list[dict[str, Any]]


@dataclass
class _Used:
    """One passage to be, made of neighbours on one page. The first of `rows` is the one that ranked best."""

    rows: list[Ranked]
    score: float

    def takes(self, row: Ranked) -> bool:
        best = self.rows[0]
        indexes = [each.index for each in self.rows]
        return (
            (row.version_id, row.page) == (best.version_id, best.page)
            and len(self.rows) < _MOST_JOINED
            and row.index in (min(indexes) - 1, max(indexes) + 1)
        )


def choose(
    read: Sequence[Read],
    question: Question,
    *,
    top_k: int,
    threshold: float,
    own_thresholds: bool = True,
    unanswering: Collection[int] = (),
    hidden: Collection[int] = (),
) -> Choice:
    """`read` best first. Neighbours on a page are used as one passage, which counts once.

    A collection's own threshold goes before `threshold`, unless `own_thresholds` is false. `unanswering`: the
    places of those that were read, where none of them answers, and `hidden` of those that were not shown to whatever
    read them (documents.retrieval.reranking). Then none is used.
    """
    used: list[_Used] = []
    trace: list[dict[str, Any]] = []
    seen: dict[str, frozenset[str]] = {}
    for each_read in read:
        row, reading = each_read.row, each_read.reading
        score = relevance(row, question)
        text = " ".join(row.content.split()).casefold()
        words = frozenset(text.split())
        neighbour = next((each for each in used if each.takes(row)), None)
        least = row.threshold if own_thresholds and row.threshold is not None else threshold
        if score < least or score == 0:
            cut = IRRELEVANT
        elif unanswering:
            cut = UNANSWERING if each_read.was in unanswering else HIDDEN if each_read.was in hidden else UNREAD
        elif text in seen:
            cut = DUPLICATE
        elif any(_alike(words, others) for others in seen.values()):
            cut = SIMILAR
        elif neighbour is None and len(used) >= top_k:
            cut = SURPLUS
        else:
            cut = ""
            seen[text] = words
            if neighbour is not None:
                neighbour.rows.append(row)
            else:
                used.append(_Used([row], score))
        told = _told(row, reading, score, cut) | {"matched": _matched(reading, question)}
        if least != threshold:
            told |= {"threshold": least}
        if each_read.was is not None:
            told |= {"was": each_read.was + 1, "rerank": each_read.rerank}
        if neighbour is not None and not cut:
            told |= {"note": JOINED, "joined_to": neighbour.rows[0].chunk_id}
        trace.append(told)
    return Choice([_passage(each) for each in used], trace)


def _alike(words: frozenset[str], others: frozenset[str]) -> bool:
    fewer = min(len(words), len(others))
    return fewer >= _LEAST_WORDS and len(words & others) >= _ALIKE * fewer


def _matched(reading: Reading, question: Question) -> list[str]:
    return [question.words[place].word for place in sorted(reading.found)]


def _told(row: Ranked, reading: Reading, score: float, cut: str) -> dict[str, Any]:
    return {
        "chunk": row.chunk_id,
        "document": str(row.document_id),
        "name": row.document_name,
        "page": row.page,
        "keyword": round(row.keyword, 4),
        "similarity": round(row.similarity, 4),
        "whole_document": round(row.document_score, 4),
        "together": round(reading.together, 4),
        "in_order": round(reading.in_order, 4),
        "meaning": round(reading.meaning, 4),
        "rank_score": round(row.rank_score, 4),
        "score": round(score, 4),
        "used": not cut,
        "cut": cut,
        "note": "",
    }


def relevance(row: Ranked, question: Question) -> float:
    """0 to 1, and unlike the ranking's score the same measure for every question.

    Half is how much of the question's weight in words the passage carries (1: as much as if every word stood in it
    once at average length), half the cosine of the vectors. With the built-in embedder a good answer has about 0.7,
    the best passage for a question on another subject about 0.3 (docs/decisions/0011-fusion.md).
    """
    carried = min(1.0, row.keyword / question.weight) if question.weight > 0 else 0.0
    return min(1.0, max(0.0, (carried + max(0.0, row.similarity)) / 2))


def _passage(used: _Used) -> Passage:
    best, in_order = used.rows[0], sorted(used.rows, key=lambda row: row.index)
    text = in_order[0].content
    for row in in_order[1:]:
        text = _joined(text, row.content)
    return Passage(
        chunk_id=best.chunk_id,
        version_id=best.version_id,
        document_id=best.document_id,
        document_name=best.document_name,
        page=best.page,
        heading=in_order[0].heading,
        text=text,
        boxes=[box for position, row in enumerate(in_order) for box in _new_boxes(row, in_order[:position])],
        score=used.score,
    )


def _joined(text: str, following: str) -> str:
    """Passages overlap, so that nothing is torn apart: what the second repeats of the first is said once."""
    for length in range(min(len(text), len(following)), _SHORTEST_OVERLAP - 1, -1):
        if text.endswith(following[:length]):
            return text + following[length:]
    return f"{text}\n{following}"


def _new_boxes(row: Ranked, before: Sequence[Ranked]) -> list[Any]:
    return [box for box in row.boxes if not any(box in other.boxes for other in before)]
