"""Plain text: paragraphs are what stands between empty lines."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from documents.reading.formats import Event
from documents.reading.formats.encoding import decode
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

_EMPTY_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+|\f")
_LINE_END = re.compile(r"[^\S\n]+$", re.MULTILINE)


def read(path: str, _: Mapping[str, Any], limits: Limits) -> Iterator[Event]:
    text = decode(Path(path).read_bytes())
    return events((Block("paragraph", _LINE_END.sub("", part)) for part in _EMPTY_LINES.split(text)), limits)
