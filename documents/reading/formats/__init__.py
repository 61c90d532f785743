"""One module per format. Each has `read(source, tools, limits)`, a generator of events:

`{"type": "begin", "pages": N}` once, when the number of pages is known; then `ReadPage`s in order;
`{"type": "remark", "text": …}` for what the person should know. Modules are loaded at first use, in a child's nursery.

A child may do little while it reads: no socket, no process, no file but its own and those of the interpreter. What
needs another program is a tool, which the child's keeper runs.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

from documents.reading.limits import Limits
from documents.reading.pages import ReadPage
from documents.sniffing import OPEN_DOCUMENTS, PICTURES, Kind


class Begin(TypedDict):
    type: Literal["begin"]
    pages: int


class Remark(TypedDict):
    type: Literal["remark"]
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file of its own that was found in another: who asked decides what becomes of it."""

    name: str
    content: bytes


Event = ReadPage | Begin | Remark | Part
# A grey picture (PNM) and its dots an inch: Tesseract's table of words, or None if it could not be had.
Recognise = Callable[[bytes, int], str | None]


def _recognise_nothing(_: bytes, __: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be read: a file by its path, or the bytes of a part of one, which stand in no file."""

    path: str = ""
    content: bytes | None = None

    def data(self) -> bytes:
        return Path(self.path).read_bytes() if self.content is None else self.content


@dataclass(frozen=True, slots=True)
class Tools:
    """What a format may ask for and not do itself."""

    recognise: Recognise = _recognise_nothing
    # How many files the one that is read lies in.
    depth: int = 0
    # What the person gave for a file that asks for one.
    password: str = field(default="", repr=False)


_MODULES = {
    Kind.TXT: "txt",
    Kind.MD: "md",
    Kind.HTML: "html",
    Kind.DOCX: "docx",
    Kind.PDF: "pdf",
    Kind.XLSX: "xlsx",
    Kind.XLS: "xls",
    Kind.DOC: "doc",
    Kind.PPT: "ppt",
    Kind.CSV: "delimited",
    Kind.PPTX: "pptx",
    Kind.XML: "xml",
    Kind.RTF: "rtf",
    Kind.EPUB: "epub",
    Kind.EML: "mail",
    Kind.MSG: "msg",
    Kind.ZIP: "zip",
    **dict.fromkeys(OPEN_DOCUMENTS, "odf"),
    **dict.fromkeys(PICTURES, "picture"),
}
# What is read through `unstructured`. Their nursery also loads the others, for parts within parts.
_HEAVY = {Kind.HTML, Kind.DOCX, Kind.EPUB, Kind.EML, Kind.MSG}


def weight_of(kind: Kind) -> str:
    """Which nursery the kind's children come from."""
    return "heavy" if kind in _HEAVY else "light"


def load(weight: str) -> None:
    for kind in Kind:
        if weight == "heavy" or weight_of(kind) == weight:
            _module(kind)


def read(kind: Kind, source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    events: Iterator[Event] = _module(kind).read(source, tools, limits)
    return events


def _module(kind: Kind) -> Any:
    return importlib.import_module(f"{__name__}.{_MODULES[kind]}")
