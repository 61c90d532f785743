"""XML of any kind: what stands in its elements, in order. Of articles (JATS and the like) also the headings."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from documents.reading.bounds import markup
from documents.reading.formats import Event, Source, Tools
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

# Elements that name what follows, in the kinds of XML that people write.
_HEADINGS = {"title", "article-title", "head", "heading", "chapter-title"}
# Elements around these begin a new level of headings.
_SECTIONS = {"sec", "section", "chapter", "appendix", "app", "div", "part", "article", "book", "body", "boxed-text"}
_TABLES = {"table", "informaltable"}
_ROWS = {"tr", "row"}
_DEEPEST = 200


def read(source: Source, _: Tools, limits: Limits) -> Iterator[Event]:
    return events(_blocks(markup.parse(source.data()), 0, 0), limits)


def _blocks(element: Any, depth: int, level: int) -> Iterator[Block]:
    name = _name(element)
    if not name:
        return
    if name in _TABLES and (rows := list(_rows(element))):
        yield Block("table", "\n".join(rows))
    elif name in _HEADINGS and (words := _words(element)):
        yield Block("heading", words, min(9, max(1, level)))
    elif depth >= _DEEPEST or _is_mixed(element):
        yield Block("paragraph", _words(element))
    elif _is_record(element):
        # Fields, as in data: a record is a paragraph, each field with its name.
        yield Block("paragraph", "\n".join(_fields(element)))
    else:
        for child in element:
            yield from _blocks(child, depth + 1, level + (name in _SECTIONS))


def _name(element: Any) -> str:
    return etree.QName(element).localname.lower() if isinstance(element.tag, str) else ""


def _is_mixed(element: Any) -> bool:
    """Words of its own: a paragraph, with whatever it marks up within."""
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _is_record(element: Any) -> bool:
    children = [child for child in element if _name(child)]
    if not children or any(_name(child) in _HEADINGS for child in children):
        return not children and bool(element.attrib) and not len(element)
    return all(not any(_name(inner) for inner in child) for child in children)


def _fields(element: Any) -> Iterator[str]:
    yield from (f"{etree.QName(key).localname}: {value}" for key, value in element.attrib.items() if value.strip())
    for child in element:
        if _name(child) and (words := _words(child)):
            yield f"{etree.QName(child).localname}: {words}"
        elif _name(child):
            yield from (f"{etree.QName(key).localname}: {value}" for key, value in child.attrib.items())


def _rows(table: Any) -> Iterator[str]:
    for row in table.iter(etree.Element):
        if _name(row) in _ROWS:
            cells = [_words(cell) for cell in row if _name(cell)]
            if any(cells):
                yield " | ".join(cells)


def _words(element: Any, depth: int = 0) -> str:
    """Of mixed content as it stands; parts that stand side by side get a space between."""
    if depth >= _DEEPEST:
        return " ".join("".join(element.itertext()).split())
    parts = [element.text or ""]
    for child in element:
        parts.append(_words(child, depth + 1) if _name(child) else "")
        parts.append(child.tail or "")
    return " ".join(("" if _is_mixed(element) else " ").join(parts).split()) if depth == 0 else _joined(element, parts)


def _joined(element: Any, parts: list[str]) -> str:
    return ("" if _is_mixed(element) else " ").join(part for part in parts if part)
