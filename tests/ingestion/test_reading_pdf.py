"""PDF: the words of each page, in order, with their places."""

import io
import shutil

import pypdfium2
import pytest
from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFont

from documents.errors import CorruptFile, EncryptedFile, NoText, TooLarge
from documents.ingestion.splitting import boxes_of
from documents.reading.formats.pdf_lines import Line, Word
from documents.reading.formats.pdf_text import assemble
from documents.reading.limits import Limits
from tests.files import samples
from tests.ingestion.conftest import Read

needs_tesseract = pytest.mark.skipif(not shutil.which("tesseract"), reason="Tesseract is not installed")


def dark_share(content: bytes, box: list[float]) -> float:
    """How much of a box of [page, x0, y0, x1, y1] is ink when the page is shown."""
    page, x0, y0, x1, y1 = box
    document = pypdfium2.PdfDocument(io.BytesIO(content))
    picture = document[int(page) - 1].render(scale=4, grayscale=True).to_pil()
    region = picture.crop(tuple(round(4 * value) for value in (x0, y0, x1, y1)))
    histogram = region.histogram()
    return sum(histogram[:128]) / max(1, sum(histogram))


def words_within(content: bytes, box: list[float]) -> str:
    """What pdfium itself finds inside a box, on a page that is not turned."""
    page, x0, y0, x1, y1 = box
    opened = pypdfium2.PdfDocument(io.BytesIO(content))[int(page) - 1]
    height = opened.get_height()
    return str(opened.get_textpage().get_text_bounded(x0 - 0.5, height - y1 - 0.5, x1 + 0.5, height - y0 + 0.5)).strip()


def test_each_fact_stands_on_its_own_page(read: Read) -> None:
    pages, remarks = read(samples.handbook(24), "handbook.pdf")
    assert len(pages) == 24
    assert not remarks
    for page in pages:
        text = " ".join(page.text.split())
        assert samples.fact(page.number) in text
        assert samples.fact(page.number % 24 + 1) not in text
        assert (page.width, page.height) == (pytest.approx(595.3, abs=0.1), pytest.approx(841.9, abs=0.1))


def test_the_boxes_of_a_phrase_hold_its_words_and_their_ink(read: Read) -> None:
    content = samples.handbook(3)
    pages, _ = read(content, "handbook.pdf")
    page = pages[1]
    start = page.text.index("Groups of more")
    phrase = page.text[start : page.text.index("found for them.", start) + len("found for them.")]
    boxes = boxes_of(page, start, start + len(phrase))
    assert len(boxes) == 2  # the phrase goes over a line end
    assert " ".join(words_within(content, box) for box in boxes).split() == phrase.split()
    assert all(box[0] == 2 and 0 < box[1] < box[3] < page.width and 0 < box[2] < box[4] < page.height for box in boxes)
    assert all(0.1 < dark_share(content, box) < 0.9 for box in boxes)


def test_boxes_follow_a_page_that_is_turned(read: Read) -> None:
    content = samples.rotated()
    (page,), _ = read(content, "rotated.pdf")
    assert page.width > page.height
    assert page.text == "Turned by a quarter"
    boxes = boxes_of(page, 0, len("Turned"))
    assert len(boxes) == 1
    assert 0.1 < dark_share(content, boxes[0]) < 0.9
    _, x0, y0, x1, y1 = boxes[0]
    assert y1 - y0 > x1 - x0
    assert dark_share(content, [1, 100, 200, 400, 500]) == 0


def test_words_divided_at_line_ends_are_joined(read: Read) -> None:
    (page,), _ = read(samples.hyphenated(), "a.pdf")
    assert page.text.split() == (
        "The committee gave its permission for the efficient use of the well-known North-South line.".split()
    )
    start = page.text.index("permission")
    assert len({box[2] for box in boxes_of(page, start, start + len("permission"))}) == 2  # on two lines


