"""A page of a document with a passage marked on it: as a picture with boxes, or as text with a mark.

`passage_view` gives the context of `documents/_passage.html`, for a page of its own and for a side panel alike. It
asks nobody for permission: callers reach the version through something that is visible to the person.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.urls import reverse

from documents import versions
from documents.models import DocumentVersion, Page
from documents.sniffing import Kind, named

# One box as it is stored: page, x0, y0, x1, y1, in points from the top left.
Box = Sequence[float]

# How much text of a long page to show on either side of a passage, in a panel.
_NEIGHBOURHOOD = 1500
# A passage that goes on on the next page is found by its beginning.
_OPENING_WORDS = 8


@dataclass(frozen=True)
class Rectangle:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class MarkedText:
    """A page's text, cut where the passage begins and ends. `marked` is empty if the passage is not on it."""

    before: str
    marked: str
    after: str

    @classmethod
    def of(cls, text: str, quoted: str) -> Self:
        begin, end = _find(text, quoted)
        return cls(text[:begin], text[begin:end], text[end:])

    def beginning(self) -> "MarkedText":
        """As much as a panel needs to show what a document is."""
        text = self.before + self.marked + self.after
        if len(text) > _NEIGHBOURHOOD:
            text = text[:_NEIGHBOURHOOD].rpartition(" ")[0] + " …"
        return MarkedText(text, "", "")

    def near(self) -> "MarkedText":
        """With no more around the passage than a panel needs, cut between words."""
        before, after = self.before, self.after
        if len(before) > _NEIGHBOURHOOD:
            before = "… " + before[-_NEIGHBOURHOOD:].partition(" ")[2]
        if len(after) > _NEIGHBOURHOOD:
            after = after[:_NEIGHBOURHOOD].rpartition(" ")[0] + " …"
        return MarkedText(before, self.marked, after)


@dataclass(frozen=True)
class PageView:
    """One page for reading. Where `version` is None the document is gone, and only the quote is left."""

    version: DocumentVersion | None
    number: int
    # The document's name, or what it was called when it was cited.
    name: str
    quoted: str = ""
    text: MarkedText = MarkedText("", "", "")
    width: float = 0
    height: float = 0
    rectangles: tuple[Rectangle, ...] = ()
    chunk_id: int | None = None
    # Somebody else's, which they do not share any more. Without it, what is gone was deleted.
    is_withdrawn: bool = False

    @property
    def is_picture(self) -> bool:
        return self.version is not None and self.version.media_type == Kind.PDF and self.width > 0

    @property
    def has_mark(self) -> bool:
        return bool(self.rectangles) if self.is_picture else bool(self.text.marked)

    @property
    def needs_quote(self) -> bool:
        """Whether the passage must be shown in words beside the page: on a text with a mark it can be read in place."""
        return bool(self.quoted) and (self.is_picture or not self.has_mark)

    @property
    def replaced_by(self) -> DocumentVersion | None:
        return versions.replaced_by(self.version) if self.version else None

    @property
    def word(self) -> str:
        return place_word(self.version.media_type if self.version else None, self.name)

    @property
    def image_url(self) -> str:
        return reverse("documents:page_image", args=self._address)

    @property
    def url(self) -> str:
        """The full page; with the passage, if it is still known there."""
        query = f"?chunk={self.chunk_id}" if self.chunk_id is not None else ""
        return reverse("documents:page", args=self._address) + query + ("#passage" if self.has_mark else "")

    @property
    def _address(self) -> tuple[UUID, int, int]:
        assert self.version is not None  # noqa: S101 - the templates ask first
        return self.version.document_id, self.version.number, self.number


def place_word(media_type: str | None, name: str) -> str:
    """What `Page.number` counts: only a PDF has pages that a reader could leaf through on paper.

    Where the version is gone its document's name must do.
    """
    return "Page" if (media_type or named(name) or Kind.PDF) == Kind.PDF else "Section"


def passage_view(
    version_id: UUID | None,
    page: int,
    boxes: Sequence[Box],
    quoted: str,
    *,
    chunk_id: int | None = None,
    document_name: str = "Document",
) -> dict[str, Any]:
    """The context of `documents/_passage.html` for one citation. Two queries; nothing is rendered yet.

    `document_name` is for a document that is gone, or a version that is not known any more.
    """
    rows = DocumentVersion.objects.select_related("document", "document__current_version")
    version = rows.filter(pk=version_id).first() if version_id else None
    if version is None:
        # Of a version that was deleted no citation knows the identifier any more.
        gone = PageView(None, page, document_name, quoted=quoted, is_withdrawn=version_id is not None)
        return {"view": gone, "near": None}
    found = Page.objects.filter(version=version, number=page).first()
    if found is None:
        view = PageView(version=version, number=page, name=version.document.name, quoted=quoted)
        return {"view": view, "near": None}
    view = page_view(version, found, boxes=boxes, quoted=quoted, chunk_id=chunk_id)
    return {"view": view, "near": view.text.near(), "page_url": view.url}


def page_view(
    version: DocumentVersion,
    page: Page,
    *,
    boxes: Sequence[Box] = (),
    quoted: str = "",
    chunk_id: int | None = None,
) -> PageView:
    return PageView(
        version=version,
        number=page.number,
        name=version.document.name,
        quoted=quoted,
        text=MarkedText.of(page.text, quoted),
        width=page.width,
        height=page.height,
        rectangles=tuple(_rectangle(box) for box in boxes if len(box) == 5 and box[0] == page.number),
        chunk_id=chunk_id,
    )


def _rectangle(box: Box) -> Rectangle:
    _, x0, y0, x1, y1 = box
    return Rectangle(x=min(x0, x1), y=min(y0, y1), width=abs(x1 - x0), height=abs(y1 - y0))


def _find(text: str, quoted: str) -> tuple[int, int]:
    """Where the passage stands in the text, with white space counted as equal; (0, 0) if it does not."""
    words = quoted.split()
    if not words:
        return 0, 0
    begin = text.find(quoted)
    if begin >= 0:
        return begin, begin + len(quoted)
    if match := _spaced(words).search(text):
        return match.span()
    if match := _spaced(words[:_OPENING_WORDS]).search(text):
        return match.start(), min(len(text), match.start() + len(quoted))
    return 0, 0


def _spaced(words: list[str]) -> re.Pattern[str]:
    return re.compile(r"\s+".join(map(re.escape, words)))
