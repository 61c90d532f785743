"""Plain text: paragraphs are what stands between empty lines."""

import re
from collections.abc import Iterator

from documents.reading.formats import Event, Source, Tools
from documents.reading.formats.encoding import decode
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

_EMPTY_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+|\f")
_LINE_END = re.compile(r"[^\S\n]+$", re.MULTILINE)


def read(source: Source, _: Tools, limits: Limits) -> Iterator[Event]:
    return events(paragraphs(decode(source.data())), limits)


def paragraphs(text: str) -> Iterator[Block]:
    return (Block("paragraph", _LINE_END.sub("", part)) for part in _EMPTY_LINES.split(text))
