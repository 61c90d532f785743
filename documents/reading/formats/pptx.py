"""PowerPoint: every slide is a page, with its title, tables, charts, what its shapes say, and the speaker's notes."""

import io
from collections.abc import Iterator
from typing import Any

import pptx
import pptx.exc
from lxml import etree
from pptx.enum.shapes import MSO_SHAPE_TYPE, PP_PLACEHOLDER

from documents.errors import CorruptFile, NoText, TooLarge
from documents.reading.bounds import markup
from documents.reading.formats import Event, Source, Tools, office
from documents.reading.formats.sections import Block, slide
from documents.reading.limits import Limits

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
_DEEPEST = 20
# What every slide says alike.
_RUNNING = {PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.HEADER, PP_PLACEHOLDER.SLIDE_NUMBER}
# What python-pptx raises on parts that are missing or of another shape is not documented.
_BROKEN = (KeyError, ValueError, AttributeError, IndexError, TypeError, pptx.exc.PythonPptxError, etree.LxmlError)


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    data = office.opened(source, tools, limits, holds="ppt/presentation", label="a PowerPoint presentation")
    try:
        slides = list(pptx.Presentation(io.BytesIO(data)).slides)
    except _BROKEN as error:
        raise CorruptFile(detail=type(error).__name__) from error
    if len(slides) > limits.pages:
        raise TooLarge(f"This presentation has {len(slides):,} slides; {limits.pages:,} can be taken in. Split it.")
    yield {"type": "begin", "pages": len(slides)}
    has_text = False
    for number, each in enumerate(slides, start=1):
        try:
            page = slide(number, _blocks(each), limits)
        except _BROKEN as error:
            raise CorruptFile(detail=type(error).__name__) from error
        has_text = has_text or bool(page.text)
        yield page
    if not has_text:
        raise NoText


def _blocks(one: Any) -> Iterator[Block]:
    title = one.shapes.title
    if title is not None and title.has_text_frame and title.text_frame.text.strip():
        yield Block("heading", " ".join(title.text_frame.text.split()))
    for shape in one.shapes:
        if title is None or shape.shape_id != title.shape_id:
            yield from _of_shape(shape, 0)
    if one.has_notes_slide and (notes := one.notes_slide.notes_text_frame) is not None and notes.text.strip():
        yield Block("heading", "Notes", 2)
        yield from _paragraphs(notes)


def _of_shape(shape: Any, depth: int) -> Iterator[Block]:
    if shape.is_placeholder and shape.placeholder_format.type in _RUNNING:
        return
    if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
        for inner in shape.shapes if depth < _DEEPEST else ():
            yield from _of_shape(inner, depth + 1)
    elif shape.has_text_frame:
        yield from _paragraphs(shape.text_frame)
    elif getattr(shape, "has_table", False):
        rows = ([" ".join(cell.text.split()) for cell in row.cells] for row in shape.table.rows)
        yield Block("table", "\n".join(" | ".join(row) for row in rows if any(row)))
    elif getattr(shape, "has_chart", False):
        yield from _chart(shape.chart)
    else:
        yield from _diagram(shape)


def _paragraphs(frame: Any) -> Iterator[Block]:
    for paragraph in frame.paragraphs:
        text = " ".join("".join(_runs(paragraph)).split())
        if text and (paragraph.level or _has_bullet(paragraph)):
            yield Block("item", f"{'  ' * paragraph.level}• {text}")
        elif text:
            yield Block("paragraph", text)


def _runs(paragraph: Any) -> Iterator[str]:
    for element in paragraph._p.iter(_A + "t", _A + "br"):  # noqa: SLF001 - `text` leaves out fields
        yield " " if element.tag == _A + "br" else element.text or ""


def _has_bullet(paragraph: Any) -> bool:
    properties = paragraph._p.pPr  # noqa: SLF001 - there is no public way
    return properties is not None and any(child.tag in {_A + "buChar", _A + "buAutoNum"} for child in properties)


def _chart(chart: Any) -> Iterator[Block]:
    if chart.has_title and chart.chart_title.has_text_frame:
        yield from _paragraphs(chart.chart_title.text_frame)
    for plot in chart.plots:
        series = list(plot.series)
        rows = [["", *(str(one.name) for one in series)]]
        for index, category in enumerate(plot.categories):
            values = (one.values[index] if index < len(one.values) else None for one in series)
            rows.append([str(category), *("" if value is None else f"{value:.12g}" for value in values)])
        yield Block("table", "\n".join(" | ".join(row) for row in rows))


def _diagram(shape: Any) -> Iterator[Block]:
    """SmartArt keeps its words in a part of its own."""
    for element in shape._element.iter(f"{{{_DIAGRAM}}}relIds"):  # noqa: SLF001 - python-pptx does not know them
        key = element.get("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm")
        if key:
            for paragraph in markup.parse(shape.part.related_part(key).blob).iter(_A + "p"):
                yield Block("item", "• " + "".join(run.text or "" for run in paragraph.iter(_A + "t")))
