"""The whole file: a title, and below it each message with who wrote it, and its sources."""

import io
from base64 import b64decode
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, Image, KeepTogether, PageTemplate, Spacer
from reportlab.platypus.doctemplate import LayoutError
from reportlab.platypus.flowables import _listWrapOn

from chats.exchange.pdf import faces, flowing
from chats.exchange.pdf.flowing import ACCENT, QUIET, Look
from chats.exchange.pdf.formulas import Formula

_MARGIN = 56.0
_WIDTH = A4[0] - 2 * _MARGIN
_PICTURE_WIDTH, _PICTURE_HEIGHT = 320.0, 300.0
_LACKING = (
    "Some characters of this chat are in none of the fonts of this file: \u25a1 stands for each of them. "
    "Exported as Markdown, the chat has them all."
)


class _Paper(Canvas):  # type: ignore[misc]  # reportlab has no types
    def drawImage(self, image: Any, x: float, y: float, *arguments: Any, **more: Any) -> Any:  # noqa: N802 - reportlab's
        if isinstance(image, Formula):
            self.saveState()
            self.setFillColor(flowing.INK)
            image.draw(self, x, y)
            self.restoreState()
            return image.width, image.height
        return super().drawImage(image, x, y, *arguments, **more)


class _Kept(KeepTogether):  # type: ignore[misc]  # as above
    def split(self, available_width: float, available_height: float) -> Any:
        """A heading stays with the first lines of a paragraph; ReportLab would take all of that to the next page."""
        *heads, last = self._content
        if heads and isinstance(last, flowing.Text):
            room = available_height - _listWrapOn([*heads, Spacer(1, 0)], available_width, self.canv)[1]
            last.wrapOn(self.canv, available_width, room)
            parts = last.splitOn(self.canv, available_width, room - last.getSpaceBefore())
            if len(parts) > 1:
                return [*heads, *parts]
        return super().split(available_width, available_height)


def pdf(asked: dict[str, Any]) -> bytes:
    """A message that cannot be set is set again line by line as it was typed; the others as they are."""
    for plainly in (False, True):
        try:
            return _built(asked, plainly=plainly)
        except LayoutError:
            if plainly:
                raise
    raise AssertionError


def _built(asked: dict[str, Any], *, plainly: bool) -> bytes:
    out = io.BytesIO()
    title = asked["title"]
    document = BaseDocTemplate(out, pagesize=A4, title=title, creator="Chatsite", lang="", initialFontName=faces.SANS)
    document.keepTogetherClass = _Kept
    frame = Frame(_MARGIN, _MARGIN, _WIDTH, A4[1] - 2 * _MARGIN, 0, 0, 0, 0)
    document.addPageTemplates([PageTemplate("page", [frame], onPage=_foot)])
    story: list[Flowable] = [
        flowing.line(title, Look(faces.BOLD, 18), spaceAfter=2),
        flowing.line(asked["date"], Look(colour=QUIET, size=9), spaceAfter=10),
    ]
    for message in asked["messages"]:
        story += _message(message, plainly=plainly)
    if faces.lacks(_everything(asked)):
        story += [flowing.rule(before=10, after=6, is_kept=True), flowing.line(_LACKING, Look(size=8.5, colour=QUIET))]
    document.build(story, canvasmaker=_Paper)
    return out.getvalue()


def _everything(asked: dict[str, Any]) -> str:
    quoted = [f"{source['document']}{source['quoted']}" for m in asked["messages"] for source in m["sources"]]
    named = [picture["name"] for m in asked["messages"] for picture in m["pictures"]]
    return "\n".join([asked["title"], *(m["content"] for m in asked["messages"]), *quoted, *named])


def _message(message: dict[str, Any], *, plainly: bool) -> list[Flowable]:
    colour = QUIET if message["is_answer"] else ACCENT
    head: list[Flowable] = [
        flowing.rule(before=10, after=6, is_kept=True),
        flowing.line(f"{message['who']}  \u00b7  {message['date']}", Look(faces.BOLD, 8.5, colour), keepWithNext=1),
    ]
    if not message["is_answer"]:
        pictures = [_picture(picture) for picture in message["pictures"]]
        return [*head, *pictures, *flowing.typed(message["content"], _WIDTH)]
    return [*head, *_content(message["content"], plainly=plainly), *_sources(message["sources"])]


def _picture(picture: dict[str, Any]) -> Flowable:
    """As wide as it is, in bounds; by its name where it is not at hand."""
    try:
        found = Image(io.BytesIO(b64decode(picture["data"] or "")), hAlign="LEFT")
    except Exception:  # noqa: BLE001 - whatever breaks on one picture, the words are not lost
        return flowing.line(f"Picture: {picture['name']}", Look(size=8.5, colour=QUIET), spaceAfter=4)
    shrunk = min(1.0, _PICTURE_WIDTH / found.imageWidth, _PICTURE_HEIGHT / found.imageHeight)
    found.drawWidth, found.drawHeight = found.imageWidth * shrunk, found.imageHeight * shrunk
    found.spaceAfter = 6
    return found


def _content(text: str, *, plainly: bool) -> list[Flowable]:
    if not plainly:
        try:
            return flowing.blocks(text, _WIDTH)
        except Exception:  # noqa: BLE001 - whatever breaks on a stranger's text, the text itself is not lost
            return flowing.plain(text, _WIDTH)
    return flowing.plain(text, _WIDTH)


def _sources(sources: list[dict[str, Any]]) -> list[Flowable]:
    if not sources:
        return []
    found: list[Flowable] = [
        Spacer(1, 4), flowing.line("Sources", Look(faces.BOLD, 8.5, QUIET), keepWithNext=1, spaceAfter=2)
    ]  # fmt: skip
    for source in sources:
        words = f"[{source['number']}] {source['document']}, page {source['page']}: {source['quoted']}"
        found.append(flowing.line(words, Look(size=8.5, colour=QUIET), is_from_left=True, spaceAfter=2))
    return found


def _foot(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont(faces.SANS, 8)
    canvas.setFillColor(QUIET)
    canvas.drawRightString(A4[0] - _MARGIN, _MARGIN / 2, str(document.page))
    canvas.restoreState()
