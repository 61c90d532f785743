"""OpenDocument: texts, and by the same elements sheets and presentations."""

import io
from collections.abc import Iterator
from typing import Any

from documents.errors import CorruptFile, EncryptedFile, WrongType
from documents.reading.bounds import markup
from documents.reading.bounds.archives import Archive, Budget
from documents.reading.formats import Event, Source, Tools, sheets
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

_NAMESPACE = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_TEXT, _TABLE, _OFFICE, _DRAW, _PRESENTATION, _MANIFEST = (
    _NAMESPACE % name for name in ("text", "table", "office", "drawing", "presentation", "manifest")
)
_DEEPEST = 60
# Sheets say that a cell or row is there many times; empty ones often up to the end of the world.
_MOST_REPEATS = 1_000
_SILENT = {_OFFICE + "annotation", _TEXT + "tracked-changes", _TEXT + "sequence-decls", _OFFICE + "forms"}
_NOTE = _TEXT + "note"


def read(source: Source, _: Tools, limits: Limits) -> Iterator[Event]:
    archive = Archive(io.BytesIO(source.data()), Budget(total=limits.unpacked, largest=limits.unpacked // 4))
    parts = {str(member.path): member for member in archive.members()}
    if "content.xml" not in parts:
        raise WrongType("This file is named like an OpenDocument file, but does not hold one.")
    if "META-INF/manifest.xml" in parts:
        manifest = markup.parse(archive.read(parts["META-INF/manifest.xml"]))
        if next(manifest.iter(_MANIFEST + "encryption-data"), None) is not None:
            raise EncryptedFile
    body = markup.parse(archive.read(parts["content.xml"])).find(_OFFICE + "body")
    if body is None:
        raise CorruptFile(detail="no body")
    return events(_Body().blocks(body), limits)


class _Body:
    def __init__(self) -> None:
        self._notes: list[str] = []
        self._counter = sheets.Counter()

    def blocks(self, body: Any) -> Iterator[Block]:
        yield from self._of(body, 0)
        if self._notes:
            yield Block("heading", "Notes")
            yield from (Block("item", f"• {note}") for note in self._notes)

    def _of(self, parent: Any, depth: int, lists: int = 0) -> Iterator[Block]:
        for element in parent if depth < _DEEPEST else ():
            match element.tag:
                case tag if tag in _SILENT or not isinstance(tag, str):
                    continue
                case tag if tag == _TEXT + "h":
                    level = element.get(_TEXT + "outline-level") or "1"
                    yield Block("heading", self._words(element), min(9, int(level)) if level.isdigit() else 1)
                case tag if tag == _TEXT + "p":
                    words = self._words(element)
                    yield Block("item", f"{'  ' * (lists - 1)}• {words}") if lists else Block("paragraph", words)
                    yield from self._framed(element, depth)
                case tag if tag == _TEXT + "list":
                    yield from self._of(element, depth + 1, lists + 1)
                case tag if tag == _TABLE + "table":
                    name = element.get(_TABLE + "name") or ""
                    in_sheets = parent.tag == _OFFICE + "spreadsheet"
                    yield from sheets.blocks(name if in_sheets else "", self._rows(element, depth))
                case tag if tag == _DRAW + "page":
                    yield Block("heading", element.get(_DRAW + "name") or "Slide")
                    yield from self._of(element, depth + 1)
                case _:
                    yield from self._of(element, depth + 1, lists)

    def _framed(self, paragraph: Any, depth: int) -> Iterator[Block]:
        """Text boxes stand inside paragraphs."""
        for box in paragraph.iter(_DRAW + "text-box"):
            yield from self._of(box, depth + 1)

    def _words(self, element: Any) -> str:
        return " ".join("".join(self._pieces(element)).split())

    def _pieces(self, element: Any) -> Iterator[str]:
        yield element.text or ""
        for child in element:
            match child.tag:
                case tag if tag == _NOTE:
                    note = " ".join("".join(child.itertext()).split())
                    if note:
                        self._notes.append(note)
                case tag if tag in {_TEXT + "s", _TEXT + "tab", _TEXT + "line-break"}:
                    yield " "
                case tag if tag == _DRAW + "frame" or tag in _SILENT or not isinstance(tag, str):
                    pass
                case _:
                    yield from self._pieces(child)
            yield child.tail or ""

    def _rows(self, table: Any, depth: int) -> Iterator[sheets.Row]:
        for row in table.iter(_TABLE + "table-row"):
            if next(row.iterancestors(_TABLE + "table"), None) is not table:
                continue  # of a table in a cell, which is read with its cell
            cells: list[str] = []
            for cell in row.iterchildren(_TABLE + "table-cell", _TABLE + "covered-table-cell"):
                text = " ".join(block.text.replace("\n", " ") for block in self._of(cell, depth + 1))
                cells += [text] * _repeats(cell, "number-columns-repeated")
            kept = self._counter.row(cells)
            for _ in range(_repeats(row, "number-rows-repeated") if any(kept) else 1):
                yield kept


def _repeats(element: Any, name: str) -> int:
    said = element.get(_TABLE + name) or "1"
    return min(int(said), _MOST_REPEATS) if said.isdigit() else 1
