"""Word documents before 2007: the text by its pieces; headings and the ends of table rows by the paragraphs' marks."""

import re
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from documents.errors import CorruptFile, WrongType
from documents.reading.formats import Event, Source, Tools, office
from documents.reading.formats.ole import Streams, number
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

_WORD = 0xA5EC
_ENCRYPTED, _TABLE_ONE = 0x0100, 0x0200
# From this version on text is in pieces.
_WORD_97 = 193
# Where the head of the file says how long each part of the text is: main, footnotes, headers, macros, remarks,
# endnotes, text boxes.
_LENGTHS = (0x4C, 0x50, 0x54, 0x58, 0x5C, 0x60, 0x64)
_READ = {0: "", 1: "Footnotes", 5: "Endnotes", 6: "Text boxes"}
_PIECES, _PARAGRAPHS = 0x01A2, 0x0102
_PAGE = 512
_IN_TABLE, _ROW_END = b"\x16\x24\x01", b"\x17\x24\x01"
_PLAIN = {0x0B: "\n", 0x0C: "\n", 0x1E: "-", 0x1F: None, 0xA0: " ", 0x01: None, 0x02: None, 0x05: None, 0x08: None}
_FIELD = re.compile("\x13[^\x13\x14\x15]*(?:\x14([^\x13\x14\x15]*))?\x15")


class _Piece(NamedTuple):
    """Characters from `begin` to `end`, which stand at `offset`, in one byte each or in two."""

    begin: int
    end: int
    offset: int
    width: int


class _Mark(NamedTuple):
    style: int = 0
    in_table: bool = False
    ends_row: bool = False


_PLAIN_MARK = _Mark()


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    streams = Streams(office.unlocked(source.data(), tools))
    if not streams.has("WordDocument"):
        raise WrongType("This file is named like a Word document, but does not hold one.")
    main = streams.read("WordDocument")
    if len(main) < 0x200 or struct.unpack_from("<H", main)[0] != _WORD:
        raise CorruptFile(detail="no head")
    version, flags = struct.unpack_from("<H", main, 2)[0], struct.unpack_from("<H", main, 10)[0]
    if flags & _ENCRYPTED:
        raise office.locked(tools)
    if version < _WORD_97:
        text = main[number(main, 0x18) : number(main, 0x1C)].decode("cp1252", "replace")
        return events(_blocks(_paragraphs(text), lambda _: _PLAIN_MARK), limits)
    table = streams.read("1Table" if flags & _TABLE_ONE else "0Table")
    return events(_Document(main, table).blocks(), limits)


class _Document:
    def __init__(self, main: bytes, table: bytes) -> None:
        self._main = main
        self._pieces = list(_pieces(main, table))
        self._starts = [piece.begin for piece in self._pieces]
        self._offsets, self._marks = _marks(main, table)

    def blocks(self) -> Iterator[Block]:
        text = "".join(_text(self._main, piece) for piece in self._pieces)
        begin = 0
        for part, at in enumerate(_LENGTHS):
            end = begin + number(self._main, at)
            if part in _READ:
                found = list(_blocks(_paragraphs(text[begin:end]), partial(self._mark, begin)))
                if found and _READ[part]:
                    yield Block("heading", _READ[part])
                yield from found
            begin = end

    def _mark(self, base: int, place: int) -> _Mark:
        """What is said of the paragraph that ends with this character of a part."""
        place += base
        index = bisect_right(self._starts, place) - 1
        if index < 0 or not self._marks:
            return _PLAIN_MARK
        piece = self._pieces[index]
        offset = piece.offset + (place - piece.begin) * piece.width
        found = bisect_right(self._offsets, offset) - 1
        return self._marks[found] if found >= 0 else _PLAIN_MARK


