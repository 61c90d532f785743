"""How things are set in the PDF: tables, formulas, lists, code and notes."""

import pytest
from pypdfium2 import raw as pdfium

from chats.exchange.pdf import faces, flowing
from tests.chats.exchange.set_lines import document, line_with, set_in


@pytest.fixture(autouse=True, scope="module")
def fonts() -> None:
    faces.register()


def rows(*cells: list[str]) -> str:
    head, *others = (f"| {' | '.join(row)} |" for row in cells)
    return "\n".join([head, "|" + "---|" * len(cells[0]), *others])


class TestTables:
    LONG = "a long sentence that would take all of the room, as it did not know of the numbers beside it " * 2

    def test_no_number_is_broken_beside_a_long_text(self) -> None:
        numbers = ["357,592.00", "4,456,081,000,000", "1949-05-23", "Donaudampfschifffahrt"]
        text = rows(["What", "Area", "Product", "Founded", "Name"], [self.LONG, *numbers])
        shown = line_with(numbers[0], text)
        assert all(number in shown.text for number in numbers)
        assert shown.size == 9

    def test_what_stands_bold_is_measured_bold(self) -> None:
        heads = ["Internationalization", "Nachvollziehbarkeit", "Verantwortlichkeit", "Wirtschaftlichkeit"]
        assert all(head in line_with(heads[0], rows(heads, [self.LONG, "1", "2", "3"])).text for head in heads)

    def test_words_of_several_looks_are_one(self) -> None:
        word = "**4,456**,081,`000`,*000*"
        assert "4,456,081,000,000" in line_with("4,456", rows(["a", "b"], [self.LONG * 3, word])).text

    def test_where_all_words_are_too_long_the_type_is_smaller(self) -> None:
        numbers = [f"{number * 1_234_567:,}" for number in range(1, 13)]
        shown = line_with(numbers[0], rows([f"Q{number}" for number in range(1, 13)], numbers))
        assert all(number in shown.text for number in numbers)
        assert 5.5 <= shown.size < 9

    def test_beyond_what_can_be_read_words_break_and_nothing_is_lost(self) -> None:
        numbers = [f"{number * 1_234_567:,}" for number in range(10, 34)]
        lines = [line for line in set_in(rows(["Q"] * 24, numbers))[0] if line.size < 6]
        assert {line.size for line in lines} == {5.5}
        assert sorted(c for line in lines for c in line.text if c.isdigit()) == sorted(
            c for c in "".join(numbers) if c.isdigit()
        )

    def test_one_word_that_is_too_long_takes_no_room_from_the_others(self) -> None:
        text = rows(["Name", "Key"], ["4,456,081,000", "x" * 300])
        assert "4,456,081,000" in line_with("4,456", text).text

    def test_an_address_breaks_between_its_parts_and_leaves_a_sentence_its_room(self) -> None:
        address = "https://example.org/offers/2026/heat-pumps/catalogue.html?model=aw-12&size=large&year=2026"
        sentence = "a heat pump for the house with a buffer and a tank"
        heads = ["Firm", "Price", "What is in it", "Offer", "Terms"]
        text = rows(heads, ["Nord", "12,500.00", sentence, address, address])
        found = [line for line in set_in(text)[0] if line.size == 9]
        assert "12,500.00" in line_with("Nord", text).text
        assert any("a heat pump" in line.text for line in found)
        shown = "".join(line.text for line in found)
        assert all(part in shown for part in ("https://", "catalogue.", "pumps/", "large&", "12,500.00"))
        # Its lines end where its parts do, and nothing of it is lost.
        lines = [line.text.split()[-1] for line in set_in(rows(["n", "Offer"], ["1", address * 4]))[0]]
        assert sum(line[-1] in "/?&=.-" for line in lines) >= 2
        assert address * 4 in "".join(lines)

    def test_asian_text_breaks_anywhere(self) -> None:
        assert line_with("12,345,678", rows(["漢字", "n"], ["天地玄黄宇宙洪荒" * 40, "12,345,678"])).size == 9


