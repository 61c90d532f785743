"""Whether each mark [n] of a finished answer stands at a statement that passage n supports.

Small models cite badly. A mark whose passage does not hold the statement is moved to the passage that does, or removed.
What cannot be judged stays: statements of a word or two, and answers in another language than the passages.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from chats.answering.records import Source
from documents.retrieval.close_reading import sentences_of
from documents.stopwords import STOP_WORDS
from documents.terms import guess_language, terms_in_order
from llms.catalogue import EMBEDDER_KEY
from llms.embeddings import embed_query, instant_cosines

# Measured: docs/decisions/0017-citations.md.
_WORDS, _MEANING = 0.6, 0.4
# From here on a passage holds a statement; below the other it has nothing to do with it.
SUPPORTED = 0.5
UNSUPPORTED = 0.3
# How much better another passage must be to take a mark away.
BETTER = 0.15
_FEWEST_WORDS = 3
# Of a long answer the beginning is checked.
_MOST_MARKS = 100

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
# Marks that stand together, with the room before them.
_MARKS = re.compile(r"[ \t]*\[\d{1,3}\](?:[ \t]*\[\d{1,3}\])*(?!\()")
_MARK = re.compile(r"\[(\d{1,3})\]")
_BEGINNING = re.compile(r"(?:[.!?…]['\"”’)\]]*\s+|[。！？]|\n)")
_KEY = b"marks"


@dataclass(frozen=True)
class Checked:
    """The text with its marks put right, and what was done to them."""

    text: str
    kept: int = 0
    moved: int = 0
    removed: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return {"kept": self.kept, "moved": self.moved, "removed": self.removed}

    @property
    def note(self) -> str:
        """For the person; empty where every mark was right."""
        parts = []
        if self.moved:
            parts.append(f"{_marks(self.moved)} moved to the passage that says so")
        if self.removed:
            parts.append(f"{_marks(self.removed)} removed, as no passage says so")
        return "; ".join(parts)


def check(text: str, sources: Sequence[Source]) -> Checked:
    if not sources or not _MARK.search(text):
        return Checked(text)
    judge = _Judge(sources, _language(text))
    code = [(found.start(), found.end()) for found in _CODE.finditer(text)]
    groups = [found for found in _MARKS.finditer(text) if not any(a <= found.start() < b for a, b in code)]
    parts: list[str] = []
    counts = {"kept": 0, "moved": 0, "removed": 0}
    position = 0
    for group in groups[:_MOST_MARKS]:
        statement = _statement(text[: group.start()])
        numbers = [int(number) for number in _MARK.findall(group.group())]
        wanted = judge.right(statement, numbers)
        for _, fate in wanted:
            counts[fate] += 1
        kept = list(dict.fromkeys(number for number, fate in wanted if fate != "removed"))
        if kept != numbers:
            space = group.group()[: len(group.group()) - len(group.group().lstrip())]
            parts += [text[position : group.start()], space * bool(kept), "".join(f"[{number}]" for number in kept)]
            position = group.end()
    return Checked("".join([*parts, text[position:]]), **counts)


def _statement(before: str) -> str:
    """The sentence, or the line, that ends where the marks stand."""
    before = _MARK.sub("", before[-1_000:]).rstrip()
    ends = [found.end() for found in _BEGINNING.finditer(before) if found.end() < len(before)]
    return before[ends[-1] :] if ends else before


def _marks(count: int) -> str:
    return "1 citation was" if count == 1 else f"{count} citations were"


@dataclass(frozen=True)
class _Passage:
    text: str

    @cached_property
    def language(self) -> tuple[str, bool]:
        return _language(self.text)

    @cached_property
    def terms(self) -> frozenset[int]:
        return frozenset(terms_in_order(self.text, self.language[0], _KEY))

    @cached_property
    def sentences(self) -> list[str]:
        return sentences_of(self.text)


class _Judge:
    def __init__(self, sources: Sequence[Source], language: tuple[str, bool]) -> None:
        self._passages = {source.number: _Passage(f"{source.heading}\n{source.text}") for source in sources}
        self._language = language
        self._comparable = {number for number, passage in self._passages.items() if passage.language == language}

    def right(self, statement: str, numbers: Sequence[int]) -> list[tuple[int, str]]:
        """For each mark the number it should have, and its fate: kept, moved or removed."""
        support = self._support(statement)
        return [self._fate(number, numbers, support) for number in numbers]

    def _fate(self, number: int, numbers: Sequence[int], support: Mapping[int, float]) -> tuple[int, str]:
        if number not in self._passages:
            # There is no such passage, so the mark leads nowhere whatever it stands at.
            best = max(support, key=lambda each: support[each], default=None)
            return (best, "moved") if best is not None and support[best] >= SUPPORTED else (number, "removed")
        own = support.get(number)
        if own is None or own >= SUPPORTED:
            return number, "kept"
        best = max(support, key=lambda each: support[each])
        if support[best] >= max(SUPPORTED, own + BETTER):
            return (number, "removed") if best in numbers else (best, "moved")
        return number, "removed" if own < UNSUPPORTED else "kept"

    def _support(self, statement: str) -> dict[int, float]:
        """By number, 0 to 1, of the passages that can be compared; none where the statement says too little."""
        terms = _telling(statement, self._language[0])
        if len(terms) < _FEWEST_WORDS:
            return {}
        vector = embed_query(EMBEDDER_KEY, statement)
        found = {}
        for number in self._comparable:
            passage = self._passages[number]
            words = len(terms & passage.terms) / len(terms)
            cosines = instant_cosines(EMBEDDER_KEY, vector, passage.sentences) or [0.0]
            found[number] = _WORDS * words + _MEANING * max(0.0, *cosines)
        return found


def _telling(statement: str, language: str) -> frozenset[int]:
    return frozenset(terms_in_order(statement, language, _KEY)) - _common(language)


@cache
def _common(language: str) -> frozenset[int]:
    return frozenset(term for word in STOP_WORDS.get(language, ()) for term in terms_in_order(word, language, _KEY))


def _language(text: str) -> tuple[str, bool]:
    """With whether it is written in Latin letters: only texts alike in both can be compared by their words."""
    letters = [character for character in text[:4_000] if character.isalpha()]
    latin = sum(character < "\u0250" for character in letters)
    return guess_language(text), latin * 2 >= len(letters)
