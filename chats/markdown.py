"""Markdown of a model to HTML that is safe to put on a page.

Raw HTML is shown as text, links lead only to http, https and mail addresses, and images become links: nothing that
a model writes is ever fetched by itself.
"""

import html
import logging
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml, unescapeAll
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

from chats import bare_links, latex_delimiters, link_hosts, markdown_bounds, task_lists
from chats.code_marks import as_code, with_marks
from chats.highlighting import Budget, highlight

logger = logging.getLogger(__name__)

# markdown-it leaves out what is nested deeper; quotes are flattened before, so that no text of theirs is lost.
MAX_NESTING = 60
_DEEP_QUOTE = re.compile(r"^((?:[ \t]{0,3}>){20})[ \t>]+", re.MULTILINE)

# What has more blocks comes in parts of this many, which browsers leave out while they are out of sight. They end with
# a paragraph, as those of an answer that is being written do; live.js says why.
LONG = 400
PART = 20

# Longer formulas are shown as typed.
MATH_LIMIT = 4_000
_MATH_TAGS = set(
    "math menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms "
    "mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none".split()
)
_MATH_ATTRIBUTES = set(
    "accent accentunder columnalign columnlines columnspacing depth display displaystyle fence form height "
    "largeop linethickness lspace mathvariant maxsize minsize movablelimits notation rowalign rowlines rowspacing "
    "rspace scriptlevel separator stretchy symmetric voffset width".split()
)

# Where a citation mark leads, by its number. Marks without an entry stay plain text.
Citations = Mapping[int, str]

_MARK = re.compile(r"\[(\d{1,3})\]")
# Not a link, [1](…) or [1][a], and not the definition of one.
_CITATION = re.compile(r"\[(\d{1,3})\](?!\(|\[(?!\d{1,3}\]))")
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")
# Words run the way they are written: nothing makes a reader see them the other way round.
_OVERRIDES = dict.fromkeys([0x202D, 0x202E])
_ALLOWED_LINK = re.compile(r"^(https?:|mailto:|#|/(?!/))", re.IGNORECASE)


def render(text: str, citations: Citations | None = None, *, name: str = "") -> str:
    """The whole text at once, with highlighted code. This is the authoritative form of a finished answer.

    `name` tells its footnotes from those of other answers on the page.
    """
    env = {"citations": citations or {}, "highlight": Budget(), "docId": name or None}
    tokens = parser().parse(_normal(text), env)
    blocks = top_level(tokens)
    if len(blocks) <= LONG:
        return render_tokens(tokens, env)
    return "".join(f'<div class="part">{render_tokens(part, env)}</div>' for part in _parts(blocks))


def marks(text: str) -> list[int]:
    """The numbers in square brackets, as they stand in the text."""
    return [int(number) for number in _MARK.findall(text)]


def render_safely(text: str, citations: Citations | None = None, *, name: str = "") -> str:
    """Like `render`; a text that breaks the renderer is shown as it is, and the log says why."""
    try:
        return render(text, citations, name=name)
    except Exception:
        logger.exception("A text of %d characters could not be rendered.", len(text))
        return f'<pre class="plain">{as_code(text)}</pre>'


def top_level(tokens: Sequence[Token]) -> list[list[Token]]:
    blocks: list[list[Token]] = []
    for token in tokens:
        if (token.level == 0 and token.nesting >= 0) or not blocks:
            blocks.append([])
        blocks[-1].append(token)
    return blocks


def _parts(blocks: list[list[Token]]) -> Iterator[list[Token]]:
    part: list[Token] = []
    length = 0
    for block in blocks:
        part += block
        length += 1
        if length >= PART and block[0].type == "paragraph_open":
            yield part
            part, length = [], 0
    if part:
        yield part


def render_tokens(tokens: Sequence[Token], env: MutableMapping[str, Any]) -> str:
    markdown = parser()
    return str(markdown.renderer.render(tokens, markdown.options, env))


def code_shell(language: str, *, code_id: str = "") -> tuple[str, str]:
    """What stands before and after the code of a block: one look for streamed, plain and highlighted code."""
    label = html.escape(language) or "code"
    identity = f' id="{code_id}"' if code_id else ""
    before = (
        f'<figure class="code"><figcaption><span>{label}</span>'
        '<button type="button" class="copy" data-copy="code">Copy</button></figcaption>'
        f'<pre class="highlight" tabindex="0"><code{identity}>'
    )
    return before, "</code></pre></figure>\n"


def fence_language(info: str) -> str:
    found = _LANGUAGE.match(unescapeAll(info.strip()))
    return found.group() if found else ""


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


