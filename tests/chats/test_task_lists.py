"""Lists of things to do look as the plugin for them has it, whose time grows with the square of their length."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from mdit_py_plugins.tasklists import tasklists_plugin

from chats import task_lists
from chats.markdown import render

PARTS = [
    "- [ ] a\n",
    "- [x] **b**\n",
    "  - [X] c\n",
    "    1. [ ] d\n",
    "1. [x] `e`\n",
    "- f\n",
    "\n",
    "> - [ ] g\n",
    "h\n",
]


@given(st.lists(st.sampled_from(PARTS), max_size=12))
def test_as_the_plugin_has_it(parts: list[str]) -> None:
    ours, theirs = MarkdownIt("commonmark"), MarkdownIt("commonmark").use(tasklists_plugin, label=True)
    task_lists.install(ours)
    assert ours.render("".join(parts)) == theirs.render("".join(parts))


def test_a_list_in_a_list_is_marked_by_its_own_items() -> None:
    html = render("- a\n  - [x] b\n- c\n")
    assert re.findall(r"<(?:ul|li)[^>]*>", html) == [
        '<ul dir="auto">',
        "<li>",
        '<ul class="contains-task-list">',
        '<li class="task-list-item">',
        "<li>",
    ]


@pytest.mark.parametrize(
    "text", ["- [x](https://a.example) b", "- [x] b\n\n[x]: https://a.example", "- [y] b", "- [ ]b"]
)
def test_brackets_that_are_something_else_are_no_box(text: str) -> None:
    assert "checkbox" not in render(text)
