"""Code is coloured within bounds, and its text is never changed."""

import html
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chats import highlighting
from chats.highlighting import LIMIT, PIECE, SLOW, WINDOW, Budget, highlight
from chats.markdown import render
from tests.chats.test_markdown_stream import stream

LANGUAGES = ["python", "java", "php", "html", "django", "console", "bash", "json", "tex", "c", "pycon", "yaml", "rst"]


def text_of(highlighted: str) -> str:
    return html.unescape(re.sub(r"</?span[^>]*>", "", highlighted))


def plain(code: str) -> str:
    return html.escape(code, quote=False)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a millisecond whenever it is looked at."""
    moments = iter(range(10**9))
    monkeypatch.setattr(highlighting, "thread_time", lambda: next(moments) / 1000)


def test_common_code_is_coloured_to_its_end() -> None:
    found = highlight("def f():\n    return 1\n" * 100, "python")
    assert found.count('<span class="k">def</span>') == found.count('<span class="mi">1</span>') == 100


@pytest.mark.parametrize("language", ["Python", "PYTHON", "py"])
def test_a_language_has_several_names(language: str) -> None:
    assert '<span class="k">def</span>' in highlight("def f(): pass\n", language)


@pytest.mark.usefixtures("ticks")
@pytest.mark.parametrize("language", ["python", "java", "console"])
def test_what_is_left_when_the_time_of_a_block_is_used_up_is_plain(language: str) -> None:
    code = "a < b\n" * 5_000
    found = highlight(code, language)
    assert 0 < found.count("<span") <= highlighting.BLOCK_SECONDS * 1000
    assert "<span" not in found[-len(code) // 2 :]
    assert (text_of(found) == code) is True


@pytest.mark.usefixtures("ticks")
def test_one_lexer_in_another_keeps_to_the_time_as_well() -> None:
    code = "<b>{{ a }}</b>\n" * 2_000
    found = highlight(code, "html+django")
    assert not found.replace(plain(code), "")


@pytest.mark.usefixtures("ticks")
def test_the_blocks_of_a_text_share_its_time() -> None:
    block = "```python\n" + "a < b\n" * 1_000 + "```\n\n"
    figures = render(block * 20).split("</figure>")[:-1]
    coloured = ["<span class=" in figure for figure in figures]
    assert len(figures) == 20
    assert coloured[0]
    assert not coloured[-1]
    assert coloured == sorted(coloured, reverse=True)


@pytest.mark.usefixtures("ticks")
def test_a_small_block_is_coloured_to_its_end_as_long_as_there_is_time_at_all() -> None:
    assert highlight("a < b\n" * 15, "python", Budget(0.001)).count("<span") == 45
    assert "<span" not in highlight("a < b\n" * 15, "python", Budget(0))


@pytest.mark.usefixtures("ticks")
def test_while_it_is_written_a_text_has_less_time_and_the_blocks_after_have_it_anew() -> None:
    block = "```python\n" + "a < b\n" * 500 + "```\n\n"
    page = stream(block + block, [len(block)])
    first, second = page.done.count("<span class="), render(block + block).count("<span class=")
    assert 0 < first < second
    assert page.done.split("</figure>")[0].count("<span") == page.done.split("</figure>")[1].count("<span")


def test_no_match_looks_further_than_the_window() -> None:
    assert [
        highlight(f"/* {'a ' * words}*/\n", "js").startswith('<span class="cm">') for words in (100, 1_900, WINDOW)
    ] == [True, True, False]


def test_what_goes_on_beyond_the_window_in_parts_keeps_its_colour() -> None:
    found = highlight('"""\n' + "words in a text\n" * WINDOW + '"""\na = 1\n', "python")
    assert found.count('<span class="s2">words in a text</span>') == WINDOW
    assert found[-30:].endswith('<span class="mi">1</span>\n')


def every_language() -> Iterator[str]:
    return iter(sorted(highlighting._languages()))


def test_every_lexer_is_bounded_by_its_window_or_gets_pieces() -> None:
    code = "a < b\n" * PIECE + "<" * (2 * PIECE)
    for language in every_language():
        lexer = highlighting._lexer(language, 0)
        assert lexer is not None
        if not highlighting._is_bounded(lexer):
            pieces = list(highlighting._pieces(lexer, code))
            assert len("".join(pieces)) == len(code)
            assert max(map(len, pieces)) <= PIECE


def test_lexers_that_are_slow_within_the_window_are_not_used() -> None:
    assert SLOW.isdisjoint(every_language())
    assert all(highlight("1 < 2\n", language) == "1 &lt; 2\n" for language in SLOW)


def test_a_huge_block_is_plain() -> None:
    assert "<span" not in highlight("a = 1\n" * LIMIT, "python")
    assert highlight("a = 1\n", "python", Budget(0)) == "a = 1\n"


@pytest.mark.parametrize("language", LANGUAGES)
@given(code=st.text(alphabet="a1 <>&{}[]()$#%\"'`\\/*-=:.\n\ufeff", max_size=200))
def test_no_code_loses_a_character(language: str, code: str) -> None:
    assert text_of(highlight(f"{code}\n", language)) == f"{code}\n"
