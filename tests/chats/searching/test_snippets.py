import pytest

from chats.searching.snippets import readable


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("# The *morning* **tide**", "The morning tide"),
        ("_Gull_ and __tern__ and ~~crow~~", "Gull and tern and crow"),
        ("so $a^2$ is, and $$b$$ too", "so a^2 is, and b too"),
        ("- [ ] `a_b` of 2 * 3, a*b*c and snake_case_here", "a_b of 2 * 3, a*b*c and snake_case_here"),
        ("$5 and $6", "$5 and $6"),
        ("7$ and 8$", "7$ and 8$"),
        ("*all of it*, (*some*) and *this*.", "all of it, (some) and this."),
        ("> [a page](https://example.org) says [1]\n```python\nx = 1\n```", "a page says x = 1"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a b 1 2"),
    ],
)
def test_a_snippet_is_read_without_the_marks_of_markdown(written: str, read: str) -> None:
    assert readable(written) == read
