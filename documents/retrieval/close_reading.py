"""A second look at the best passages, sentence by sentence.

The statement sees a passage as a bag of words. Whether those of the question stand together in one sentence, and in
its order, tells an answer from a page that has a little of everything.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from uuid import UUID

from documents.models import EmbeddingSpace
from documents.retrieval.statement import Ranked, Rarity
from documents.terms import AskedWord, terms_in_order
from llms.embeddings import instant_cosines

MOST_READ = 20
# Beside the statement's 0 to 1 (docs/decisions/0011-fusion.md).
_TOGETHER = 0.3
_IN_ORDER = 0.2
_MEANING = 0.2

_SENTENCE = re.compile(r"(?<=[.!?\u2026])\s+|\n\s*\n|(?<=[\u3002\uff01\uff1f])")


@dataclass(frozen=True)
class Question:
    """The words that were asked for, and what finding each is worth."""

    words: Sequence[AskedWord]
    values: Sequence[float]

    @classmethod
    def of(cls, words: Sequence[AskedWord], rarities: Mapping[int, Rarity]) -> "Question":
        return cls(words, [_value(word, rarities) for word in words])

    @property
    def weight(self) -> float:
        """What a passage with every word is worth: the measure of BM25 and of what is covered."""
        return sum(self.values)

    def by_term(self) -> dict[int, int]:
        """The place of each term's word in the question."""
        return {term: place for place, word in reversed([*enumerate(self.words)]) for term in word.terms}


def _value(word: AskedWord, rarities: Mapping[int, Rarity]) -> float:
    """Any stem will do, so the commonest counts; a part of a word that stands nowhere is no loss."""
    known = [rarities[term] for term in word.terms if term in rarities]
    if not known or (word.is_part and not any(rarity.found for rarity in known)):
        return 0.0
    return min(rarity.idf for rarity in known)


@dataclass(frozen=True)
class Reading:
    """0 to 1 each. `together`: what of the question's weight the best sentence holds, with the document's name and the
    headings above it. `in_order`: what of the question's neighbouring words are neighbours here. `meaning`: the best
    sentence's cosine, 0 where vectors take long. `found`: the places of the question's words that stand in the passage,
    in the document's name or in the headings above it."""

    together: float = 0.0
    in_order: float = 0.0
    meaning: float = 0.0
    found: frozenset[int] = frozenset()

    @property
    def score(self) -> float:
        return _TOGETHER * self.together + _IN_ORDER * self.in_order + _MEANING * self.meaning


@dataclass(frozen=True)
class Read:
    """`was` is the place before reranking (documents.retrieval.reranking), from 0, and `rerank` the score of it."""

    row: Ranked
    reading: Reading
    was: int | None = None
    rerank: float | None = None


def read_closely(
    rows: Sequence[Ranked],
    question: Question,
    vector: Sequence[float] | None,
    space: EmbeddingSpace,
    keys: Mapping[UUID, bytes],
) -> list[Read]:
    """`rows` in a better order, `rank_score` being that of both looks. `keys` are those of the rows' owners, which the
    terms were made with.

    Only the best MOST_READ are read, and the others stay behind them: what ranks so low is rarely lifted rightly.
    """
    rows, rest = rows[:MOST_READ], rows[MOST_READ:]
    sentences = [sentences_of(row.content) or [row.content] for row in rows]
    meanings = _meanings(sentences, vector, space)
    read = []
    for row, parts, meaning in zip(rows, sentences, meanings, strict=True):
        together, in_order, found = _words_of(row, parts, question, keys[row.owner_id])
        reading = Reading(together, in_order, meaning, found)
        read.append(Read(replace(row, rank_score=row.rank_score + reading.score), reading))
    read.sort(key=lambda each: (-each.row.rank_score, each.row.chunk_id))
    return read + [Read(row, Reading()) for row in rest]


def sentences_of(text: str) -> list[str]:
    return [part for part in _SENTENCE.split(text) if part.strip()]


def _words_of(
    row: Ranked, sentences: Sequence[str], question: Question, key: bytes
) -> tuple[float, float, frozenset[int]]:
    places, values = question.by_term(), question.values
    pairs = {pair: values[pair[0]] + values[pair[1]] for pair in pairwise(range(len(values)))}
    context = set(_places(f"{row.document_name}\n{row.heading}", row.language, key, places))
    best, neighbours, everywhere = 0.0, set(), set(context)
    for sentence in sentences:
        found = list(_places(sentence, row.language, key, places))
        best = max(best, sum(values[place] for place in context.union(found)))
        neighbours.update(pairs.keys() & set(pairwise(found)))
        everywhere.update(found)
    in_order = _share(sum(pairs[pair] for pair in neighbours), sum(pairs.values()))
    return _share(best, sum(values)), in_order, frozenset(everywhere)


def _places(text: str, language: str, key: bytes, places: Mapping[int, int]) -> Iterator[int]:
    return (places[term] for term in terms_in_order(text, language, key) if term in places)


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole > 0 else 0.0


def _meanings(sentences: Sequence[Sequence[str]], vector: Sequence[float] | None, space: EmbeddingSpace) -> list[float]:
    parts = [sentence for each in sentences for sentence in each]
    cosines = None if vector is None else instant_cosines(space.model, vector, parts)
    if cosines is None:
        return [0.0] * len(sentences)
    following = iter(cosines)
    return [max(0.0, *(next(following) for _ in each)) for each in sentences]
