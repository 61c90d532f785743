"""Passages are exact parts of a page, of a bounded size, cut where a reader would."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from documents.ingestion.running import Body, bodies
from documents.ingestion.splitting import Splitter, boxes_of
from documents.reading.pages import Heading, ReadPage, Span, WordBox

SENTENCES = [f"Sentence number {n} tells of thing {n * 31} and of little else." for n in range(60)]


def pieces_of(page: ReadPage, *, size: int = 400, overlap: int = 100) -> list[tuple[str, str]]:
    found = Splitter(size=size, overlap=overlap).split(Body(page, 0, len(page.text)))
    return [(page.text[piece.start : piece.end], piece.heading) for piece in found]


def test_passages_end_at_sentences_and_repeat_the_last_ones() -> None:
    pieces = pieces_of(ReadPage(number=1, text=" ".join(SENTENCES)))
    assert len(pieces) > 5
    assert all(len(text) <= 400 and text.endswith(".") for text, _ in pieces)
    for (before, _), (after, _) in pairwise(pieces):
        assert before.rpartition("Sentence")[2] == after[len("Sentence") :].partition(" Sentence")[0]


def test_a_heading_begins_a_passage_and_names_those_below_it() -> None:
    text = f"Rules\n\n{' '.join(SENTENCES[:8])}\n\nDogs\n\n{' '.join(SENTENCES[8:16])}"
    page = ReadPage(number=1, text=text, headings=[Heading(0, 1, "Rules"), Heading(text.index("Dogs"), 2, "Dogs")])
    pieces = pieces_of(page)
    starts = [content for content, _ in pieces if content.startswith(("Rules", "Dogs"))]
    assert len(starts) == 2
    assert {heading for content, heading in pieces if SENTENCES[9] in content} == {"Rules › Dogs"}
    assert {heading for content, heading in pieces if SENTENCES[2] in content} == {"Rules"}


def test_headings_hold_across_pages_until_the_next_of_their_level() -> None:
    splitter = Splitter(size=400, overlap=100)
    first = ReadPage(number=1, text=f"One\n\n{SENTENCES[0]}", headings=[Heading(0, 1, "One")])
    second = ReadPage(number=2, text=SENTENCES[1])
    third = ReadPage(number=3, text=f"Two\n\n{SENTENCES[2]}", headings=[Heading(0, 1, "Two")])
    headings = [splitter.split(Body(page, 0, len(page.text)))[0].heading for page in (first, second, third)]
    assert headings == ["One", "One", "Two"]


def test_a_table_is_kept_whole_up_to_three_passages() -> None:
    table = "\n".join(f"row {n} | {n * 3}" for n in range(60))
    text = f"{SENTENCES[0]}\n\n{table}\n\n{SENTENCES[1]}"
    start = text.index("row 0")
    page = ReadPage(number=1, text=text, solids=[Span(start, start + len(table))])
    assert any(table in content for content, _ in pieces_of(page))
    assert len(table) > 400


@settings(max_examples=150)
@given(
    st.text(alphabet=st.sampled_from("ab. \n\t!?。•-é漢\u200b"), max_size=3_000),
    st.integers(min_value=50, max_value=500),
    st.integers(min_value=0, max_value=200),
)
def test_whatever_the_text_passages_cover_it_and_stay_small(text: str, size: int, overlap: int) -> None:
    page = ReadPage(number=1, text=text)
    found = Splitter(size=size, overlap=overlap).split(Body(page, 0, len(text)))
    assert all(0 <= piece.start < piece.end <= len(text) for piece in found)
    assert all(piece.end - piece.start <= 2 * size + 80 for piece in found)
    covered = {position for piece in found for position in range(piece.start, piece.end)}
    missed = [text[position] for position in range(len(text)) if position not in covered]
    assert not any(character.isalnum() for character in missed)


@settings(max_examples=50)
@given(st.lists(st.text(alphabet="ab1 \n", max_size=60), max_size=8))
def test_bodies_come_in_order_and_lie_within_their_pages(texts: list[str]) -> None:
    pages = [ReadPage(number=n + 1, text=text, width=100.0) for n, text in enumerate(texts)]
    found = list(bodies(pages))
    assert [body.page for body in found] == pages
    assert all(0 <= body.start <= body.end <= len(body.page.text) for body in found)


def test_boxes_merge_the_words_of_a_line() -> None:
    words = [WordBox(0, 3, 10, 10, 30, 20), WordBox(4, 7, 33, 11, 50, 20), WordBox(8, 13, 10, 25, 40, 35)]
    page = ReadPage(number=4, text="one two\nthree", words=words)
    assert boxes_of(page, 0, 13) == [[4, 10, 10, 50, 20], [4, 10, 25, 40, 35]]
    assert boxes_of(page, 4, 5) == [[4, 33, 11, 50, 20]]
    assert boxes_of(page, 3, 4) == []
