"""Rows of cells become tables with named columns, whichever kind of file they came from."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence

from documents.errors import TooLarge
from documents.reading.formats.sections import Block

# Cells of one file. Sheets of millions are data for a program, and nobody's reading.
MOST_CELLS = 5_000_000
_LETTERS = re.compile(r"[^\W\d_]")
_NUMBER = re.compile(r"[-+(]?[\d.,'\u2019\s]*\d[\d.,'\u2019\s]*[%)]?")
_MOST_HEADS = 3

Row = list[str]


class Counter:
    """Counts what was read of a file. Raises TooLarge."""

    def __init__(self) -> None:
        self._left = MOST_CELLS

    def row(self, cells: Iterable[object]) -> Row:
        row = [shown(cell) for cell in cells]
        while row and not row[-1]:
            row.pop()
        self._left -= len(row) + 1
        if self._left < 0:
            raise TooLarge("These sheets hold more cells than can be taken in. Split them into smaller files.")
        return row


def shown(value: object) -> str:
    """A cell as a reader sees it, on one line."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return f"{value:.12g}" if abs(value) < 1e15 else f"{value:g}"
        case dt.datetime():
            clock = value.time()
            return value.date().isoformat() if clock == dt.time() else value.isoformat(" ", "seconds")
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return " ".join(str(value).split())


def blocks(title: str, rows: Iterable[Row]) -> Iterator[Block]:
    """Of one sheet. Tables end at empty rows; what stands alone above one is its title."""
    groups = list(_groups(rows))
    if groups and title:
        yield Block("heading", title)
    head: list[Row] = []
    for group in groups:
        lines = list(_without_empty_columns(group))
        while lines and len(alone := [cell for cell in lines[0] if cell]) == 1 and _is_wider(lines[1:]):
            yield Block("paragraph", alone[0])
            del lines[0]
        if max(map(len, lines)) == 1:
            yield from (Block("paragraph", line[0]) for line in lines)
            continue
        heads = _heads(lines)
        if not heads and head and len(head[0]) == len(lines[0]):
            lines, heads = [*head, *lines], len(head)  # an empty row within a table
        head = lines[:heads] if heads else head
        yield Block("table", "\n".join(" | ".join(line) for line in lines), heads=heads)


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        if any(row):
            group.append(row)
        elif group:
            yield group
            group = []
    if group:
        yield group


def _without_empty_columns(rows: Sequence[Row]) -> Iterator[Row]:
    width = max(map(len, rows))
    filled = [any(column < len(row) and row[column] for row in rows) for column in range(width)]
    kept = [column for column in range(width) if filled[column]]
    for row in rows:
        yield [row[column] if column < len(row) else "" for column in kept]


def _is_wider(rows: Sequence[Row]) -> bool:
    return any(sum(map(bool, row)) > 1 for row in rows)


def _heads(rows: Sequence[Row]) -> int:
    """How many rows name the columns: those without numbers above rows that have some, or else the first."""
    if not any(_LETTERS.search(cell) for cell in rows[0]):
        return 0
    for count, row in enumerate(rows[: _MOST_HEADS + 1]):
        if any(_NUMBER.fullmatch(cell) for cell in row):
            return count
    return 1