@cache
def parser() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": MAX_NESTING})
    markdown.enable(["table", "strikethrough"])
    bare_links.install(markdown)
    # No labels: they would let a model name an element of the page.
    markdown.use(
        dollarmath_plugin,
        allow_labels=False,
        allow_space=False,
        allow_digits=False,
        allow_blank_lines=False,
        double_inline=True,
        renderer=_math,
    )
    latex_delimiters.install(markdown)
    link_hosts.install(markdown)
    markdown.use(footnote_plugin)
    task_lists.install(markdown)
    markdown_bounds.install(markdown)
    markdown.core.ruler.after("normalize", "flatten_quotes", _flatten_quotes)
    markdown.inline.ruler.before("link", "citation", _citation_rule)
    markdown.validateLink = _is_allowed_link  # type: ignore[method-assign]
    rules: dict[str, Callable[..., str]] = {
        "fence": _fence,
        "code_block": _fence,
        "code_inline": _code_inline,
        "text": _text,
        "image": _image,
        "math_inline_double": _display_math,
        "link_open": _link_open,
        "citation": _citation,
        "bullet_list_open": _own_direction,
        "ordered_list_open": _own_direction,
        "blockquote_open": _own_direction,
        "table_open": _table_open,
        "th_open": _cell_open,
        "td_open": _cell_open,
        "table_close": _table_close,
    }
    for name, rule in rules.items():
        markdown.add_render_rule(name, rule)
    return markdown


def _is_allowed_link(url: str) -> bool:
    return bool(_ALLOWED_LINK.match(url.strip()))


def _flatten_quotes(state: StateCore) -> None:
    state.src = _DEEP_QUOTE.sub(r"\1 ", state.src)


def _citation_rule(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "[":
        return False
    found = _CITATION.match(state.src, state.pos)
    if not found or int(found.group(1)) not in state.env.get("citations", {}):
        return False
    if not silent:
        state.push("citation", "", 0).meta = {"number": int(found.group(1))}
    state.pos = found.end()
    return True


def _citation(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, env: MutableMapping[str, Any]
) -> str:
    number = tokens[index].meta["number"]
    url = html.escape(env["citations"][number])
    return (
        f'<sup class="cite"><a href="{url}" hx-get="{url}" hx-target="#panel" hx-swap="innerHTML" '
        f'data-citation="{number}" aria-label="Source {number}">{number}</a></sup>'
    )


def _fence(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, env: MutableMapping[str, Any]
) -> str:
    token = tokens[index]
    language = fence_language(token.info)
    before, after = code_shell(language)
    budget = env.get("highlight")
    code = with_marks(highlight(token.content, language, budget)) if budget else as_code(token.content)
    return f"{before}{code}{after}"


def _code_inline(_self: RendererHTML, tokens: Sequence[Token], index: int, *_: Any) -> str:
    return f"<code>{as_code(tokens[index].content)}</code>"


def _text(_self: RendererHTML, tokens: Sequence[Token], index: int, *_: Any) -> str:
    return escapeHtml(tokens[index].content.translate(_OVERRIDES))


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    token = tokens[index]
    url = html.escape(str(token.attrs.get("src", "")))
    label = html.escape(self.renderInlineAsText(token.children, options, env)) or url
    return f'<a href="{url}" rel="noopener noreferrer nofollow" target="_blank">{label}</a>'


def _link_open(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    tokens[index].attrSet("target", "_blank")
    return self.renderToken(tokens, index, options, env)


def _own_direction(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """A Hebrew list in an English answer has its bullets at the right. What it contains runs as it does, so that all
    bullets of a list stand on one side."""
    if not tokens[index].level:
        tokens[index].attrSet("dir", "auto")
    return self.renderToken(tokens, index, options, env)


def _table_open(_self: RendererHTML, tokens: Sequence[Token], index: int, *_: Any) -> str:
    direction = "" if tokens[index].level else ' dir="auto"'
    return f'<div class="table-scroll" tabindex="0" role="group" aria-label="Table"{direction}><table>\n'


def _cell_open(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """Alignment as an attribute: the security policy lets no inline style through."""
    cell = tokens[index]
    if style := str(cell.attrs.pop("style", "")):
        cell.attrSet("align", style.removeprefix("text-align:"))
    return self.renderToken(tokens, index, options, env)


def _table_close(*_: Any) -> str:
    return "</table></div>\n"


def _display_math(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, _env: MutableMapping[str, Any]
) -> str:
    """Inside a paragraph, where browsers allow no block element."""
    return f'<span class="math inline">{_math(tokens[index].content.strip(), {"display_mode": True})}</span>'


def _math(source: str, options: Mapping[str, Any]) -> str:
    from latex2mathml.converter import convert

    if len(source) > MATH_LIMIT:
        return f"<code>{as_code(source)}</code>"
    try:
        converted = convert(source, display="block" if options.get("display_mode") else "inline")
    except Exception:  # noqa: BLE001 - the converter raises many types, and a formula nobody can read is shown as typed
        return f"<code>{as_code(source)}</code>"
    # LaTeX has commands for links and styles, and the converter passes them on.
    shown = nh3.clean(converted, tags=_MATH_TAGS, attributes={"*": _MATH_ATTRIBUTES})
    return _with_source(shown, source)


def _with_source(shown: str, source: str) -> str:
    """Whoever pastes a formula elsewhere, and some who have it read to them, need it as it was typed."""
    if shown.count("<math") != 1:
        return shown  # its words held an element, which sanitizing took apart
    begin, end = shown.index(">") + 1, shown.rindex("</math>")
    annotation = f'<annotation encoding="application/x-tex">{html.escape(source.strip(), quote=False)}</annotation>'
    return f"{shown[:begin]}<semantics>{shown[begin:end]}{annotation}</semantics>{shown[end:]}"
