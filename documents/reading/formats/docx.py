"""Word documents: paragraphs, headings, lists, tables through `unstructured`; notes, comments from their parts."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import docx.opc.exceptions
from lxml import etree

from documents.errors import CorruptFile, WrongType
from documents.reading.bounds import markup
from documents.reading.bounds.archives import Archive, Budget
from documents.reading.formats import Event, Source, Tools, elements, office
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NOTES = (
    (re.compile(r"word/footnotes\d*\.xml"), "Footnotes", "footnote"),
    (re.compile(r"word/endnotes\d*\.xml"), "Endnotes", "endnote"),
    (re.compile(r"word/comments\d*\.xml"), "Comments", "comment"),
)


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    data = office.unlocked(source.data(), tools)
    parts = _parts(data, limits)
    try:
        found = elements.of_docx(io.BytesIO(data))
    # What python-docx raises on parts that are missing or of another shape is not documented.
    except (KeyError, ValueError, AttributeError, docx.opc.exceptions.PackageNotFoundError) as error:
        raise CorruptFile(detail=f"{type(error).__name__}: {error}") from error
    except etree.LxmlError as error:
        raise CorruptFile(detail=type(error).__name__) from error
    return events(_all(found, parts), limits)


def _all(found: Sequence[Any], parts: Mapping[str, bytes]) -> Iterator[Block]:
    yield from elements.blocks(found)
    said = {" ".join(element.text.split()) for element in found}
    for text in _text_boxes(parts.get("word/document.xml")):
        if text not in said:
            said.add(text)
            yield Block("paragraph", text)
    for pattern, title, tag in _NOTES:
        for name in sorted(filter(pattern.fullmatch, parts)):
            notes = [text for note in markup.parse(parts[name]).iter(_W + tag) if (text := _text(note))]
            if notes:
                yield Block("heading", title)
                yield from (Block("item", f"• {note}") for note in notes)


def _parts(data: bytes, limits: Limits) -> dict[str, bytes]:
    """The parts that are read here. All XML is unpacked once, so that it is known to be within bounds and whole."""
    # A paragraph's text cannot be as much as `largest`; its tree would be many times larger still.
    archive = Archive(io.BytesIO(data), Budget(total=limits.unpacked, largest=limits.unpacked // 6))
    # Pictures are not read: they may be large.
    members = [member for member in archive.members() if member.path.suffix in {".xml", ".rels"}]
    if not any(str(member.path).startswith("word/document") for member in members):
        raise WrongType("This file is named like a Word document, but does not hold one.")
    kept = {}
    for member in members:
        name, content = str(member.path), archive.read(member)
        if name == "word/document.xml" or any(pattern.fullmatch(name) for pattern, _, _ in _NOTES):
            kept[name] = content
    return kept


def _text_boxes(document: bytes | None) -> Iterator[str]:
    if document is None:
        return
    for box in markup.parse(document).iter(_W + "txbxContent"):
        for paragraph in box.iter(_W + "p"):
            if text := _text(paragraph):
                yield text


def _text(element: Any) -> str:
    return " ".join("".join(node.text or "" for node in element.iter(_W + "t")).split())
