"""CSV and its kin: the delimiter is found in the file, whatever its name says."""

import csv
import io
from collections import Counter
from collections.abc import Iterator

from documents.errors import CorruptFile
from documents.reading.formats import Event, Source, Tools, sheets
from documents.reading.formats.encoding import decode
from documents.reading.formats.sections import events
from documents.reading.limits import Limits

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
_LARGEST_CELL = 1_000_000


def read(source: Source, _: Tools, limits: Limits) -> Iterator[Event]:
    csv.field_size_limit(_LARGEST_CELL)
    text = decode(source.data())
    declared = text[:5].lower().startswith("sep=")
    delimiter = text[4] if declared and len(text) > 4 else _delimiter(text)
    rows = _rows(text.partition("\n")[2] if declared else text, delimiter)
    return events(sheets.blocks("", rows), limits)


def _rows(text: str, delimiter: str) -> Iterator[sheets.Row]:
    counter = sheets.Counter()
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True):
            yield counter.row(row)
    except csv.Error as error:
        raise CorruptFile(detail=str(error)) from error


def _delimiter(text: str) -> str:
    """The one that makes the most rows of the same width, and of those the widest."""
    lines = text[:200_000].split("\n")[:_SAMPLE_LINES]
    if len(lines) > 2 and len(lines) == _SAMPLE_LINES:
        lines.pop()
    best, most = ",", (0, 0)
    for delimiter in _DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row)
        except csv.Error:
            continue
        width, rows = max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]), default=(0, 0))
        if width > 1 and (rows, width) > most:
            best, most = delimiter, (rows, width)
    return best
