"""Files within a file, such as a mail's attachments: read like any other, each under a heading with its name."""

from collections.abc import Iterator
from dataclasses import replace

from documents.errors import DocumentError
from documents.reading import formats
from documents.reading.bounds.archives import inside
from documents.reading.formats import Part, Source, Tools
from documents.reading.limits import Limits
from documents.reading.pages import Heading, ReadPage, Span
from documents.sniffing import HEAD_SIZE, sniff

# Mails within mails, archives in attachments.
_DEEPEST = 3
_MOST = 200


class Parts:
    """Pages without numbers, which who puts them together gives; and `remarks` about what could not be read."""

    def __init__(self, tools: Tools, limits: Limits) -> None:
        self._tools = replace(tools, depth=tools.depth + 1)
        self._limits = limits
        self._left = _MOST
        self.remarks: list[str] = []

    def read(self, name: str, content: bytes, *, word: str = "Attachment") -> Iterator[ReadPage]:
        if self._left <= 0 or self._tools.depth > _DEEPEST:
            self.remarks.append(f"“{name}” was not read: there are too many files within this one.")
            return
        self._left -= 1
        name = str(inside(name) or word)
        try:
            kind = sniff(content[:HEAD_SIZE], len(content), name)
            title = f"{word}: {name}"
            for event in formats.read(kind, Source(content=content), self._tools, self._limits):
                if isinstance(event, ReadPage):
                    yield _titled(event, title)
                    title = ""
                elif isinstance(event, Part):
                    yield from self.read(f"{name}/{event.name}", event.content, word=word)
                elif event["type"] == "remark":
                    self.remarks.append(f"“{name}”: {event['text']}")
        except DocumentError as error:
            self.remarks.append(f"“{name}” was not read. {error.text}")


def numbered(pages: Iterator[ReadPage]) -> Iterator[ReadPage]:
    for number, page in enumerate(pages, start=1):
        yield replace(page, number=number)


def _titled(page: ReadPage, title: str) -> ReadPage:
    """As a section: the places of words on a sheet of paper are of no use where nobody can be shown it."""
    shift = len(title) + 2 if title else 0
    headings = [Heading(each.start + shift, min(9, each.level + 1), each.text) for each in page.headings]
    return ReadPage(
        number=page.number,
        text=f"{title}\n\n{page.text}" if title else page.text,
        headings=[Heading(0, 1, title), *headings] if title else headings,
        solids=[Span(each.start + shift, each.end + shift) for each in page.solids],
    )
