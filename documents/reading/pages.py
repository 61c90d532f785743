"""What a reader tells: pages of text, with the headings, tables and word boxes found in them.

A child that read a hostile file may be in its author's hands, so whatever comes from it is checked here, by hand.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict

from documents.reading.limits import Limits

# PostgreSQL stores neither; one character for one, so that offsets stay what they are.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


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
    words: Sequence[WordBox] = field(default=(), repr=False)


class PagePayload(TypedDict):
    type: str
    number: int
    text: str
    width: float
    height: float
    headings: Sequence[Heading]
    solids: Sequence[Span]
    words: Sequence[WordBox]


def to_payload(page: ReadPage) -> PagePayload:
    return {
        "type": "page",
        "number": page.number,
        "text": page.text,
        "width": page.width,
        "height": page.height,
        "headings": page.headings,
        "solids": page.solids,
        "words": page.words,
    }


def from_payload(payload: Mapping[str, Any], *, number: int, limits: Limits) -> ReadPage:
    """Raises BadReport. `number` is the page that is due."""
    text = payload.get("text")
    if payload.get("number") != number or not isinstance(text, str) or len(text) > limits.page_characters:
        raise BadReport(f"page {number}")
    length = len(text)
    return ReadPage(
        number=number,
        text=_UNSTORABLE.sub("\ufffd", text),
        width=_measure(payload.get("width")),
        height=_measure(payload.get("height")),
        headings=[_heading(row, length) for row in _rows(payload, "headings", 3)],
        solids=[Span(*_range(row, length)) for row in _rows(payload, "solids", 2)],
        words=[_word(row, length) for row in _rows(payload, "words", 6)],
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


def _word(row: list[Any], length: int) -> WordBox:
    return WordBox(*_range(row[:2], length), *(_measure(value) for value in row[2:]))


def _range(row: list[Any], length: int) -> tuple[int, int]:
    start, end = row
    if not (_is_count(start) and _is_count(end) and start <= end <= length):
        raise BadReport("range")
    return start, end


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _measure(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadReport("measure")
    return float(value)
