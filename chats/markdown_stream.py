"""Markdown as it arrives: finished blocks are rendered once and never again, only the open block is rendered anew.

The cost of a token does not grow with the answer. Three rules keep it so:

* a top-level block is finished when another begins after it; it is rendered, handed out and forgotten;
* an open code block is appended to, as escaped text, without any parsing;
* any other open block that has become long is rendered less often, in proportion to its length.

What cannot be known while streaming (footnotes, references defined later) is put right by the final rendering.
"""

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from markdown_it.token import Token

from chats.code_marks import as_code
from chats.highlighting import Budget
from chats.latex_delimiters import unfinished_from
from chats.markdown import Citations, code_shell, fence_language, parser, render_tokens, top_level

_FENCE_OPEN = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n")
# A last line of which it cannot be said yet what it begins: "2" may become "2. next item", "-" a list or a rule, and
# a line that opens a fence is text after all if another backtick follows, as a formula is if words follow.
_UNDECIDED = re.compile(r"[ \t]*(\d{0,9}[.)]?|[-+*_=~`#>|:\s]*|`{3,}[^`]*|\\(\[.*)?)")
# Colouring a longer block would hold up the other streams, and so would many at once: past this length, and past these
# seconds of the processor for what came in together, code stays plain until the final rendering.
_COLOURED = 10_000
_SECONDS = 0.04
# An open block longer than this many characters is rendered again only after it grew by a sixteenth.
_LONG = 3_000


@dataclass(frozen=True, slots=True)
class Change:
    """What to do to the page. Applied in this order."""

    # Finished blocks: append to what is finished.
    finished: str = ""
    # The open block anew; None: leave it.
    open: str | None = None
    # Escaped code: append inside the open code block.
    code: str = ""

    def __bool__(self) -> bool:
        return bool(self.finished or self.open is not None or self.code)


class MarkdownStream:
    """Feed text, take changes. `open_html` and `open_suffix` together are the open block as it stands now."""

    def __init__(self, *, code_id: str, citations: Citations | None = None) -> None:
        self._code_id = code_id
        self._env: MutableMapping[str, Any] = {"citations": citations or {}}
        self._tail = ""
        self._closing: re.Pattern[str] | None = None
        self._fence_head = ""
        self._code: list[str] = []
        self._is_mid_line = False
        self._rendered_length = 0
        self.open_html = ""
        self.open_suffix = ""

    def feed(self, text: str, *, final: bool = False) -> Change:
        """Take new text. `final` renders all that is left, however long."""
        self._tail += text
        self._env["highlight"] = Budget(_SECONDS)
        finished: list[str] = []
        if self._closing and not self._leave_code(finished, final=final):
            return self._grow_code()
        while self._is_due() or final or finished:
            blocks = self._take_finished(finished)
            if final or not self._enter_code(blocks):
                return self._replace_open(blocks, finished)
            if not self._leave_code(finished, final=False):
                grown = self._grow_code().code
                before = self.open_html.removesuffix(grown)
                return Change("".join(finished), before + grown + self.open_suffix)
        return Change()

    # --- an open code block ----------------------------------------------------------------------------------

    def _enter_code(self, blocks: list[list[Token]]) -> bool:
        """Go into the open fence, if that is what the tail is and its first line is complete."""
        tail = self._tail.lstrip("\n")
        opened = _FENCE_OPEN.match(tail) if len(blocks) == 1 and blocks[0][0].type == "fence" else None
        if not opened:
            return False
        fence = opened["fence"]
        self._tail = tail[opened.end() :]
        self._fence_head = opened.group()
        self._closing = re.compile(rf"^ {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*\n", re.MULTILINE)
        self._code = []
        self._is_mid_line = False
        self.open_html, self.open_suffix = code_shell(fence_language(opened["info"]), code_id=self._code_id)
        return True

    def _leave_code(self, finished: list[str], *, final: bool) -> bool:
        """True when the block is over: it is finished, and what follows it is the tail again."""
        assert self._closing is not None  # noqa: S101 - callers looked; this is for the type checker
        # When part of a line was handed out already, its rest cannot be a closing fence.
        begin = self._tail.find("\n") + 1 if self._is_mid_line else 0
        is_whole_line = begin or not self._is_mid_line
        closed = self._closing.search(self._tail, begin) if is_whole_line else None
        if not closed and not final:
            return False
        end = closed.end() if closed else len(self._tail)
        source = self._fence_head + "".join(self._code) + self._tail[:end]
        self._tail = self._tail[end:]
        self._closing = None
        self._code = []
        budget = self._env["highlight"]
        if len(source) > _COLOURED:
            self._env["highlight"] = None
        finished.append(self._render(parser().parse(source, self._env)))
        self._env["highlight"] = budget
        return True

    def _grow_code(self) -> Change:
        # A last line that may become the closing fence is held back.
        start = self._tail.rfind("\n") + 1
        is_decided = self._tail[start:].strip(" \t`~") or (self._is_mid_line and not start)
        held = len(self._tail) if is_decided else start
        new, self._tail = self._tail[:held], self._tail[held:]
        self._code.append(new)
        self._is_mid_line = not new.endswith("\n") if new else self._is_mid_line
        escaped = as_code(new)
        self.open_html += escaped
        return Change(code=escaped)

    # --- any other open block ----------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        length = len(self._tail)
        return length <= _LONG or not 0 <= length - self._rendered_length < length // 16

    def _take_finished(self, finished: list[str]) -> list[list[Token]]:
        """Render and drop the blocks that are certainly over. Returns what is still open."""
        tail = self._tail
        known = self._env.setdefault("references", {})
        env = {**self._env, "references": dict(known)}
        blocks = top_level(parser().parse(tail, env))
        last_line = tail.count("\n")
        formula = unfinished_from(tail)
        decided = not _UNDECIDED.fullmatch(tail, tail.rfind("\n") + 1)
        over = 0
        while len(blocks) > 1:
            begins = blocks[1][0].map[0] if blocks[1][0].map else 0
            if begins >= last_line and not decided:
                break
            # A table only if the line below its head ends as it began: "--" may become "--***".
            if blocks[1][0].type == "table_open" and begins + 1 >= last_line:
                break
            if formula is not None and begins > formula:
                break
            finished.append(self._render(blocks.pop(0)))
            self._tail = _from_line(tail, begins)
            over = begins
        # A definition in what is still open may not be complete: "/ur" is half an address.
        known.update((name, found) for name, found in env["references"].items() if found["map"][1] <= over)
        return blocks

    def _replace_open(self, blocks: list[list[Token]], finished: list[str]) -> Change:
        self._rendered_length = len(self._tail)
        rendered = "".join(self._render(block) for block in blocks)
        unchanged = rendered == self.open_html and not self.open_suffix
        self.open_html, self.open_suffix = rendered, ""
        return Change("".join(finished), None if unchanged else rendered)

    def _render(self, tokens: list[Token]) -> str:
        return render_tokens(tokens, self._env)


class PlainStream:
    """The same for a text that broke the renderer: shown as it is, so that no answer is lost to a bug."""

    open_suffix = "</pre>"

    def __init__(self, *, code_id: str) -> None:
        self.open_html = f'<pre class="plain" id="{code_id}">'

    def feed(self, text: str) -> Change:
        escaped = as_code(text)
        self.open_html += escaped
        return Change(code=escaped)


def _from_line(text: str, line: int) -> str:
    position = 0
    for _ in range(line):
        position = text.index("\n", position) + 1
    return text[position:]
