"""What a reader tells: pages of text, with the headings, tables and word boxes found in them.

A child that read a hostile file may be in its author's hands, so whatever comes from it is checked here, by hand.
"""

import math
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, starmap
from operator import gt
from typing import Any, NamedTuple, TypedDict

from documents.reading.limits import Limits

# PostgreSQL stores neither; one character for one, so that offsets stay what they are.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


# More of them on one page help nobody.
_MOST_HEADINGS, _MOST_SOLIDS = 1_000, 5_000
# Points. No paper is this wide.
_FURTHEST = 1e9


class BadReport(Exception):
    """A child said something that no reader says."""


class Heading(NamedTuple):
    """`start` is the offset in its page's text; level 1 is the highest."""

    start: int
    level: int
    text: str


class Span(NamedTuple):
    """A range of a page's text that is better not cut: a table, a block of code."""

    start: int
    end: int


class WordBox(NamedTuple):
    """Where a word (or a part of one) stands: points from the top left of the page as it is shown."""

    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page of a PDF, or a section of a format without pages (width and height are 0 then)."""

    number: int
    text: str
    width: float = 0.0
    height: float = 0.0
    headings: Sequence[Heading] = ()
    solids: Sequence[Span] = ()
    # In the order of the text.
    words: Sequence[WordBox] = field(default=(), repr=False)


class PagePayload(TypedDict):
    """What goes beside it: the text in UTF-8, of so many bytes, and then the words, six numbers each."""

    type: str
    number: int
    text_bytes: int
    width: float
    height: float
    headings: Sequence[Heading]
    solids: Sequence[Span]


def to_payload(page: ReadPage) -> tuple[PagePayload, bytes]:
    # Half characters have no UTF-8. They are replaced on the other side, which trusts nobody.
    text = page.text.encode("utf-8", "surrogatepass")
    payload: PagePayload = {
        "type": "page",
        "number": page.number,
        "text_bytes": len(text),
        "width": page.width,
        "height": page.height,
        "headings": page.headings[:_MOST_HEADINGS],
        "solids": page.solids[:_MOST_SOLIDS],
    }
    return payload, text + array("d", chain.from_iterable(page.words)).tobytes()


def from_payload(payload: Mapping[str, Any], blob: bytes, *, number: int, limits: Limits) -> ReadPage:
    """Raises BadReport. `number` is the page that is due."""
    if payload.get("number") != number:
        raise BadReport(f"page {number}")
    (text_bytes, _) = _range([payload.get("text_bytes"), len(blob)], len(blob))
    try:
        text = blob[:text_bytes].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise BadReport("text") from error
    if len(text) > limits.page_characters:
        raise BadReport(f"page {number}")
    length = len(text)
    return ReadPage(
        number=number,
        text=_UNSTORABLE.sub("\ufffd", text),
        width=_measure(payload.get("width")),
        height=_measure(payload.get("height")),
        headings=[_heading(row, length) for row in _rows(payload, "headings", 3)],
        solids=[Span(*_range(row, length)) for row in _rows(payload, "solids", 2)],
        words=_words(blob[text_bytes:], length),
    )


def _rows(payload: Mapping[str, Any], key: str, width: int) -> list[list[Any]]:
    rows = payload.get(key)
    if not isinstance(rows, list) or any(not isinstance(row, list) or len(row) != width for row in rows):
        raise BadReport(key)
    return rows


def _heading(row: list[Any], length: int) -> Heading:
    start, level, text = row
    if not (isinstance(text, str) and _is_count(level) and 1 <= level <= 9):
        raise BadReport("heading")
    begin, _ = _range([start, length], length)
    return Heading(begin, level, _UNSTORABLE.sub("\ufffd", text)[:300])


def _words(packed: bytes, length: int) -> list[WordBox]:
    """There are hundreds on a page, so they are checked by the column."""
    numbers = array("d")
    if len(packed) % (6 * numbers.itemsize):
        raise BadReport("words")
    numbers.frombytes(packed)
    columns = [numbers[column::6] for column in range(6)]
    if not numbers:
        return []
    if not math.isfinite(sum(map(abs, numbers))):
        raise BadReport("words")
    starts, ends = (list(map(int, column)) for column in columns[:2])
    # In order, none within another: passages are looked up by halving.
    if starts[0] < 0 or ends[-1] > length or any(map(gt, starts, ends)) or any(map(gt, ends, starts[1:])):
        raise BadReport("words")
    return list(starmap(WordBox, zip(starts, ends, *columns[2:], strict=True)))


def _range(row: list[Any], length: int) -> tuple[int, int]:
    start, end = row
    if not (_is_count(start) and _is_count(end) and start <= end <= length):
        raise BadReport("range")
    return start, end


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _measure(value: Any) -> float:
    # The bounds also keep out what is no number, or too large for one.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_FURTHEST < value < _FURTHEST:
        raise BadReport("measure")
    return float(value)
