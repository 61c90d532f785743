r"""Formulas between \( and \), or \[ and \], as many models write them. The tokens are those of the dollar plugin.

To CommonMark both are escaped brackets, so a bracket without its partner stays one. As in LaTeX, no formula goes across
a blank line; that also bounds how far is looked for its end.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

# A backslash takes the character after it along, so \\) is a line break and a bracket.
_INLINE = re.compile(r"\\\(((?:[^\\]|\\[^()])+?)\\\)")
_DISPLAY = re.compile(r"\\\[((?:[^\\]|\\[^\[\]])+?)\\\]")
_END = re.compile(r"(?<!\\)(?:\\\\)*\\\][ \t]*$")
# Where a display formula begins, and what is certain not to belong to it.
_BEGIN = re.compile(r"^[ \t]*(\\\[|\$\$)", re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n")
# Longer formulas are shown as typed; nothing waits for their end.
LIMIT = 4_000


def install(markdown: MarkdownIt) -> None:
    markdown.inline.ruler.before("escape", "latex_math", _inline)
    markdown.block.ruler.before("fence", "latex_math_block", _block, {"alt": ["paragraph", "reference", "blockquote"]})


def unfinished_from(text: str) -> int | None:
    """The line in which a display formula begins that may yet end: its lines are no lists and no headings then."""
    found = max(_BEGIN.finditer(text, max(0, len(text) - LIMIT)), key=re.Match.start, default=None)
    if found is None:
        return None
    end = "\\]" if found[1] == "\\[" else "$$"
    if end in text[found.end() :] or _BLANK.search(text, found.end()):
        return None
    return text.count("\n", 0, found.start(1))


def _is_formula(text: str) -> bool:
    """Marks alone are none: somebody escapes them all."""
    return any(character.isalnum() for character in text)


def _inline(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith(("\\(", "\\["), state.pos):
        return False
    is_display = state.src[state.pos + 1] == "["
    # One look ahead for the end, before the expression walks there.
    if state.src.find("\\]" if is_display else "\\)", state.pos + 2, state.pos + LIMIT) < 0:
        return False
    found = (_DISPLAY if is_display else _INLINE).match(state.src, state.pos, state.pos + LIMIT)
    if not found or not _is_formula(found[1]):
        return False
    if not silent:
        token = state.push("math_inline_double" if is_display else "math_inline", "math", 0)
        token.content = found[1]
        token.markup = found[0][:2]
    state.pos = found.end()
    return True


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    begin = state.bMarks[start_line] + state.tShift[start_line]
    if state.is_code_block(start_line) or not state.src.startswith("\\[", begin):
        return False
    if state.src.find("\\]", begin, begin + LIMIT) < 0:
        return False
    lines: list[str] = []
    for line in range(start_line, end_line):
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
        # Another beginning ends the search, so that no line is looked at twice.
        if lines and (not text or text.startswith("\\[") or state.sCount[line] < state.blkIndent):
            return False
        lines.append(text)
        if _END.search(lines[-1]):
            break
        if "\\]" in lines[-1]:
            return False  # text follows on its line: part of a paragraph
    else:
        return False
    content = "\n".join(lines).rstrip()[2:-2].strip()
    if not _is_formula(content):
        return False
    if not silent:
        state.line = start_line + len(lines)
        token = state.push("math_block", "math", 0)
        token.block = True
        token.content = content
        token.markup = "\\["
        token.map = [start_line, state.line]
    return True
