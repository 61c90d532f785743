"""PDF through pdfium: text in reading order with the place of every word; pages without text go to recognition."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pypdfium2
from pypdfium2 import raw

from documents.errors import CorruptFile, NoText, TooLarge
from documents.reading.formats import Event, Source, Tools, office
from documents.reading.formats import pdf_outline as outlines
from documents.reading.formats.pdf_file import open_pdf
from documents.reading.formats.pdf_lines import page_lines
from documents.reading.formats.pdf_text import PageText, assemble
from documents.reading.formats.recognition import Recogniser
from documents.reading.limits import Limits
from documents.reading.pages import ReadPage

# Characters. With no more than these of its own, a page that is mostly a picture is looked at as one.
_LITTLE = 250
_MOSTLY = 0.5
_MOST_PICTURES = 200
_PASSWORD_ERRORS = {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    try:
        document = open_pdf(source, tools.password)
    except pypdfium2.PdfiumError as error:
        if error.err_code in _PASSWORD_ERRORS:
            raise office.locked(tools) from error
        raise CorruptFile("This PDF is damaged and cannot be opened. Save it anew and upload that.") from error
    with closing(document):
        count = len(document)
        if count > limits.pages:
            raise TooLarge(
                f"This PDF has {count:,} pages; {limits.pages:,} can be taken in. Split it and upload the parts."
            )
        if count == 0:
            raise NoText("This PDF has no pages.")
        yield {"type": "begin", "pages": count}
        yield from _Reading(document, Recogniser(tools.recognise, limits), limits).events(count)


class _Reading:
    def __init__(self, document: Any, recogniser: Recogniser, limits: Limits) -> None:
        self._document = document
        self._recogniser = recogniser
        self._limits = limits
        self._outline = outlines.read(document)
        self._unread: list[int] = []
        self._damaged: list[int] = []
        self._has_text = False

    def events(self, count: int) -> Iterator[Event]:
        for number in range(1, count + 1):
            page = self._page(number)
            self._has_text = self._has_text or bool(page.text.strip())
            yield page
        if not self._has_text:
            raise NoText(self._why_no_text())
        if self._unread:
            yield {"type": "remark", "text": f"{_pages(self._unread)} only pictures, which could not be read as text."}
        if self._damaged:
            yield {"type": "remark", "text": f"{_pages(self._damaged)} damaged parts, which could not be read."}

    def _page(self, number: int) -> ReadPage:
        try:
            page = self._document[number - 1]
        except pypdfium2.PdfiumError:
            self._damaged.append(number)
            return ReadPage(number=number, text="")
        with closing(page):
            width, height = page.get_size()
            found = assemble(page_lines(page), self._outline.get(number, ()), limit=self._limits.page_characters)
            if not found.text:
                found = self._recognised(page, number)
            elif len(found.text) < _LITTLE and _is_mostly_picture(page, width * height):
                # A scan with a stamp or a page number in letters of its own.
                seen = self._seen(page, number)
                found = seen if seen is not None and len(seen.text) > 1.5 * len(found.text) else found
        return ReadPage(
            number=number,
            text=found.text,
            width=round(width, 2),
            height=round(height, 2),
            headings=found.headings,
            words=found.words,
        )

    def _recognised(self, page: Any, number: int) -> PageText:
        """The words in the picture of a page that has no others, where that can be had."""
        if raw.FPDFPage_CountObjects(page) == 0:
            return PageText()  # an empty page: there is nothing to miss
        seen = self._seen(page, number)
        if seen is None:
            self._unread.append(number)
        return seen or PageText()

    def _seen(self, page: Any, number: int) -> PageText | None:
        lines = self._recogniser.lines(page)
        if lines is None:
            return None
        return assemble(lines, self._outline.get(number, ()), limit=self._limits.page_characters)

    def _why_no_text(self) -> str:
        if self._damaged:
            return "This PDF is damaged: none of its pages could be read. Save it anew and upload that."
        if not self._recogniser.is_installed and self._unread:
            return (
                "This PDF holds only pictures of pages, such as a scan. Reading them needs Tesseract, which is not "
                "installed on the server: ask an administrator, or upload a PDF with text."
            )
        if self._unread:
            return "This PDF holds only pictures of pages, and no text could be made out in them."
        return "This PDF holds no text."


def _is_mostly_picture(page: Any, area: float) -> bool:
    covered = 0.0
    for count, picture in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)):
        left, bottom, right, top = picture.get_bounds()
        covered += abs(right - left) * abs(top - bottom)
        if covered > area * _MOSTLY or count > _MOST_PICTURES:
            break
    return covered > area * _MOSTLY


def _pages(numbers: list[int]) -> str:
    """ "Page 3 holds", "Pages 3, 4 and 9 hold": the beginning of a sentence."""
    if len(numbers) == 1:
        return f"Page {numbers[0]} holds"
    if len(numbers) > 8:
        return f"{len(numbers):,} pages (the first is page {numbers[0]}) hold"
    return f"Pages {', '.join(map(str, numbers[:-1]))} and {numbers[-1]} hold"
