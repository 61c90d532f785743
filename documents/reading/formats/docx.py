"""Word documents: paragraphs, headings, lists, tables through `unstructured`; notes, comments from their parts."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import docx.opc.exceptions
from lxml import etree

from documents.errors import CorruptFile, EncryptedFile, TooLarge, WrongType
from documents.reading.formats import Event, Tools, elements
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NOTES = (
    (re.compile(r"word/footnotes\d*\.xml"), "Footnotes", "footnote"),
    (re.compile(r"word/endnotes\d*\.xml"), "Endnotes", "endnote"),
    (re.compile(r"word/comments\d*\.xml"), "Comments", "comment"),
)
_STEP = 1 << 20


def read(path: str, _: Tools, limits: Limits) -> Iterator[Event]:
    data = Path(path).read_bytes()
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
    for text in _text_boxes(parts.get("word/document.xml", b"")):
        if text not in said:
            said.add(text)
            yield Block("paragraph", text)
    for pattern, title, tag in _NOTES:
        for name in sorted(filter(pattern.fullmatch, parts)):
            notes = [text for note in _xml(parts[name]).iter(_W + tag) if (text := _text(note))]
            if notes:
                yield Block("heading", title)
                yield from (Block("item", f"• {note}") for note in notes)


def _parts(data: bytes, limits: Limits) -> dict[str, bytes]:
    """The parts that are read here. Counts what really comes out of the archive, whatever its directory says."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "word/document.xml" not in names and not any(name.startswith("word/document") for name in names):
                raise WrongType("This file is named like a Word document, but does not hold one.")
            return _unpacked(archive, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise CorruptFile(detail=f"{type(error).__name__}: {error}") from error
    except RuntimeError as error:  # zipfile's word for a member with a password
        raise EncryptedFile(detail=str(error)) from error


def _unpacked(archive: zipfile.ZipFile, limits: Limits) -> dict[str, bytes]:
    left = limits.unpacked
    kept = {}
    for member in archive.infolist():
        # Pictures are not read: they may be large.
        if not member.filename.endswith((".xml", ".rels")):
            continue
        content = bytearray()
        with archive.open(member) as stream:
            while piece := stream.read(_STEP):
                left -= len(piece)
                if left < 0:
                    raise TooLarge("This file unpacks to more than can be taken in at once.")
                content += piece
                # A paragraph's text cannot be this much; its tree would be many times larger still.
                if len(content) > limits.unpacked // 6:
                    raise TooLarge("A part of this file unpacks to more than can be taken in at once.")
        if member.filename == "word/document.xml" or any(p.fullmatch(member.filename) for p, _, _ in _NOTES):
            kept[member.filename] = bytes(content)
    return kept


def _xml(part: bytes) -> Any:
    """Entities stay unresolved: one of them may name a file of ours."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        return etree.fromstring(part, parser=parser) if part else etree.Element("none")
    except etree.LxmlError as error:
        raise CorruptFile(detail=type(error).__name__) from error


def _text_boxes(document: bytes) -> Iterator[str]:
    for box in _xml(document).iter(_W + "txbxContent"):
        for paragraph in box.iter(_W + "p"):
            if text := _text(paragraph):
                yield text


def _text(element: Any) -> str:
    return " ".join("".join(node.text or "" for node in element.iter(_W + "t")).split())
