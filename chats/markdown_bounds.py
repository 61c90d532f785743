"""Bounds on what a text can make the parser do. What lies beyond them is shown as it was typed.

A bracket without a partner is looked for in vain, again and again, through all the brackets after it; and few
characters make a table of many cells, since a row that is too short is filled up. And a text in one piece can keep a
browser from everything else.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block import table as table_rule
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

# The cells of all tables of a text. The rows after them are text.
CELLS = 20_000
# Brackets within brackets within the words of a link.
DEPTH = 8

# A browser that looks for the direction of each line takes four times as long for twice the text: two seconds for a
# million characters, and again for each change. A text this long has one direction for all of it.
ONE_DIRECTION = 20_000

# As long as CommonMark lets a label be; the end of a longer one is not looked for.
_REFERENCE = re.compile(r"\[\^[^ \n\]]{1,999}\]")

_InlineRule = Callable[[StateInline, bool], bool]


def install(markdown: MarkdownIt) -> None:
    """After all rules that begin with a bracket."""
    markdown.core.ruler.before("block", "bounds", _begin)
    markdown.core.ruler.push("one_direction", _one_direction)
    markdown.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    for name, start in {"link": "[", "image": "![", "footnote_inline": "^["}.items():
        markdown.inline.ruler.at(name, _shallow(_rule(markdown, name), start))
    markdown.inline.ruler.at("footnote_ref", _short(_rule(markdown, "footnote_ref")))


def _begin(state: StateCore) -> None:
    state.env["cells"] = CELLS


def _one_direction(state: StateCore) -> None:
    """The style sheet goes by `dir`. In a list without space between its points it is a paragraph that has it: the
    point itself has its mark where the list's direction says."""
    for at, token in enumerate(state.tokens):
        if token.type == "inline" and len(token.content) > ONE_DIRECTION:
            before, after = state.tokens[at - 1], state.tokens[at + 1]
            before.attrSet("dir", "auto")
            before.hidden = after.hidden = False


def _table(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if start_line + 2 > end_line:
        return False
    head = start_line + 1
    columns = state.src.count("|", state.bMarks[head], state.eMarks[head]) + 1
    rows = state.env["cells"] // columns
    if not rows or not table_rule(state, start_line, min(end_line, head + rows), silent):
        return False
    if not silent:
        state.env["cells"] -= columns * (state.line - head)
    return True


def _rule(markdown: MarkdownIt, name: str) -> _InlineRule:
    return next(rule.fn for rule in markdown.inline.ruler.__rules__ if rule.name == name)


def _shallow(rule: _InlineRule, start: str) -> _InlineRule:
    def bounded(state: StateInline, silent: bool) -> bool:
        if not state.src.startswith(start, state.pos) or _last_end(state.src) < state.pos:
            return False
        if silent and state.level > DEPTH:
            # As markdown-it does at its own limit: what is around finds no end, and nothing looks here again.
            state.pos = state.posMax
            return True
        return rule(state, silent)

    return bounded


def _short(rule: _InlineRule) -> _InlineRule:
    return lambda state, silent: bool(_REFERENCE.match(state.src, state.pos)) and rule(state, silent)


@lru_cache(maxsize=1)
def _last_end(text: str) -> int:
    return text.rfind("]")
