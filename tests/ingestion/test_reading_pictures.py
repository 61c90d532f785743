"""Pictures: the words in them, upright and on paper, and none where there are none."""

import io
import shutil

import pytest
from PIL import Image, ImageDraw, ImageFont

from documents.errors import CorruptFile, NoText, TooLarge
from tests.ingestion.conftest import Read

pytestmark = pytest.mark.skipif(not shutil.which("tesseract"), reason="Tesseract is not installed")

WORDS = "The ferry leaves at half past seven"


def words(*, mode: str = "L", ink: object = 0, paper: object = 255) -> Image.Image:
    picture = Image.new(mode, (1300, 160), paper)
    ImageDraw.Draw(picture).text((40, 50), WORDS, fill=ink, font=ImageFont.load_default(size=52))
    return picture


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(("form", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("WEBP", "a.webp"), ("BMP", "a.bmp")])
def test_the_words_in_a_picture_are_read(read: Read, form: str, name: str) -> None:
    (page,), remarks = read(saved(words(), form), name)
    assert WORDS in page.text
    assert not remarks


def test_a_photograph_that_lies_on_its_side_is_turned_first(read: Read) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn it clockwise to see it"
    content = saved(words().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    (page,), _ = read(content, "a.jpg")
    assert WORDS in page.text


def test_what_is_transparent_is_white(read: Read) -> None:
    (page,), _ = read(saved(words(mode="RGBA", ink=(0, 0, 0, 255), paper=(0, 0, 0, 0)), "PNG"), "a.png")
    assert WORDS in page.text


def test_sixteen_bits_of_grey_are_read(read: Read) -> None:
    deep = words().convert("I").point(lambda value: value * 256).convert("I;16")
    (page,), _ = read(saved(deep, "PNG"), "a.png")
    assert WORDS in page.text


def test_each_sheet_of_a_fax_is_a_page(read: Read) -> None:
    blank = Image.new("L", (1300, 160), 255)
    content = saved(words(), "TIFF", save_all=True, append_images=[blank, words()])
    pages, _ = read(content, "a.tiff")
    assert [WORDS in page.text for page in pages] == [True, False, True]


def test_no_words_are_invented(read: Read) -> None:
    noise = Image.effect_noise((600, 400), 80)
    with pytest.raises(NoText) as caught:
        read(saved(noise, "PNG"), "a.png")
    assert "No words could be made out" in caught.value.text


def test_a_picture_that_breaks_off_is_refused_with_a_sentence(read: Read) -> None:
    with pytest.raises(CorruptFile):
        read(saved(Image.effect_noise((600, 400), 80), "PNG")[:5000], "a.png")


def test_a_picture_that_is_vast_when_decoded_is_refused_before(read: Read) -> None:
    with pytest.raises(TooLarge) as caught:
        read(saved(Image.new("1", (20_000, 20_000)), "PNG"), "a.png")
    assert "Make it smaller" in caught.value.text
