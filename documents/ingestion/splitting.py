"""A page becomes passages, cut along its structure: headings, tables, paragraphs, sentences, in that order."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

from documents.ingestion.running import Body
from documents.reading.pages import Heading, ReadPage

_SENTENCE_END = re.compile(r"\n\s*\n\s*|(?<=[.!?…][\s\"'”’)])\s*(?=\S)|(?<=[。！？])|\n(?=[•\-*] )")
# A passage this short is not worth being found on its own.
_TOO_SHORT = 80
# A table or block of code may be this many times longer than other passages before it is cut after all.
_SOLID = 3
# Enough under a heading to stand alone before the next heading begins a new passage.
_ENOUGH = 0.2
_HEADING_LENGTH = 500
# How far into a passage a heading may stand and still be the heading of it all.
_BEGINNING = 0.35


@dataclass(frozen=True, slots=True)
class Piece:
    """`page.text[start:end]`, and the headings above it."""

    start: int
    end: int
    heading: str


@dataclass(frozen=True, slots=True)
class _Atom:
    start: int
    end: int
    is_heading: bool = False
    is_solid: bool = False

    @property
    def length(self) -> int:
        return self.end - self.start


class Splitter:
    """Takes the pages of one document in order: headings hold until the next of their level, across pages."""

    def __init__(self, *, size: int, overlap: int) -> None:
        self._size = size
        self._overlap = min(overlap, size // 2)
        self._path: list[Heading] = []

    def split(self, body: Body) -> list[Piece]:
        """Never longer than twice the size, save for tables; never empty; together they cover the body."""
        text = body.page.text
        pieces: list[Piece] = []
        for group in self._groups(list(self._atoms(body))):
            start, end = group[0].start, group[-1].end
            heading = self._heading_at(body.page.headings, group)
            if not any(character.isalnum() for character in text[start:end]):
                continue
            previous = pieces[-1] if pieces else None
            if previous is not None and end - start < _TOO_SHORT and not group[0].is_heading:
                pieces[-1] = Piece(previous.start, end, previous.heading)
            else:
                pieces.append(Piece(start, end, heading))
        return pieces

    def _heading_at(self, headings: Sequence[Heading], group: Sequence[_Atom]) -> str:
        """The path of headings above most of the group's text; those near its beginning are part of it."""
        first = next((atom.start for atom in group if not atom.is_heading), group[-1].end)
        until = max(first, group[0].start + int((group[-1].end - group[0].start) * _BEGINNING))
        for heading in headings:
            if heading.start < until and heading not in self._path:
                while self._path and self._path[-1].level >= heading.level:
                    self._path.pop()
                self._path.append(heading)
        return " › ".join(heading.text for heading in self._path)[:_HEADING_LENGTH]

    def _groups(self, atoms: Sequence[_Atom]) -> Iterator[list[_Atom]]:
        group: list[_Atom] = []
        for atom in atoms:
            if not group:
                group = [atom]
                continue
            extent = atom.end - group[0].start
            has_text = any(not each.is_heading for each in group)
            if atom.is_heading and has_text and group[-1].end - group[0].start >= self._size * _ENOUGH:
                yield group
                group = [atom]
            elif extent > self._size and has_text:
                yield group
                group = [*self._tail(group, atom), atom]
            else:
                group.append(atom)
        if group:
            yield group

    def _tail(self, group: Sequence[_Atom], following: _Atom) -> list[_Atom]:
        """The end of a passage that the next one repeats, so that nothing is torn from what it refers to."""
        tail: list[_Atom] = []
        for atom in reversed(group[1:]):
            too_much = group[-1].end - atom.start > self._overlap or following.end - atom.start > self._size
            if atom.is_heading or atom.is_solid or too_much:
                break
            tail.insert(0, atom)
        return tail

    def _atoms(self, body: Body) -> Iterator[_Atom]:
        """The smallest parts that are not cut: headings, solid spans, sentences (or less, where one is very long)."""
        text = body.page.text
        position = body.start
        for start, end, is_heading in _marks(body):
            yield from self._sentences(text, position, start)
            if is_heading:
                yield _Atom(start, end, is_heading=True)
            elif end - start <= self._size * _SOLID:
                yield _Atom(start, end, is_solid=True)
            else:
                yield from self._lines(text, start, end)
            position = end
        yield from self._sentences(text, position, body.end)

    def _sentences(self, text: str, start: int, end: int) -> Iterator[_Atom]:
        position = start
        for match in _SENTENCE_END.finditer(text, start, end):
            yield from self._cut(text, position, match.start())
            position = match.end()
        yield from self._cut(text, position, end)

    def _lines(self, text: str, start: int, end: int) -> Iterator[_Atom]:
        position = start
        while position < end:
            stop = text.find("\n", position, end)
            stop = end if stop < 0 else stop
            yield from self._cut(text, position, stop)
            position = stop + 1

    def _cut(self, text: str, start: int, end: int) -> Iterator[_Atom]:
        """Without white space around it, in parts that fit: at a line's end, else between words, else anywhere."""
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        while end - start > self._size:
            half = start + self._size // 2
            stop = text.rfind("\n", half, start + self._size)
            stop = stop if stop > 0 else text.rfind(" ", half, start + self._size)
            stop = stop if stop > 0 else start + self._size
            yield _Atom(start, stop)
            start = stop
            while start < end and text[start].isspace():
                start += 1
        if end > start:
            yield _Atom(start, end)


def _marks(body: Body) -> list[tuple[int, int, bool]]:
    """Headings and solid spans inside the body, in order, not overlapping: (start, end, is_heading)."""
    text = body.page.text
    found: list[tuple[int, int, bool]] = [(span.start, span.end, False) for span in body.page.solids]
    for heading in body.page.headings:
        end = _heading_end(text, heading)
        if end:
            found.append((heading.start, end, True))
    marks: list[tuple[int, int, bool]] = []
    position = body.start
    for start, end, is_heading in sorted(found):
        if start >= position and start < end <= body.end:
            marks.append((start, end, is_heading))
            position = end
    return marks


def _heading_end(text: str, heading: Heading) -> int:
    """Where the heading's words end in the text; 0 if they do not stand there (it only names the page)."""
    words = heading.text.split()
    if not words:
        return 0
    pattern = r"\s*".join(map(re.escape, words))
    match = re.compile(pattern, re.IGNORECASE).match(text, heading.start)
    return match.end() if match else 0


def boxes_of(page: ReadPage, start: int, end: int) -> list[list[float]]:
    """[[page, x0, y0, x1, y1], …] for the words in a range of the text: one box per run of words on a line."""
    boxes: list[list[float]] = []
    last_end = -1
    first = bisect_right(page.words, start, key=attrgetter("end"))
    for word in islice(page.words, first, None):
        if word.start >= end:
            break
        same_line = (
            bool(boxes) and "\n" not in page.text[last_end : word.start] and _overlap(boxes[-1], word.y0, word.y1)
        )
        if same_line:
            _, x0, y0, x1, y1 = boxes[-1]
            boxes[-1] = [page.number, min(x0, word.x0), min(y0, word.y0), max(x1, word.x1), max(y1, word.y1)]
        else:
            boxes.append([page.number, word.x0, word.y0, word.x1, word.y1])
        last_end = word.end
    return boxes


def _overlap(box: Sequence[float], top: float, bottom: float) -> bool:
    """Whether two things stand at the same height, by at least half of the lower one."""
    common = min(box[4], bottom) - max(box[2], top)
    return common * 2 >= min(box[4] - box[2], bottom - top)