def _text(data: bytes, piece: _Piece) -> str:
    """Two bytes a character, also where two of these make one: places are counted in halves."""
    count = piece.end - piece.begin
    raw = data[piece.offset : piece.offset + count * piece.width]
    if piece.width == 1:
        return raw.decode("cp1252", "replace")
    return "".join(chr(code) for (code,) in struct.iter_unpack("<H", raw[: len(raw) // 2 * 2]))


def _pieces(main: bytes, table: bytes) -> Iterator[_Piece]:
    start, length = number(main, _PIECES), number(main, _PIECES + 4)
    pieces = table[start : start + length]
    at = 0
    while at + 5 <= len(pieces) and pieces[at] == 1:
        at += 3 + struct.unpack_from("<H", pieces, at + 1)[0]
    if at + 5 > len(pieces) or pieces[at] != 2:
        raise CorruptFile(detail="no pieces")
    plan = pieces[at + 5 : at + 5 + number(pieces, at + 1)]
    count = (len(plan) - 4) // 12
    for index in range(count):
        begin, end = number(plan, index * 4), number(plan, index * 4 + 4)
        place = number(plan, (count + 1) * 4 + index * 8 + 2)
        if end < begin or end - begin > len(main):
            raise CorruptFile(detail="piece")
        if place & 0x40000000:
            yield _Piece(begin, end, (place & 0x3FFFFFFF) // 2, 1)
        else:
            yield _Piece(begin, end, place, 2)


def _marks(main: bytes, table: bytes) -> tuple[list[int], list[_Mark]]:
    """Of all paragraphs, by where their bytes begin."""
    start, length = number(main, _PARAGRAPHS), number(main, _PARAGRAPHS + 4)
    plan = table[start : start + length]
    count = max(0, (len(plan) - 4) // 8)
    found: dict[int, _Mark] = {}
    for index in range(count):
        at = (number(plan, (count + 1) * 4 + index * 4) & 0x3FFFFF) * _PAGE
        page = main[at : at + _PAGE]
        if len(page) == _PAGE:
            found.update(_marks_of(page))
    places = sorted(found)
    return places, [found[place] for place in places]


def _marks_of(page: bytes) -> Iterator[tuple[int, _Mark]]:
    count = page[-1]
    for index in range(count if (count + 1) * 4 + count * 13 < _PAGE else 0):
        at = page[(count + 1) * 4 + index * 13] * 2
        mark = _PLAIN_MARK
        if 0 < at < _PAGE - 4:
            size = 2 * page[at] - 1 if page[at] else 2 * page[at + 1]
            said = page[at + 1 : at + 1 + size] if page[at] else page[at + 2 : at + 2 + size]
            if len(said) >= 2:
                mark = _Mark(struct.unpack_from("<H", said)[0], _IN_TABLE in said, _ROW_END in said)
        yield number(page, index * 4), mark


def _paragraphs(text: str) -> list[tuple[int, str]]:
    """Each with the place of the sign that ends it: a paragraph's, or a cell's."""
    return [(match.end() - 1, match[0]) for match in re.finditer("[^\r\x07]*[\r\x07]|[^\r\x07]+", text)]


def _blocks(paragraphs: list[tuple[int, str]], mark_at: Callable[[int], _Mark]) -> Iterator[Block]:
    rows: list[str] = []
    cells: list[str] = []
    cell: list[str] = []
    for place, raw in paragraphs:
        words = _words(raw)
        mark = mark_at(place)
        if mark.ends_row:
            rows.append(" | ".join(cells))
            cells.clear()
        elif raw.endswith("\x07"):
            cells.append(" ".join(filter(None, [*cell, words])))
            cell.clear()
        elif mark.in_table:
            cell.append(words)
        else:
            yield from _table(rows, cells)
            if 1 <= mark.style <= 9 and words:
                yield Block("heading", " ".join(words.split()), mark.style)
            else:
                yield Block("paragraph", words)
    yield from _table(rows, cells)


def _table(rows: list[str], cells: list[str]) -> Iterator[Block]:
    if any(cells):
        rows.append(" | ".join(cells))
    cells.clear()
    if rows:
        yield Block("table", "\n".join(rows))
        rows.clear()


def _words(raw: str) -> str:
    """What a reader sees: of fields their results and not their instructions."""
    text, before = raw.rstrip("\r\x07"), ""
    while text != before:
        before, text = text, _FIELD.sub(lambda match: match[1] or "", text)
    text = re.sub("\x13[^\x14]*\x14?|[\x13-\x15]", "", text).translate(_PLAIN)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").strip()
