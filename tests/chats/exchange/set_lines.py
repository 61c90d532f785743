"""What is set in a PDF, as an eye sees it: lines from the top, characters from the left."""

import ctypes
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from typing import Any, NamedTuple

import pypdfium2
from pypdfium2 import raw as pdfium

from chats.exchange.pdf import pages


class Line(NamedTuple):
    text: str
    # Where it begins, in points, on a page that is 595 wide and whose words begin at 56.
    x: float
    # From the foot of the page.
    y: float
    size: float
    # Of its first character: red, green and blue.
    colour: tuple[int, int, int]


def document(text: str) -> pypdfium2.PdfDocument:
    """The pages that an answer fills. The fonts must be registered."""
    asked = {"title": "T", "date": "", "messages": [
        {"is_answer": True, "who": "W", "date": "", "content": text, "pictures": [], "sources": []}
    ]}  # fmt: skip
    return pypdfium2.PdfDocument(pages.pdf(asked))


def set_in(text: str) -> list[list[Line]]:
    with closing(document(text)) as pages_of_it:
        return [list(_lines(page)) for page in pages_of_it]


def line_with(part: str, text: str) -> Line:
    return next(line for page in set_in(text) for line in page if part in line.text)


def _lines(page: Any) -> Iterator[Line]:
    text = page.get_textpage()
    x, y = ctypes.c_double(), ctypes.c_double()
    chars: list[tuple[float, float, int]] = []
    for index in range(text.count_chars()):
        pdfium.FPDFText_GetCharOrigin(text, index, x, y)
        if chr(pdfium.FPDFText_GetUnicode(text, index)).isprintable():
            chars.append((-round(y.value), x.value, index))
    for _, group in groupby(sorted(chars), key=lambda char: char[0]):
        line = list(group)
        first = line[0][2]
        shown = "".join(chr(pdfium.FPDFText_GetUnicode(text, index)) for *_, index in line)
        yield Line(shown, line[0][1], -line[0][0], pdfium.FPDFText_GetFontSize(text, first), _colour(text, first))


def _colour(text: Any, index: int) -> tuple[int, int, int]:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    pdfium.FPDFText_GetFillColor(text, index, red, green, blue, alpha)
    return red.value, green.value, blue.value
