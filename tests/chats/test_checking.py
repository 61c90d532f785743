"""Marks of a finished answer are checked against their passages; wrong ones move, or go, and are counted."""

import pytest

from chats.answering.checking import Checked, check
from chats.answering.records import Source
from llms.builtin import embedder

TEXTS = [
    "The harbour was built of granite in 1871 by masons from the northern valley.",
    "Bread is baked at four in the morning from rye and wheat, and sold at six.",
    "The lighthouse keeper retired to a cottage by the sea after forty years of service.",
]


def source(number: int, text: str) -> Source:
    return Source(number, number, "version", "a.txt", 1, "", text)


SOURCES = [source(number, text) for number, text in enumerate(TEXTS, start=1)]


def test_a_right_mark_stays() -> None:
    text = "The harbour was built of granite in 1871 [1]. Bread is baked from rye and wheat [2]."

    assert check(text, SOURCES) == Checked(text, kept=2)


def test_a_wrong_mark_moves_to_the_passage_that_says_so() -> None:
    checked = check("The harbour was built of granite in 1871 [2].", SOURCES)

    assert checked.text == "The harbour was built of granite in 1871 [1]."
    assert checked.counts == {"kept": 0, "moved": 1, "removed": 0}
    assert checked.note == "1 citation was moved to the passage that says so"


def test_a_mark_at_something_no_passage_says_is_removed() -> None:
    checked = check("Parliament adopted the annual budget amendment unanimously [3].", SOURCES)

    assert checked.text == "Parliament adopted the annual budget amendment unanimously."
    assert checked.note == "1 citation was removed, as no passage says so"


def test_a_mark_of_no_passage_is_moved_or_removed() -> None:
    checked = check("Bread is baked at four in the morning [8]. Parliament adopted the budget amendment [9].", SOURCES)

    assert checked.text == "Bread is baked at four in the morning [2]. Parliament adopted the budget amendment."
    assert (checked.moved, checked.removed) == (1, 1)


def test_of_marks_that_stand_together_the_wrong_ones_go() -> None:
    checked = check("The harbour was built of granite in 1871 [1][3].", SOURCES)

    assert checked.text == "The harbour was built of granite in 1871 [1]."
    assert (checked.kept, checked.removed) == (1, 1)


def test_a_statement_reaches_back_to_the_sentence_or_line_before_it() -> None:
    text = "* The harbour was built of granite in 1871 [1]\n* Bread is baked from rye and wheat [2]\n"

    assert check(text, SOURCES).text == text


def test_what_says_too_little_to_be_judged_stays() -> None:
    text = "Yes [2]. In 1871 [3]."

    assert check(text, SOURCES).text == text


@pytest.mark.parametrize(
    "text",
    [
        "Der Hafen wurde im Jahr 1871 von Steinmetzen aus dem nördlichen Tal aus Granit gebaut [1].",
        "港口由来自北方山谷的石匠用花岗岩建造 [1]。",
    ],
    ids=["german", "chinese"],
)
def test_an_answer_in_another_language_than_the_passages_keeps_its_marks(text: str) -> None:
    assert check(text, SOURCES).text == text


@pytest.mark.parametrize(
    "text",
    [
        "Parliament adopted the annual budget:\n\n```python\nbudget = amendments[3]\n```\n",
        "Parliament adopted the annual budget amendment `rows[3]` there.",
        "Parliament adopted the annual [3](https://example.org) budget amendment.",
        "",
        "No mark at all.",
    ],
    ids=["block", "code", "link", "empty", "none"],
)
def test_what_is_no_mark_is_left_alone(text: str) -> None:
    assert check(text, SOURCES) == Checked(text)


def test_without_passages_nothing_is_checked() -> None:
    assert check("An array such as [1].", []) == Checked("An array such as [1].")


def test_a_paraphrase_keeps_its_mark() -> None:
    text = "Masons put up the granite harbour in 1871 [1]."

    assert check(text, SOURCES).text == text


def test_texts_without_words_do_not_break_it() -> None:
    assert check("… [1] [2] [3]", [source(1, ""), source(2, "…"), source(3, "   ")]).text
    assert embedder.cosines([1.0] + [0.0] * 255, []) == []
