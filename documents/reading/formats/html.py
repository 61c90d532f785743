"""Web pages: the main text, without menus, scripts and what is hidden from a reader."""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from documents.errors import CorruptFile, NoText
from documents.reading.bounds import NESTED, markup
from documents.reading.formats import Event, Source, Tools, elements
from documents.reading.formats.encoding import decode
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,100}encoding=["']([\w.-]+)""",
    re.IGNORECASE,
)
_XML_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
# Never text for a reader.
_SILENT = {
    "script",
    "style",
    "template",
    "noscript",
    "iframe",
    "object",
    "embed",
    "svg",
    "canvas",
    "nav",
    "dialog",
    "select",
    "button",
}
_SILENT_ROLES = {"navigation", "search", "banner", "contentinfo", "menu", "menubar", "dialog"}
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|pt|em|rem|%)?\s*(?:;|$)|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)",
    re.IGNORECASE,
)
_MAIN = ("main", "article")
# Of the whole page's text. Less than that in <main> means that the page uses the word for something else.
_MAIN_SHARE = 0.3
# Deeper nesting than any reader's eye, and more than recursive parsers survive.
_DEEPEST = 200


def read(source: Source, _: Tools, limits: Limits) -> Iterator[Event]:
    return events(blocks(text_of(source.data())), limits)


def text_of(data: bytes) -> str:
    declared = _DECLARED.search(data[:4096])
    return decode(data, declared=(declared[1] or declared[2]).decode("ascii") if declared else "")


def blocks(text: str) -> Iterator[Block]:
    """Of a page, or a piece of one such as the body of a mail. Raises CorruptFile and NoText."""
    root = _tree(_XML_DECLARATION.sub("", text, count=1))
    _silence(root)
    main = _main(root)
    _flatten(main)
    content = (
        "<html><body>" + etree.tostring(main, encoding="unicode", method="html", with_tail=False) + "</body></html>"
    )
    return elements.blocks(elements.of_html(content))


def _tree(text: str) -> Any:
    if not text.strip():
        raise NoText
    parser = lxml_html.HTMLParser(remove_comments=True, remove_pis=True)
    try:
        root = lxml_html.document_fromstring(text, parser=parser)
    except etree.ParserError as error:
        raise NoText from error
    except etree.LxmlError as error:
        raise CorruptFile(detail=type(error).__name__) from error
    if markup.is_nested(parser):
        # The parser leaves out what is deeper, and much that follows.
        raise CorruptFile(NESTED, detail="depth")
    body = root.find("body")
    return root if body is None else body


def _silence(root: Any) -> None:
    for element in list(root.iter(etree.Element)):
        if element is root or not isinstance(element.tag, str):
            continue
        if _is_silent(element):
            element.drop_tree()


def _is_silent(element: Any) -> bool:
    return (
        element.tag in _SILENT
        or element.get("hidden") is not None
        or (element.get("role") or "").lower() in _SILENT_ROLES
        or bool(_HIDDEN.search(element.get("style") or ""))
        # Inline XBRL keeps its machine-readable part in the page.
        or element.tag == "ix:header"
    )


def _main(root: Any) -> Any:
    """The part that holds the article, if there is one and it holds enough; else everything."""
    whole = len(root.text_content())
    candidates = [*root.xpath(".//*[@role='main']"), *(e for tag in _MAIN for e in root.iter(tag))]
    for element in candidates:
        if len(element.text_content()) >= whole * _MAIN_SHARE:
            return element
    return root


def _flatten(root: Any) -> None:
    """Take away wrappers below a sane depth. Their text stays."""
    depth = {root: 0}
    for element in list(root.iter(etree.Element)):
        if element is root:
            continue
        parent = element.getparent()
        depth[element] = depth.get(parent, 0) + 1
        if depth[element] > _DEEPEST:
            depth[element] -= 1
            for child in element:
                depth[child] = depth[element]
            element.drop_tag()
