"""Workbooks of Excel before 2007, through xlrd."""

from collections.abc import Iterator
from typing import Any

import xlrd
import xlrd.compdoc

from documents.errors import CorruptFile, DocumentError
from documents.reading.formats import Event, Source, Tools, office, sheets
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    try:
        book = xlrd.open_workbook(
            file_contents=office.unlocked(source.data(), tools), logfile=_Nowhere(), formatting_info=False
        )
    except xlrd.XLRDError as error:
        if "encrypted" in str(error).lower():
            raise office.locked(tools) from error
        raise CorruptFile(detail=type(error).__name__) from error
    # What xlrd makes of broken records is not documented.
    except (xlrd.compdoc.CompDocError, AssertionError, LookupError, ValueError, TypeError, OSError) as error:
        raise CorruptFile(detail=type(error).__name__) from error
    except DocumentError:
        raise
    except Exception as error:
        # struct.error is no subclass of these, and xlrd raises plain exceptions too.
        raise CorruptFile(detail=type(error).__name__) from error
    yield from events(_blocks(book), limits)


class _Nowhere:
    def write(self, _: str) -> None:
        """xlrd's remarks about the file."""

    def flush(self) -> None:
        """Nothing is held back."""


def _blocks(book: Any) -> Iterator[Block]:
    counter = sheets.Counter()
    for sheet in book.sheets():
        title = f"{sheet.name} (hidden)" if sheet.visibility else sheet.name
        rows = (counter.row(_shown(book, cell) for cell in sheet.row(number)) for number in range(sheet.nrows))
        yield from sheets.blocks(title, rows)


def _shown(book: Any, cell: Any) -> object:
    match cell.ctype:
        case xlrd.XL_CELL_DATE:
            try:
                return xlrd.xldate_as_datetime(cell.value, book.datemode)
            except (ValueError, OverflowError):
                return cell.value
        case xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        case xlrd.XL_CELL_ERROR:
            return xlrd.error_text_from_code.get(cell.value, "#ERROR")
        case _:
            return cell.value
