"""No text makes the parser work out of proportion to its length, and what lies beyond the bounds is shown as text."""

import re
from html import unescape

import pytest

from chats.markdown import render
from chats.markdown_bounds import CELLS, DEPTH, ONE_DIRECTION
from tests.chats.test_markdown_stream import CITATIONS, stream


def words(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def table(columns: int, rows: int, cell: str = "b") -> str:
    return "|a" * columns + "|\n" + "|-" * columns + "|\n" + (f"|{cell}" * columns + "|\n") * rows


def test_a_table_ends_where_its_text_has_too_many_cells() -> None:
    html = render(table(100, 1_000))
    assert CELLS - 500 < html.count("<td>") + html.count("<th>") <= CELLS
    assert words(html).count("b") == 100_000


def test_a_table_of_common_size_is_one() -> None:
    assert render(table(20, 900)).count("<td>") == 18_000


def test_rows_that_are_filled_up_count_as_well() -> None:
    html = render("\n".join("|a" * 140 + "|\n" + "|-" * 140 + "|\n" + "b\n" * 140 for _ in range(50)))
    assert html.count("<td>") + html.count("<th>") <= CELLS
    assert words(html).count("b") == 7_000


def test_the_next_text_has_its_own_cells() -> None:
    render(table(100, 1_000))
    assert render(table(2, 2)).count("<td>") == 4


def test_a_table_that_is_cut_is_the_same_while_it_is_written() -> None:
    text = "First.\n\n" + table(100, 300) + "\nLast.\n"
    page = stream(text, list(range(20_000, len(text), 20_000)))
    assert (page.done + page.open == render(text, CITATIONS)) is True


@pytest.mark.parametrize("depth", [1, DEPTH - 1])
def test_brackets_in_the_words_of_a_link(depth: int) -> None:
    html = render("[" * depth + "a" + "]" * depth + "(https://a.example)")
    assert html.count("<a ") == 1
    assert words(html) == "[" * (depth - 1) + "a" + "]" * (depth - 1) + "\n"


@pytest.mark.parametrize("start", ["[", "![", "^["])
def test_beyond_that_depth_no_link_is_looked_for_and_nothing_is_lost(start: str) -> None:
    for depth in (DEPTH + 2, 50, 500):
        assert words(render(start * depth + "the words" + "]" * depth + " (last)")).count("the words") == 1


def test_a_link_after_brackets_without_an_end_is_one() -> None:
    for count in (1, DEPTH - 1, DEPTH, DEPTH + 1, 100):
        html = render("[" * count + "a](https://a.example)")
        assert html.count("<a ") == 1
        assert words(html) == "[" * (count - 1) + "a\n"


@pytest.mark.parametrize(("length", "notes"), [(1, 1), (999, 1), (1_000, 0)])
def test_the_name_of_a_footnote_has_a_length_to_which_it_is_looked_for(length: int, notes: int) -> None:
    html = render(f"a[^{'n' * length}]\n\n[^{'n' * length}]: Said by all.\n")
    assert html.count('class="footnote-ref"') == notes


def test_names_of_footnotes_without_an_end() -> None:
    # A time that grows with the square of the length would meet the time-out of a test.
    assert words(render("a[^n]\n\n[^n]: Said by all.\n\n" + "[^n" * 50_000)).count("[^n") == 50_000


@pytest.mark.parametrize(
    "piece",
    [
        "https://a.com/,",
        "https://a.com/((",
        '["https://example.org/item/abc",',
        "https://a.com/*b* ",
        "http://",
        "mailto:a@b",
    ],
)
def test_addresses_without_an_end(piece: str) -> None:
    # As above.
    text = piece * (300_000 // len(piece))
    assert unescape(words(render(text))).replace("*", "").strip() == text.replace("*", "").strip()
    page = stream(text, list(range(60_000, len(text), 60_000)))
    assert (page.done + page.open == render(text, CITATIONS)) is True


def test_a_text_in_one_piece_has_one_direction_for_all_of_it() -> None:
    long = "x" * (ONE_DIRECTION + 1)
    assert render(long) == f'<p dir="auto">{long}</p>\n'
    assert f'<h2 dir="auto">{long}</h2>' in render(f"## {long}")
    assert f'<li>\n<p dir="auto">{long}</p>\n</li>' in render(f"- {long}")
    assert render("x" * ONE_DIRECTION).startswith("<p>x")
    # As many characters in lines of their own paragraphs are no reason.
    assert "dir" not in render("word\n\n" * ONE_DIRECTION)


def test_a_long_text_looks_the_same_while_it_is_written() -> None:
    text = "word " * 5_000 + "\n\nNext"
    page = stream(text, list(range(4_000, len(text), 4_000)))
    assert (page.done + page.open == render(text)) is True