def test_ligatures_soft_hyphens_and_halves_of_characters_are_made_whole() -> None:
    words = ["e\ufb03cient", "co\u00adoperation", "\ud83d\ude00", "a\u00a0b"]
    line = Line([(Word(word, 10 * i, 0, 10 * i + 9, 8), True) for i, word in enumerate(words)], size=10)
    found = assemble([line], [], limit=10_000)
    assert found.text == "efficient cooperation \U0001f600 a b"
    assert [found.text[word.start : word.end] for word in found.words] == [
        "efficient",
        "cooperation",
        "\U0001f600",
        "a b",
    ]


def test_headings_come_from_the_outline(read: Read) -> None:
    pages, _ = read(samples.handbook(5), "handbook.pdf")
    assert [heading.text for heading in pages[0].headings] == ["Chapter 1: Alder Bay", "Record 1"]
    assert [heading.level for heading in pages[0].headings] == [1, 2]
    start = pages[0].headings[0].start
    assert pages[0].text[start:].startswith("Chapter 1: Alder Bay")


@pytest.mark.parametrize("content", [samples.handbook(2)[:2000], b"%PDF-1.7\nnothing of the kind"])
def test_a_damaged_pdf_is_refused_with_a_sentence(read: Read, content: bytes) -> None:
    with pytest.raises((CorruptFile, NoText)) as caught:
        read(content, "a.pdf")
    assert caught.value.text.endswith(".")


def test_a_pdf_with_a_password_is_refused_as_such(read: Read) -> None:
    with pytest.raises(EncryptedFile):
        read(samples.encrypted(), "a.pdf")


def test_a_pdf_of_empty_pages_holds_no_text(read: Read) -> None:
    with pytest.raises(NoText):
        read(samples.blank(), "a.pdf")


def test_more_pages_than_allowed_are_refused(read: Read) -> None:
    with pytest.raises(TooLarge) as caught:
        read(samples.handbook(6), "a.pdf", Limits(pages=5))
    assert "6 pages" in caught.value.text


@needs_tesseract
def test_a_scanned_page_is_recognised_with_the_places_of_its_words(read: Read) -> None:
    content = samples.scanned("The kettle has a warranty of thirty months")
    (page,), remarks = read(content, "scan.pdf")
    assert "warranty of thirty months" in page.text
    assert not remarks
    start = page.text.index("warranty")
    (box,) = boxes_of(page, start, start + len("warranty"))
    assert 0.05 < dark_share(content, box) < 0.9


@needs_tesseract
def test_a_scan_with_a_stamp_in_letters_of_its_own_is_recognised_too(read: Read) -> None:
    picture = Image.new("L", (1600, 2200), 255)
    for line in range(6):
        words = f"Line {line}: the kettle has a warranty of thirty months"
        ImageDraw.Draw(picture).text((80, 300 + line * 150), words, fill=0, font=ImageFont.load_default(size=52))
    pdf = FPDF(format="A4")
    pdf.add_page()
    pdf.image(picture, x=0, y=0, w=210)
    pdf.set_font("Helvetica", size=10)
    pdf.text(10, 10, "Received 12 May")
    (page,), _ = read(bytes(pdf.output()), "a.pdf")
    assert page.text.count("warranty of thirty months") == 6


def test_pages_that_cannot_be_recognised_are_named(read: Read) -> None:
    pages, remarks = read(samples.scanned(and_text_page=True), "scan.pdf", Limits(recognised_pages=0))
    assert [bool(page.text) for page in pages] == [True, False]
    assert remarks == ["Page 2 holds only pictures, which could not be read as text."]


def test_a_scan_that_cannot_be_recognised_says_so(read: Read) -> None:
    with pytest.raises(NoText) as caught:
        read(samples.scanned(), "scan.pdf", Limits(recognised_pages=0))
    assert "only pictures" in caught.value.text


def test_a_picture_named_like_a_pdf_never_reaches_the_reader(read: Read) -> None:
    picture = io.BytesIO()
    Image.new("L", (4, 4)).save(picture, "PNG")
    with pytest.raises(Exception, match=r"named \.pdf but holds a picture"):
        read(picture.getvalue(), "a.pdf")
