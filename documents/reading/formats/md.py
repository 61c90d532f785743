"""Markdown: what it says, without the signs that say how it looks."""

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from documents.reading.formats import Event, Source, Tools
from documents.reading.formats.encoding import decode
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits


def read(source: Source, _: Tools, limits: Limits) -> Iterator[Event]:
    return events(_blocks(decode(source.data())), limits)


def _blocks(text: str) -> Iterator[Block]:
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(front_matter_plugin)
    tokens = markdown.parse(text)
    level, items, position = 0, 0, 0
    marker = ""
    while position < len(tokens):
        token = tokens[position]
        match token.type:
            case "table_open":
                end = next(i for i in range(position, len(tokens)) if tokens[i].type == "table_close")
                yield Block("table", _table(tokens[position:end]))
                position = end
            case "heading_open":
                level = int(token.tag[1:])
            case "heading_close":
                level = 0
            case "list_item_open":
                items += 1
                marker = f"{token.info}. " if token.info else "• "
            case "list_item_close":
                items -= 1
            case "inline":
                content = _plain(token)
                if level:
                    yield Block("heading", content, level)
                else:
                    indent = "  " * (items - 1) if items else ""
                    yield Block("item" if items else "paragraph", f"{indent}{marker}{content}")
                marker = ""
            case "fence" | "code_block":
                yield Block("code", token.content)
            case "html_block":
                yield Block("paragraph", _without_tags(token.content))
            case "front_matter":
                yield Block("paragraph", token.content)
        position += 1


def _plain(token: Token) -> str:
    parts: list[str] = []
    for child in token.children or []:
        match child.type:
            case "text" | "code_inline" | "text_special":
                parts.append(child.content)
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "image":
                parts.append(child.content)
            case "html_inline":
                if re.match(r"<(br|/p|/div|/td|/th)\b", child.content, re.IGNORECASE):
                    parts.append("\n")
    return "".join(parts)


def _table(tokens: Sequence[Token]) -> str:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append(" ".join(_plain(token).split()))
    return "\n".join(" | ".join(row) for row in rows)


class _Words(HTMLParser):
    """The text of a piece of HTML inside Markdown, without scripts and styles."""

    _SILENT = frozenset({"script", "style", "template"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its signature
        self._silent += tag in self._SILENT

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in self._SILENT))

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def _without_tags(html: str) -> str:
    words = _Words()
    words.feed(html)
    words.close()
    return "".join(words.parts)
