"""Every example of the CommonMark specification renders as the reference does, or is listed here with the reason."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chats.markdown import parser, render
from tests.chats.test_markdown_stream import stream

EXAMPLES = {
    one["number"]: one
    for one in json.loads((Path(__file__).parent / "commonmark/examples.json").read_text(encoding="utf-8"))
}
NUMBERS = list(EXAMPLES)
FORMULAS = [
    "Let $a_1$ and \\(b_1\\) be.\n\n\\[\na\n- b\n= c\n\\]\n\nThe end.\n",
    "text\n\\[ x \\] and more\n- item\n\n  $$\n  y\n  $$\n\n$$\na\n# b\n$$\nlast\n",
    "\\[ x\n\nno formula \\(a, \\] and \\) $5 or $6\n",
]


def numbers(text: str) -> set[int]:
    """`1 3-5` as a set."""
    ranges = (part.split("-") for part in text.split())
    return {number for begin, *end in ranges for number in range(int(begin), int(end[0] if end else begin) + 1)}


# Raw HTML is shown as it was typed: a model's markup never becomes the page's.
RAW_HTML = numbers("21 31 148-191 201 308-309 344 475-477 491 494 536 613-617 623 625-631 642-643")
# Pictures are links, so that nothing is fetched before somebody asks for it.
PICTURES = numbers("572 574-575 579 581-589 591")
# Addresses lead to http, https or mail, or to a place on this site from its root. Any other is shown as it was typed.
ADDRESSES = numbers(
    "194-195 200 203-204 484 486 492 495-496 498-500 502-504 517 520 522 524 531 573 576-578 580 596 598-599 601"
)
# An address is a link, with nothing around it as well.
BARE_ADDRESSES = {602, 608, 611}
# In code a blank that is none is seen.
UNSEEN = {333, 334}
# A language is a word with the marks that languages have in their names.
LANGUAGES = {144}
# markdown-it leaves out the line break in an empty quotation.
SPACES = {218, 239, 240}
DIFFERENT = RAW_HTML | PICTURES | ADDRESSES | BARE_ADDRESSES | UNSEEN | LANGUAGES | SPACES

_CODE = re.compile(
    r'<figure class="code"><figcaption><span>([^<]*)</span><button[^>]*>Copy</button></figcaption>'
    r'<pre class="highlight" tabindex="0"><code>(.*?)</code></pre></figure>',
    re.DOTALL,
)
_ELSEWHERE = ' rel="noopener noreferrer nofollow" target="_blank"'
_DIRECTION = ' dir="auto"'
_PICTURE = re.compile(r'<img src="([^"]*)" alt="([^"]*)"(?: title="[^"]*")? />')


def _plain_code(found: re.Match[str]) -> str:
    language = "" if found[1] == "code" else f' class="language-{found[1]}"'
    return f"<pre><code{language}>{found[2]}</code></pre>"


def ours(markdown: str) -> str:
    """Without what we add by intent: the frame of code, its colours, directions, and what keeps links harmless."""
    html = str(parser().render(markdown, {"citations": {}})).replace(_DIRECTION, "")
    return _CODE.sub(_plain_code, html).replace(_ELSEWHERE, "").replace("&quot;", '"')


def reference(number: int) -> str:
    return str(EXAMPLES[number]["html"]).replace("&quot;", '"')


def test_the_examples_are_all_there() -> None:
    assert len(EXAMPLES) == 652


@pytest.mark.parametrize("number", sorted(set(NUMBERS) - DIFFERENT))
def test_an_example_renders_as_the_reference_does(number: int) -> None:
    assert ours(EXAMPLES[number]["markdown"]) == reference(number)


@pytest.mark.parametrize("number", sorted(RAW_HTML))
def test_raw_html_is_shown_as_typed(number: int) -> None:
    markdown = EXAMPLES[number]["markdown"]
    escaping = MarkdownIt("commonmark", {"html": False}).render(markdown).replace("&quot;", '"')
    assert ours(markdown) == escaping != reference(number)


@pytest.mark.parametrize("number", sorted(PICTURES))
def test_a_picture_is_a_link(number: int) -> None:
    found = ours(EXAMPLES[number]["markdown"])
    assert found == _PICTURE.sub(lambda it: f'<a href="{it[1]}">{it[2] or it[1]}</a>', reference(number))
    assert "<img" not in found


@pytest.mark.parametrize("number", sorted(ADDRESSES))
def test_an_address_that_leads_nowhere_known_is_shown_as_typed(number: int) -> None:
    found = ours(EXAMPLES[number]["markdown"])
    assert found != reference(number)
    assert {address for address in re.findall(r'href="([^"]*)"', found) if address[0] != "/"} == set()


@pytest.mark.parametrize("number", sorted(SPACES))
def test_an_empty_quotation_differs_in_a_line_break_alone(number: int) -> None:
    assert ours(EXAMPLES[number]["markdown"]) == reference(number).replace("<blockquote>\n<", "<blockquote><")


@pytest.mark.parametrize("number", sorted(LANGUAGES))
def test_a_language_without_a_name_has_no_label(number: int) -> None:
    assert ours(EXAMPLES[number]["markdown"]) == re.sub(r' class="[^"]*"', "", reference(number))


# --- While it is written ---


def _definitions_first(markdown: str) -> str:
    """What a link leads to must be known when it is written; a later definition comes with the finished answer."""
    env: dict[str, Any] = {}
    parser().parse(markdown, env)
    known = env.get("references", {})
    return "".join(f"[{name}]: <{found['href']}>\n" for name, found in known.items()) + "\n" * bool(known) + markdown


TEXTS = [_definitions_first(one["markdown"]) for one in EXAMPLES.values()] + FORMULAS


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text[:30]!r}")
def test_one_character_at_a_time_gives_the_finished_page(text: str) -> None:
    page = stream(text, list(range(1, len(text))))
    assert page.done + page.open == render(text, {1: "/source/1"})


@settings(max_examples=300)
@given(st.sampled_from(TEXTS), st.sampled_from(["", *TEXTS]), st.randoms(use_true_random=False))
def test_examples_cut_anywhere_give_the_finished_page(first: str, second: str, chance: random.Random) -> None:
    text = _definitions_first(f"{first}\n{second}")
    cuts = sorted(chance.sample(range(1, len(text)), chance.randint(0, len(text) - 1))) if len(text) > 1 else []
    page = stream(text, cuts)
    assert page.done + page.open == render(text, {1: "/source/1"})
