"""Running headers and footers: lines that stand at the same edge of page after page. They say nothing about a page.

They stay in the page's text, for reading; passages leave them out, for searching.
"""

import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from documents.reading.pages import ReadPage

# Pages to look at on either side: left and right pages often have lines of their own.
_NEIGHBOURS = 2
_LINES = 3
_LONGEST = 120
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """A page and the part of its text between running lines."""

    page: ReadPage
    start: int
    end: int


def bodies(pages: Iterable[ReadPage]) -> Generator[Body, None, None]:
    """As the pages come, with a delay of two."""
    window: deque[ReadPage] = deque(maxlen=2 * _NEIGHBOURS + 1)
    ahead: deque[ReadPage] = deque()
    for page in pages:
        window.append(page)
        ahead.append(page)
        if len(ahead) > _NEIGHBOURS:
            yield _body(ahead.popleft(), window)
    while ahead:
        yield _body(ahead.popleft(), window)


def _body(page: ReadPage, window: Sequence[ReadPage]) -> Body:
    start, end = 0, len(page.text)
    if page.width == 0:  # not a format with pages
        return Body(page, start, end)
    others = [other for other in window if other is not page]
    # The first page keeps its header, so that what a header says can be found somewhere.
    tops = [_edge(other.text, top=True) for other in others] if page.number > 1 else []
    for line, length in _edge_lines(page.text, top=True):
        if sum(line in top for top in tops) < 2:
            break
        start += length
    bottoms = [_edge(other.text, top=False) for other in others]
    for line, length in _edge_lines(page.text, top=False):
        if sum(line in bottom for bottom in bottoms) < 2:
            break
        end -= length
    return Body(page, start, end) if start < end else Body(page, 0, len(page.text))


def _edge(text: str, *, top: bool) -> set[str]:
    return {line for line, _ in _edge_lines(text, top=top)}


def _edge_lines(text: str, *, top: bool) -> Iterator[tuple[str, int]]:
    """(the line with its numbers masked, its length with its line end), from the edge inwards."""
    pieces = text[:1000].splitlines(keepends=True) if top else text[-1000:].splitlines(keepends=True)[::-1]
    passed, seen = 0, 0
    for piece in pieces:
        passed += len(piece)
        line = _DIGITS.sub("#", " ".join(piece.split()).lower())
        if not line:
            continue
        if seen == _LINES or len(line) > _LONGEST:
            return
        yield line, passed
        passed, seen = 0, seen + 1
