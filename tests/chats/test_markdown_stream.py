"""Markdown rendered as it arrives equals Markdown rendered at once."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chats.markdown import render
from chats.markdown_stream import Change, MarkdownStream

ARTICLE = """# Title

A paragraph with **bold**, $a^2$ and a mark [1].

1. one
2. two
   - nested

3. three, after a blank line

```python
def f(x):
    return "``` not the end"
```
Text right after the code.

| a | b |
|---|---|
| 1 | 2 |

> a quote
> in two lines

See https://example.org/a_b?c=d, `rm \u202e-rf` and https://b.example/[1].

Heading
-------

    indented code

~~~
tildes ``` inside
~~~

* * *

The end [1].
"""
CITATIONS = {1: "/source/1"}
CODE_END = "</code></pre></figure>\n"


class Page:
    """What a browser holds after applying every change."""

    def __init__(self) -> None:
        self.done = self.open = ""

    def apply(self, change: Change) -> None:
        self.done += change.finished
        if change.open is not None:
            self.open = change.open
        if change.code:
            assert self.open.endswith(CODE_END)
            self.open = self.open.removesuffix(CODE_END) + change.code + CODE_END


def stream(text: str, cuts: list[int]) -> Page:
    page, markdown = Page(), MarkdownStream(code_id="code", citations=CITATIONS)
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        page.apply(markdown.feed(text[begin:end]))
        assert page.open == markdown.open_html + markdown.open_suffix
    page.apply(markdown.feed("", final=True))
    return page


@pytest.mark.parametrize("seed", range(100))
def test_any_way_of_cutting_gives_the_same_page(seed: int) -> None:
    random_cuts = random.Random(seed)
    cuts = sorted(random_cuts.sample(range(1, len(ARTICLE)), random_cuts.randint(1, len(ARTICLE) - 1)))
    page = stream(ARTICLE, cuts)
    assert page.done + page.open == render(ARTICLE, CITATIONS)


def test_one_character_at_a_time() -> None:
    page = stream(ARTICLE, list(range(1, len(ARTICLE))))
    assert page.done + page.open == render(ARTICLE, CITATIONS)


@settings(max_examples=200)
@example(["```", "- a\n", "> ", "```", "\n", "- a\n"])
@example(["--", "```", "- a\n", "```", "1", "```"])
@example(["***", "- a\n", "|a|\n", "--", "***"])
@given(st.lists(st.sampled_from(["- a\n", "\n", "1", ". b\n", "```", "x\n", "> ", "# ", "  ", "***", "|a|\n", "--"])))
def test_fragments_in_any_order_never_lose_text(parts: list[str]) -> None:
    text = "".join(parts)
    page = stream(text, list(range(1, len(text), 2)))
    assert _words(page.done + page.open) == _words(render(text, CITATIONS))


def _words(html: str) -> str:
    import re

    return "".join(re.sub(r"<[^>]*>|\s+", "", html).split())


def test_a_finished_block_is_handed_out_once_and_not_rendered_again() -> None:
    markdown = MarkdownStream(code_id="code")
    changes = [markdown.feed("first\n\n"), markdown.feed("second"), markdown.feed(" more")]
    assert [change.finished for change in changes] == ["", "<p>first</p>\n", ""]
    assert changes[2].open == "<p>second more</p>\n"


def test_an_open_code_block_only_grows() -> None:
    markdown = MarkdownStream(code_id="code")
    markdown.feed("```\n")
    first, second = markdown.feed("a < b\n"), markdown.feed("c\n")
    assert first.code.endswith("a &lt; b\n")
    assert second == Change(code="c\n")


def test_a_long_open_block_is_not_rendered_for_every_word() -> None:
    markdown = MarkdownStream(code_id="code")
    markdown.feed("word " * 4000)
    renderings = sum(1 for _ in range(200) if markdown.feed("word "))
    assert renderings < 5
    assert markdown.feed("", final=True).open is not None


@settings(max_examples=300)
@given(st.text(alphabet="[]^: 1.a-*>`~#|$\\\n\t_!()", max_size=60))
@example("[^a]: 1. [^a]: text 1. ")
def test_no_text_breaks_the_stream(text: str) -> None:
    markdown = MarkdownStream(code_id="code")
    for character in text:
        markdown.feed(character)
    markdown.feed("", final=True)
