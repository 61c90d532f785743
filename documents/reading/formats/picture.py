"""Pictures: the words in them, by Tesseract. Each sheet of a TIFF is a page; what moves is read where it begins."""

import io
from collections.abc import Iterator

import PIL.Image

from documents.errors import CorruptFile, NoText
from documents.reading.bounds import pictures
from documents.reading.formats import Event, Source, Tools
from documents.reading.formats.pdf_text import assemble
from documents.reading.formats.recognition import MISSING, Recogniser
from documents.reading.limits import Limits
from documents.reading.pages import ReadPage

_BROKEN = (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError, OverflowError)


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    data = source.data()
    size = pictures.measure(io.BytesIO(data))
    recogniser = Recogniser(tools.recognise, limits)
    if not recogniser.is_installed:
        raise NoText(f"This is a picture. {MISSING}")
    has_text = False
    with PIL.Image.open(io.BytesIO(data), formats=pictures.FORMATS) as picture:
        count = size.frames if picture.format == "TIFF" else 1
        yield {"type": "begin", "pages": count}
        for number in range(1, count + 1):
            page = _page(picture, number, recogniser, limits)
            has_text = has_text or bool(page.text.strip())
            yield page
    if not has_text:
        raise NoText("No words could be made out in this picture, so there is nothing in it to search.")


def _page(picture: PIL.Image.Image, number: int, recogniser: Recogniser, limits: Limits) -> ReadPage:
    try:
        picture.seek(number - 1)
        lines = recogniser.picture_lines(picture)
    # Whatever a broken part makes of Pillow; what that may be is not documented.
    except _BROKEN as error:
        if number == 1:
            raise CorruptFile(detail=type(error).__name__) from error
        lines = None
    return ReadPage(number=number, text=assemble(lines or (), (), limit=limits.page_characters).text)
