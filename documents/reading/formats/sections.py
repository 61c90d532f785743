"""Formats without pages: blocks of text become sections of a readable length, cut at headings where possible."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from documents.errors import NoText, TooLarge
from documents.reading.formats import Event
from documents.reading.limits import Limits
from documents.reading.pages import Heading, ReadPage, Span

# Characters. A section ends at a heading once it has enough, and before a block that would make it too long.
_ENOUGH = 3_000
_TOO_LONG = 6_000
# A table longer than this is cut between rows into shorter ones; each begins with the rows that name the columns.
_LONG_TABLE, _TABLE = 2_400, 900


@dataclass(frozen=True, slots=True)
class Block:
    """`level` counts for headings only, 1 being the highest. Tables and code are better not cut.

    A table has one line a row; the first `heads` of them name the columns.
    """

    kind: Literal["heading", "paragraph", "item", "table", "code"]
    text: str
    level: int = 1
    heads: int = 1


def slide(number: int, blocks: Iterable[Block], limits: Limits) -> ReadPage:
    """A page that the format itself knows, such as a slide."""
    section = _Section()
    for block in _bounded(blocks, limits):
        section.add(block)
    return _page(section, number)


def events(blocks: Iterable[Block], limits: Limits) -> Iterator[Event]:
    """Everything a reader of such a format has to say. Raises NoText and TooLarge."""
    pages = list(_sections(_bounded(blocks, limits)))
    if not pages:
        raise NoText
    if len(pages) > limits.pages:
        raise TooLarge(f"This file holds more than {limits.pages:,} sections of text. Split it into smaller files.")
    yield {"type": "begin", "pages": len(pages)}
    yield from pages


def _bounded(blocks: Iterable[Block], limits: Limits) -> Iterator[Block]:
    """Without empty blocks, none longer than a section, and no more of them than allowed."""
    total = 0
    for block in blocks:
        text = block.text.strip("\n") if block.kind == "code" else block.text.strip()
        if not text.strip():
            continue
        total += len(text)
        if total > limits.characters:
            raise TooLarge("This file holds more text than can be taken in at once. Split it into smaller files.")
        for whole in _tables(text, block.heads) if block.kind == "table" else (text,):
            for part in _parts(whole):
                yield Block(block.kind, part, block.level)


def _tables(text: str, heads: int) -> Iterator[str]:
    lines = text.split("\n")
    head = lines[:heads]
    length = len("\n".join(head))
    room = max(_TABLE, 2 * length)
    # Columns that take so much to name leave no room for rows.
    if len(text) <= max(_LONG_TABLE, room) or length > _TOO_LONG // 6:
        yield text
        return
    rows: list[str] = []
    extent = length
    for row in lines[heads:]:
        if rows and extent + len(row) > room:
            yield "\n".join(head + rows)
            rows, extent = [], length
        rows.append(row)
        extent += len(row) + 1
    yield "\n".join(head + rows)


def _parts(text: str) -> Iterator[str]:
    """Cut what is longer than a section: at line ends, else at ends of sentences, else between words, else anywhere."""
    start = 0
    while len(text) - start > _TOO_LONG:
        window = text[start : start + _TOO_LONG]
        half = _TOO_LONG // 2
        end = max(window.rfind("\n", half), window.rfind(". ", half) + 1) or window.rfind(" ", half)
        end = end if end > half else _TOO_LONG
        yield window[:end].strip()
        start += end
    if text[start:].strip():
        yield text[start:].strip()


@dataclass
class _Section:
    text: str = ""
    headings: list[Heading] = field(default_factory=list)
    solids: list[Span] = field(default_factory=list)
    last: Block | None = None

    def add(self, block: Block) -> None:
        if self.last is not None:
            together = self.last.kind == block.kind == "item"
            self.text += "\n" if together else "\n\n"
        start = len(self.text)
        self.text += block.text
        if block.kind == "heading":
            self.headings.append(Heading(start, block.level, " ".join(block.text.split())[:300]))
        elif block.kind in {"table", "code"}:
            self.solids.append(Span(start, len(self.text)))
        self.last = block


def _sections(blocks: Iterable[Block]) -> Iterator[ReadPage]:
    number = 1
    section = _Section()
    waiting: list[Block] = []  # headings, which stay with what follows them
    for block in blocks:
        if block.kind == "heading":
            if section.last is not None and not waiting and len(section.text) >= _ENOUGH:
                yield _page(section, number)
                number, section = number + 1, _Section()
            waiting.append(block)
            continue
        coming = sum(len(each.text) + 2 for each in (*waiting, block))
        if section.last is not None and len(section.text) + coming > _TOO_LONG:
            yield _page(section, number)
            number, section = number + 1, _Section()
        for each in (*waiting, block):
            section.add(each)
        waiting = []
    for each in waiting:
        section.add(each)
    if section.last is not None:
        yield _page(section, number)


def _page(section: _Section, number: int) -> ReadPage:
    return ReadPage(number=number, text=section.text, headings=section.headings, solids=section.solids)
