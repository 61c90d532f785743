"""Excel workbooks: the values of every sheet as its tables. Of a formula the last result is read."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl
import openpyxl.utils.exceptions
from lxml import etree

from documents.errors import CorruptFile
from documents.reading.formats import Event, Source, Tools, office, sheets
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

# What openpyxl raises on parts that are missing or of another shape is not documented.
_BROKEN = (
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    SyntaxError,
    OSError,
    EOFError,
    zipfile.BadZipFile,
    etree.LxmlError,
    openpyxl.utils.exceptions.InvalidFileException,
)


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    data = office.opened(source, tools, limits, holds="xl/workbook", label="an Excel workbook")
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except _BROKEN as error:
        raise CorruptFile(detail=type(error).__name__) from error
    yield from events(_blocks(book), limits)


def _blocks(book: Any) -> Iterator[Block]:
    counter = sheets.Counter()
    for sheet in book.worksheets:
        # Some programs declare a million rows where there are ten.
        sheet.reset_dimensions()
        title = sheet.title if sheet.sheet_state == "visible" else f"{sheet.title} (hidden)"
        yield from sheets.blocks(title, _rows(sheet, counter))


def _rows(sheet: Any, counter: sheets.Counter) -> Iterator[sheets.Row]:
    try:
        for row in sheet.iter_rows():
            yield counter.row(_value(cell) for cell in row)
    except _BROKEN as error:
        raise CorruptFile(detail=type(error).__name__) from error


def _value(cell: Any) -> object:
    value = cell.value
    if isinstance(value, int | float) and not isinstance(value, bool) and "%" in (cell.number_format or ""):
        return f"{value * 100:.10g}%"
    return value
