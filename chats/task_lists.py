"""Lists of things to do: an item that begins with [ ] or [x] shows a box, as on GitHub.

One walk over the tokens, which remembers the lists that are open. The plugin for the same looks back for the list from
each of its items, which takes a time that grows with the square of their number.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_BOX = re.compile(r"\[([ xX])\][ \t\n\v\f\r]")


def install(markdown: MarkdownIt) -> None:
    markdown.core.ruler.after("inline", "task_lists", _mark_tasks)


def _mark_tasks(state: StateCore) -> None:
    lists: list[Token] = []
    previous: list[Token | None] = [None, None]
    for token in state.tokens:
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            lists.append(token)
        elif token.type in {"bullet_list_close", "ordered_list_close"}:
            lists.pop()
        item, paragraph = previous
        if token.type == "inline" and item and paragraph:
            is_first = item.type == "list_item_open" and paragraph.type == "paragraph_open"
            if is_first and (found := _BOX.match(token.content)) and _show_box(token, is_done=found[1] != " "):
                item.attrSet("class", "task-list-item")
                lists[-1].attrSet("class", "contains-task-list")
        previous = [paragraph, token]


def _show_box(text: Token, *, is_done: bool) -> bool:
    children = text.children or []
    # Not if the brackets are something else, the name of a link for instance.
    if not children or children[0].type != "text" or not children[0].content.startswith("["):
        return False
    children[0].content = children[0].content[3:]
    checked = 'checked="checked" ' if is_done else ""
    box = f'<input class="task-list-item-checkbox" {checked}disabled="disabled" type="checkbox">'
    text.children = [_html("<label>"), _html(box), *children, _html("</label>")]
    return True


def _html(content: str) -> Token:
    return Token("html_inline", "", 0, content=content)
