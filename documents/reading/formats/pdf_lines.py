"""The characters of a PDF page as lines of words, each with its box as the page is shown."""

import ctypes
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pypdfium2 import raw

# A soft hyphen or pdfium's sign: the word goes on on the next line.
_PIECES = re.compile(r"[^\s\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
# Writing without spaces has "words" of a whole line; marks would be too coarse.
_LONGEST_PIECE = 24
_PIECE = 6
# Every so many characters pdfium is asked whether it knows what they mean.
_SAMPLE = 16
_MOST_UNKNOWN = 0.3


class Word(NamedTuple):
    text: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(slots=True)
class Line:
    """`hyphen`: the last word goes on in the next line. `follows_space`: the first word is one of its own."""

    words: list[tuple[Word, bool]] = field(default_factory=list)
    size: float = 0.0
    hyphen: bool = False

    @property
    def top(self) -> float:
        return min(word.y0 for word, _ in self.words)

    @property
    def bottom(self) -> float:
        return max(word.y1 for word, _ in self.words)

    @property
    def text(self) -> str:
        return "".join((" " if spaced and i else "") + word.text for i, (word, spaced) in enumerate(self.words))


def page_lines(page: Any) -> list[Line]:
    """In the order of the page's own content, which is the reading order of nearly all PDFs."""
    with closing(page.get_textpage()) as textpage:
        count = textpage.count_chars()
        if count <= 0 or _is_gibberish(textpage, count):
            return []
        get = raw.FPDFText_GetUnicode
        text = "".join(map(chr, (get(textpage, index) for index in range(count))))
        boxes = _Boxes(page, textpage)
        lines = []
        start = 0
        for end, stop in _line_spans(text):
            line = _line(text, start, end, boxes)
            if line.words:
                lines.append(line)
            start = stop
        return lines


def _line_spans(text: str) -> Iterator[tuple[int, int]]:
    """(end, beginning of the next) of each line; a line also ends after a line hyphen."""
    position = 0
    for match in re.finditer(r"[\r\n]+|[\x02\ufffe]", text):
        end = match.end() if match[0] in "\x02\ufffe" else match.start()
        if end > position or match.end() > position:
            yield end, match.end()
            position = match.end()
    if position < len(text):
        yield len(text), len(text)


def _line(text: str, start: int, end: int, boxes: "_Boxes") -> Line:
    line = Line()
    for match in _PIECES.finditer(text, start, end):
        spaced = match.start() == start or text[match.start() - 1].isspace()
        word = match[0]
        if word[-1] in "\x02\ufffe":
            line.hyphen = True
            word = word[:-1]
        first = match.start()
        for offset in range(0, len(word), _PIECE if len(word) > _LONGEST_PIECE else len(word)) if word else ():
            piece = word[offset : offset + (_PIECE if len(word) > _LONGEST_PIECE else len(word))]
            box = boxes.of(first + offset, len(piece))
            if box is not None:
                line.words.append((Word(piece, *box), spaced and offset == 0))
    if line.words:
        line.size = boxes.font_size(start)
    return line


def _is_gibberish(textpage: Any, count: int) -> bool:
    """Fonts that do not say which characters their shapes mean: the text layer is noise, and the picture is not."""
    sample = range(0, count, _SAMPLE)
    unknown = sum(raw.FPDFText_HasUnicodeMapError(textpage, index) == 1 for index in sample)
    return bool(unknown > len(sample) * _MOST_UNKNOWN)


class _Boxes:
    """Boxes from pdfium, turned from the page's own coordinates into those of the page as it is shown."""

    _STEPS = 1000  # device units a point, so that pdfium's whole numbers are fine enough

    def __init__(self, page: Any, textpage: Any) -> None:
        self._textpage = textpage
        self._values = [ctypes.c_double() for _ in range(4)]
        self._width, self._height = page.get_size()
        # An affine map (rotation, crop box): three points tell it all.
        (ox, oy), (xx, xy), (yx, yy) = (self._shown(page, *point) for point in ((0, 0), (100, 0), (0, 100)))
        self._map = ((xx - ox) / 100, (yx - ox) / 100, ox, (xy - oy) / 100, (yy - oy) / 100, oy)

    def _shown(self, page: Any, x: float, y: float) -> tuple[float, float]:
        across, down = ctypes.c_int(), ctypes.c_int()
        width, height = int(self._width * self._STEPS), int(self._height * self._STEPS)
        raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, across, down)
        return across.value / self._STEPS, down.value / self._STEPS

    def of(self, start: int, count: int) -> tuple[float, float, float, float] | None:
        """The box around `count` characters of one line. None for what takes no room."""
        left = bottom = float("inf")
        right = top = float("-inf")
        x0, y1, x1, y0 = self._values
        for index in range(raw.FPDFText_CountRects(self._textpage, start, count)):
            if raw.FPDFText_GetRect(self._textpage, index, x0, y1, x1, y0):
                left, right = min(left, x0.value, x1.value), max(right, x0.value, x1.value)
                bottom, top = min(bottom, y0.value, y1.value), max(top, y0.value, y1.value)
        if left > right:
            return None
        a, b, c, d, e, f = self._map
        corners = [(a * x + b * y + c, d * x + e * y + f) for x, y in ((left, bottom), (right, top))]
        xs, ys = sorted(x for x, _ in corners), sorted(y for _, y in corners)
        box = (xs[0], ys[0], xs[1], ys[1])
        return tuple(round(value, 2) for value in box) if all(abs(value) < 1e6 for value in box) else None  # type: ignore[return-value]

    def font_size(self, index: int) -> float:
        return float(raw.FPDFText_GetFontSize(self._textpage, index))
