"""One module per format. Each has `read(path, options, limits)`, a generator of events:

`{"type": "begin", "pages": N}` once, when the number of pages is known; then `ReadPage`s in order;
`{"type": "remark", "text": …}` for what the person should know. Modules are loaded at first use, in a child's nursery.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypedDict

from documents.reading.limits import Limits
from documents.reading.pages import ReadPage
from documents.sniffing import Kind


class Begin(TypedDict):
    type: Literal["begin"]
    pages: int


class Remark(TypedDict):
    type: Literal["remark"]
    text: str


Event = ReadPage | Begin | Remark
_MODULES = {Kind.TXT: "txt", Kind.MD: "md", Kind.HTML: "html", Kind.DOCX: "docx", Kind.PDF: "pdf"}
_HEAVY = {Kind.HTML, Kind.DOCX}


def weight_of(kind: Kind) -> str:
    """Which nursery the kind's children come from."""
    return "heavy" if kind in _HEAVY else "light"


def load(weight: str) -> None:
    for kind in Kind:
        if weight_of(kind) == weight:
            _module(kind)


def read(kind: Kind, path: str, options: Mapping[str, Any], limits: Limits) -> Iterator[Event]:
    events: Iterator[Event] = _module(kind).read(path, options, limits)
    return events


def _module(kind: Kind) -> Any:
    return importlib.import_module(f"{__name__}.{_MODULES[kind]}")
