"""Which sentences of some passages speak most of a question. Pure, but for the embedder."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from llms.builtin import embedder
from llms.requests import Quotable

QUOTES = 4
# A sentence shorter than this says little alone; one longer than that is cut at a word.
_SHORTEST = 40
_LONGEST = 420
# How much the meaning counts beside the words, and how near the best sentence the others must come. Between 0.2 and 0.7
# it hardly matters: the judged answer stands in the quotes for 94-96 % of SQuAD's questions, 91-92 % of German XQuAD's.
_MEANING = 0.3
_NEAR_THE_BEST = 0.5
# A best sentence below this fits badly. So it is for 3 % of SQuAD's questions (German XQuAD: 5 %), and for 71 % (49 %)
# of those whose article is not among the documents.
_FITS = 0.35

# After the end of a sentence, at an empty line, and before a list item.
_BOUNDARY = re.compile(
    r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9\u00c0-\u00de\u0391-\u03a9\u0410-\u042f])"
    r"|(?<=[。！？])\s*|\n\s*\n\s*|\n(?=\s*(?:[-*•·–]|\d{1,3}[.)])\s)"
)
_ABBREVIATED = re.compile(
    r"\b(?:[A-Z]|[Dd]r|[Mm]rs?|[Pp]rof|[Nn]o|[Vv]s|[Ff]ig|[Ee]q|[Cc]f|e\.g|i\.e|z\.B|bzw|ca|St)\.$"
)
_WORD = re.compile(r"[^\W_]+")
# A line of its own that may be a heading: short, it begins like one, and nothing in it ends or goes on.
_HEADING_LINE = re.compile(r"[\"'“‘(]?[^\W_a-zß-öø-ÿ][^\n]{0,79}(?<![.,;:!?…。！？\-])")
_HEADING_WORDS = 10
# More short lines than this in a row are a list or a table.
_HEADINGS_IN_A_ROW = 3
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")


@dataclass(frozen=True, slots=True)
class Quote:
    """`text` stands in the passage as it is."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    passage: int  # its place among the passages
    begin: int
    end: int
    terms: Counter[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """`fits`: whether the best of the quotes speaks of the question at all, and is not only the nearest there is."""

    quotes: list[Quote]
    fits: bool


def choose(question: str, passages: Sequence[Quotable]) -> Choice:
    """At most QUOTES quotes, the one that says most first. Neighbouring sentences become one quote."""
    sentences = [
        _Sentence(place, begin, end, Counter(terms(passage.text[begin:end])))
        for place, passage in enumerate(passages)
        for begin, end in _readable(passage.text)
    ]
    if not sentences:
        return Choice([], fits=False)
    scores = _scores(question, passages, sentences)
    ranked = sorted(range(len(sentences)), key=lambda i: -scores[i])
    enough = scores[ranked[0]] * _NEAR_THE_BEST
    chosen = sorted(i for i in ranked[:QUOTES] if scores[i] >= enough)
    quotes = _joined(passages, [(sentences[i], scores[i]) for i in chosen])
    best, *others = (quote for quote, _ in sorted(quotes, key=lambda scored: -scored[1]))
    # The first says most. The others are read in the order of their numbers.
    return Choice([best, *sorted(others, key=lambda quote: quote.number)], fits=scores[ranked[0]] >= _FITS)


def spans(text: str) -> list[tuple[int, int]]:
    """Where the sentences and headings of a text begin and end; none is empty or endless, and no sentence too short
    to be read alone."""
    found: list[tuple[int, int]] = []
    begin = 0
    for heading_begin, heading_end in _headings(text):
        found += _sentences(text, begin, heading_begin)
        found.append((heading_begin, heading_end))
        begin = heading_end
    return found + _sentences(text, begin, len(text))


def _readable(text: str) -> list[tuple[int, int]]:
    headings = set(_headings(text))
    return [span for span in spans(text) if span not in headings]


def _headings(text: str) -> list[tuple[int, int]]:
    """Short lines without a full stop that stand between paragraphs. A text of nothing else has no headings."""
    found: list[tuple[int, int]] = []
    row: list[tuple[int, int]] = []
    has_prose = False
    # Whether a new line begins a new thought: after an empty line, a full stop or a heading.
    is_fresh = True
    lines = [(match.start(), match.end()) for match in re.finditer(r"[^\n]+", text)]
    for place, (begin, end) in enumerate(lines):
        line = text[begin:end]
        span = begin + len(line) - len(line.lstrip()), end - (len(line) - len(line.rstrip()))
        if span[0] >= span[1]:
            is_fresh = True
            continue
        is_fresh = is_fresh or text[:begin].endswith("\n\n")
        if is_fresh and _is_heading(text, span, lines[place + 1][0] if place + 1 < len(lines) else None):
            row.append(span)
            continue
        found += row if len(row) <= _HEADINGS_IN_A_ROW else []
        row = []
        has_prose = True
        is_fresh = line.rstrip().endswith((".", "!", "?", "…", "。"))
    if len(row) <= _HEADINGS_IN_A_ROW:
        found += row
    return found if has_prose else []


def _is_heading(text: str, span: tuple[int, int], following: int | None) -> bool:
    line = text[span[0] : span[1]]
    if len(line.split()) > _HEADING_WORDS or not _HEADING_LINE.fullmatch(line):
        return False
    # Prose that is broken over lines goes on in lower case.
    return following is None or not text[following : following + 1].islower()


def _sentences(text: str, begin: int, limit: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for boundary in [*_BOUNDARY.finditer(text, begin, limit), None]:
        end = boundary.start() if boundary else limit
        last = boundary is None
        # The closing quotation mark belongs to the sentence it closes.
        while boundary and end < boundary.end() and text[end] in "\"'”’)]":
            end += 1
        piece = text[begin:end].strip()
        if not last and (len(piece) < _SHORTEST or _ABBREVIATED.search(piece)):
            continue
        if _WORD.search(piece):
            start = begin + (len(text[begin:end]) - len(text[begin:end].lstrip()))
            found += _cut(text, start, start + len(piece))
        begin = boundary.end() if boundary else end
    return found


def terms(text: str) -> list[str]:
    """Stems; for scripts without spaces, pairs of characters."""
    found: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if _NO_SPACES.search(word):
            found += [word[i : i + 2] for i in range(max(1, len(word) - 1))]
        else:
            found.append(_stem(word))
    return found


def _cut(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    """A table, or prose without full stops: at line ends or words, so that no piece is longer than _LONGEST."""
    pieces = []
    while end - begin > _LONGEST:
        limit = begin + _LONGEST
        at = max(text.rfind("\n", begin + _SHORTEST, limit), text.rfind(" ", begin + _LONGEST // 2, limit))
        at = at if at > begin else limit
        pieces.append((begin, at))
        begin = at
        while begin < end and text[begin].isspace():
            begin += 1
    return [*pieces, (begin, end)] if begin < end else pieces


def _scores(question: str, passages: Sequence[Quotable], sentences: Sequence[_Sentence]) -> list[float]:
    wanted = set(terms(question))
    containing = Counter(term for sentence in sentences for term in sentence.terms if term in wanted)
    weights = {term: math.log(1 + len(sentences) / (containing[term] or 0.5)) for term in wanted}
    whole = sum(weights.values()) or 1.0
    vectors = embedder.embed([question, *(passages[s.passage].text[s.begin : s.end] for s in sentences)])
    scores = []
    for sentence, vector in zip(sentences, vectors[1:], strict=True):
        words = sum(weight for term, weight in weights.items() if term in sentence.terms) / whole
        meaning = max(0.0, sum(a * b for a, b in zip(vectors[0], vector, strict=True)))
        # The search has ranked the passages by more than these words: an equal sentence of a better one wins.
        scores.append((1 - _MEANING) * words + _MEANING * meaning + 0.1 / (1 + sentence.passage))
    return scores


def _joined(passages: Sequence[Quotable], chosen: Sequence[tuple[_Sentence, float]]) -> list[tuple[Quote, float]]:
    """Quotes in the order of the text, each with the score of its best sentence."""
    runs: list[tuple[_Sentence, int, float]] = []  # the first sentence of a run, where the run ends, its best score
    for sentence, score in chosen:
        if runs:
            first, end, best = runs[-1]
            between = passages[first.passage].text[end : sentence.begin]
            near = sentence.passage == first.passage and sentence.end - first.begin <= _LONGEST * 2
            if near and not between.strip():
                runs[-1] = (first, sentence.end, max(best, score))
                continue
        runs.append((sentence, sentence.end, score))
    return [
        (Quote(passages[first.passage].number, passages[first.passage].text[first.begin : end]), best)
        for first, end, best in runs
    ]


def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")
