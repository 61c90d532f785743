"""Words that run from right to left, in the PDF: their order, their letters and the side they stand on.

Lines are given as they are typed, and expected as they are drawn, from the left: as browsers do.
"""

import pytest

from chats.exchange.pdf import directions, faces, joining
from tests.chats.exchange.set_lines import line_with, set_in

HEBREW, ARABIC = "שלום עולם", "سلام"


@pytest.fixture(autouse=True, scope="module")
def fonts() -> None:
    faces.register()


def drawn(line: str, *, from_right: bool = False) -> str:
    return "".join(char for _, char in directions.drawn(line, from_right=from_right))


@pytest.mark.parametrize(
    ("line", "from_left", "from_right"),
    [
        ("abc 12", "abc 12", "abc 12"),
        ("אבג", "גבא", "גבא"),
        ("abc אב 12", "abc 12 בא", "12 בא abc"),
        ("אב 1,234.50 גד", "דג 1,234.50 בא", "דג 1,234.50 בא"),
        ("אב 50% ו־$3", "$3־ו 50% בא", "$3־ו 50% בא"),
        ("אב (abc) גד", "בא (abc) דג", "דג (abc) בא"),
        ("abc (אב) de", "abc (בא) de", "de (בא) abc"),
        ("abc (אב 12) de", "abc (12 בא) de", "de (12 בא) abc"),
        ("x < אב < y", "x < בא < y", "y > בא > x"),
        ("سلام 12/3", "12/3 مالس", "12/3 مالس"),
        ("٣٤ سلام", "مالس ٣٤", "مالس ٣٤"),
        ("\u05d1\u05b0\u05e8", "\u05e8\u05b0\u05d1", "\u05e8\u05b0\u05d1"),
        ("אב\u200e!", "בא!", "!בא"),
        ("abc!\u200f", "abc!", "!abc"),
        ("(אב\ufffcגד)", "(דג\ufffcבא)", "(דג\ufffcבא)"),
        ("אב  ", "בא  ", "בא"),
        ("", "", ""),
    ],
)
def test_a_line_is_drawn_in_the_order_in_which_it_is_read(line: str, from_left: str, from_right: str) -> None:
    assert (drawn(line), drawn(line, from_right=True)) == (from_left, from_right)


def test_every_character_is_drawn_once_and_from_where_it_stands() -> None:
    line = 'אב (abc [גד] 1,2) ٣% "x" {ה'
    for from_right in (False, True):
        places = [place for place, _ in directions.drawn(line, from_right=from_right)]
        assert sorted(places) == list(range(len(line)))


@pytest.mark.parametrize(
    ("text", "is_from_right"),
    [(HEBREW, True), (f"12. {ARABIC} abc", True), (f"abc {HEBREW}", False), ("12", False), ("\u200fabc", True)],
)
def test_the_first_letter_says_where_a_paragraph_begins(text: str, is_from_right: bool) -> None:
    assert directions.is_from_right(text) is is_from_right


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("بيت", "\ufe91\ufef4\ufe96"),
        ("دار", "\ufea9\ufe8d\ufead"),
        ("سلام", "\ufeb3\ufefc\ufee1"),
        ("لا", "\ufefb"),
        ("لَا", "\ufefb\u064e"),
        ("بَيت", "\ufe91\u064e\ufef4\ufe96"),
        ("پگی", "\ufb58\ufb95\ufbfd"),
        # What must not join, and a letter that is to look as if it did.
        ("می\u200cخوا", "\ufee3\ufbfd\u200c\ufea7\ufeee\ufe8d"),
        ("ه\u200d", "\ufeeb\u200d"),
        ("بـ", "\ufe91\u0640"),
        ("ب1ب", "\ufe8f1\ufe8f"),
        ("שלום abc", "שלום abc"),
    ],
)
def test_letters_of_arabic_join(text: str, forms: str) -> None:
    assert joining.joined(text) == forms


def test_a_form_is_copied_as_its_letter() -> None:
    assert [joining.unjoined(char) for char in "\ufe91\ufb58a\u05d0"] == ["ب", "پ", "a", "\u05d0"]


def test_joined_letters_break_between_words() -> None:
    assert not faces.is_asian(joining.joined("العربية لغة جميلة"))


def test_a_paragraph_stands_on_its_own_side() -> None:
    text = f"{HEBREW}\n\nabc {HEBREW} def"
    assert line_with(HEBREW[::-1], text).x > 300
    assert line_with(f"abc {HEBREW[::-1]} def", text).x < 60


def test_what_is_searched_for_in_it_are_letters() -> None:
    assert line_with("تيب", "بيت").x > 300


def test_looks_go_with_their_words() -> None:
    assert line_with("וה ef דג בא", "אב **גד** `ef` הו").x > 300


def test_a_list_has_its_marks_on_the_side_of_its_first_words() -> None:
    text = f"1. {HEBREW}\n2. abc\n"
    assert line_with(f"{HEBREW[::-1]} .1", text).x > 300
    assert line_with("abc .2", text).x < 60
    assert line_with("1. abc", f"1. abc\n2. {HEBREW}").x < 60


def test_a_table_has_its_first_column_there_too() -> None:
    assert line_with("4 3 ב", "| א | 1 | 2 |\n|---|---|---|\n| ב | 3 | 4 |").x < 60
    assert line_with("ב 3 4", "| a | 1 | 2 |\n|---|---|---|\n| ב | 3 | 4 |").x > 60


def test_code_runs_from_the_left() -> None:
    assert line_with("1 = ", f"```\n{ARABIC} = 1\n```").x < 70


def test_what_goes_over_a_page_is_put_in_order_once() -> None:
    found = set_in(" ".join(f"אב{number}גד" for number in range(4_000)))
    assert len(found) > 3
    words = [word for page in found for line in page for word in reversed(line.text.split(" ")) if "ג" in word]
    assert words == [f"דג{number}בא" for number in range(4_000)]
