"""How things are set in the PDF."""

import pytest

from chats.exchange.pdf import faces
from tests.chats.exchange.set_lines import line_with, set_in


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

    def test_asian_text_breaks_anywhere(self) -> None:
        assert line_with("12,345,678", rows(["漢字", "n"], ["天地玄黄宇宙洪荒" * 40, "12,345,678"])).size == 9