def test_a_formula_that_is_displayed_in_a_paragraph_has_a_line_of_its_own() -> None:
    before, after = (line_with(part, r"Before \[ \int_0^1 x\,dx \] after.") for part in ("Before", "after."))
    assert before.x == after.x
    # Taller than a line of text is.
    assert before.y - after.y > 40
    assert [type(part).__name__ for part in flowing.blocks("a\n$$b$$\nc", 400)] == ["Text", "Displayed", "Text"]
    assert [type(part).__name__ for part in flowing.blocks(r"\[a\]", 400)] == ["Displayed"]
    assert [type(part).__name__ for part in flowing.blocks(r"x $$\frac{$$ y", 400)][:2] == ["Text", "Spacer"]


@pytest.mark.parametrize(
    ("typed", "shown"), [("- [x] done", "☑ done"), ("- [ ] done", "☐ done"), ("1. [ ] done", "☐ done")]
)
def test_a_thing_to_do_has_a_box_and_no_bullet(typed: str, shown: str) -> None:
    assert line_with("done", typed).text.split() == shown.split()


def test_a_list_has_both() -> None:
    text = "- [x] first\n- second\n  - [ ] third\n- fourth"
    marks = [line_with(part, text).text.split()[0] for part in ("first", "second", "third", "fourth")]
    assert marks == ["☑", "•", "☐", "•"]


def test_wide_numbers_stand_beside_their_items() -> None:
    text = "9998. first item\n9999. second\n10000. third"
    assert line_with("third", text).text.startswith("10000. third")
    assert line_with("first item", text).x >= 56


def test_lines_of_a_difference_are_told_apart_also_the_last() -> None:
    text = "```diff\n@@ -1 +1 @@\n same\n-old\n+new\n```"
    old, new, same, head = (line_with(part, text).colour for part in ("-old", "+new", "same", "@@"))
    assert old[0] > old[1] + 60
    assert new[1] > new[0] + 60
    assert len({old, new, same, head}) == 4


def test_code_has_as_many_lines_as_were_typed() -> None:
    lines = [line.text for line in set_in("```python\na = 1\n\nb = 2\n\n\n```")[0]]
    assert [line.strip() for line in lines if "=" in line] == ["a = 1", "b = 2"]
    assert len(flowing.blocks("```\na\n\nb\n```", 400)) == 5


def test_the_rule_above_notes_does_not_end_a_page() -> None:
    pages_with_rule = 0
    for lines in range(25, 45):
        for page in document("a[^1]" + "\n\nb" * lines + "\n\n[^1]: The note."):
            drawn = [bounds for found in page.get_objects([pdfium.FPDF_PAGEOBJ_PATH]) if (bounds := found.get_bounds())]
            if any(140 < right - left < 150 for left, _, right, _ in drawn):
                pages_with_rule += 1
                assert "The note." in page.get_textpage().get_text_bounded()
    assert pages_with_rule == 20


def test_a_heading_and_the_first_lines_of_a_long_paragraph_stay_on_the_page() -> None:
    found = set_in("a\n\n" * 12 + "# Head\n\n" + "word " * 900)
    first = [line.text for line in found[0]]
    assert "Head" in first
    assert sum(line.startswith("word") for line in first) > 10
    assert sum(line.text.count("word") for page in found for line in page) == 900


def test_a_heading_goes_along_with_a_paragraph_of_which_no_two_lines_have_room() -> None:
    for lines in range(20, 40):
        for page in set_in("a\n\n" * lines + "# Head\n\n" + "word " * 60):
            shown = [line.text for line in page]
            if "Head" in shown:
                assert shown[shown.index("Head") + 1].startswith("word")


@pytest.mark.parametrize(
    ("text", "is_told"), [("नमस्ते", True), ("ہے", True), ("a □ b 天 سلام שלום 👩🏽‍💻 \u200f", False)]
)
def test_the_file_tells_of_characters_that_no_font_has(text: str, is_told: bool) -> None:
    lines = [line.text for line in set_in(text)[0]]
    assert any("in none of the fonts" in line for line in lines) is is_told
