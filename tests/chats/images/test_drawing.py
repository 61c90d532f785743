"""What is kept of a picture: its pixels and nothing else, in bounded sizes; and what is refused, in words."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from chats.images import drawing
from chats.images.errors import PictureRefused

from .conftest import image

KEPT = "Your question and the other pictures are kept."


def drawn(content: bytes) -> drawing.Drawn:
    return drawing.draw(io.BytesIO(content))


def refusal(content: bytes) -> str:
    with pytest.raises(PictureRefused) as refused:
        drawn(content)
    return refused.value.text


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def with_place() -> bytes:
    """A photograph that says where it was taken, with which camera, and that it was held sideways."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "CameraOfMine"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    out = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(out, "JPEG", exif=exif, comment=b"secret comment")
    return out.getvalue()


def test_where_and_with_what_it_was_taken_is_gone_and_it_stands_upright() -> None:
    content = with_place()
    assert b"CameraOfMine" in content
    found = drawn(content)
    assert (found.width, found.height) == (200, 300)
    for part in found.parts.values():
        assert not opened(part).getexif()
        assert b"CameraOfMine" not in part
        assert b"secret comment" not in part


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "BMP", "JPEG"])
def test_every_usual_kind_becomes_jpeg_or_png(form: str) -> None:
    found = drawn(image(form=form))
    assert (found.width, found.height) == (320, 200)
    assert found.media_type in {"image/jpeg", "image/png"}
    assert opened(found.parts["full"]).size == (320, 200)
    assert opened(found.parts["small"]).format == "JPEG"
    assert "sight" not in found.parts


def test_text_inside_a_png_is_gone() -> None:
    about = PngImagePlugin.PngInfo()
    about.add_text("Location", "the secret harbour")
    about.add_itxt("XML:com.adobe.xmp", "the secret harbour")
    found = drawn(image(pnginfo=about))
    assert all(b"secret harbour" not in part for part in found.parts.values())


def test_what_hides_behind_a_picture_is_gone() -> None:
    found = drawn(image() + b"a ZIP file that nobody sees")
    assert all(b"nobody sees" not in part for part in found.parts.values())


def test_colours_of_a_wide_screen_are_taken_over_and_the_profile_is_not() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = drawn(image(colour=(10, 200, 90), form="JPEG", icc_profile=profile, quality=95))
    assert "icc_profile" not in opened(found.parts["full"]).info
    pixel: Any = opened(found.parts["full"]).convert("RGB").getpixel((5, 5))
    assert all(abs(got - wanted) < 6 for got, wanted in zip(pixel, (10, 200, 90), strict=True))


def test_a_large_picture_is_kept_smaller_and_shown_to_models_smaller_still() -> None:
    found = drawn(image((4000, 1000), form="JPEG"))
    assert (found.width, found.height) == (2560, 640)
    assert max(opened(found.parts["sight"]).size) == 1280
    assert max(opened(found.parts["small"]).size) == 480


def test_holes_stay_holes_and_are_white_in_the_preview() -> None:
    found = drawn(image(colour=(0, 0, 0, 0), mode="RGBA"))
    assert found.media_type == "image/png"
    assert opened(found.parts["full"]).mode == "RGBA"
    assert opened(found.parts["small"]).getpixel((5, 5)) == (255, 255, 255)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that would unpack to gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(10_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_by_what_its_head_says() -> None:
    content = bomb(60_000, 60_000)
    assert len(content) < 20_000
    said = refusal(content)
    assert "more than 60 million pixels" in said
    assert said.endswith(KEPT)


def test_the_most_pixels_are_a_setting(settings: Any) -> None:
    settings.IMAGE_MAX_MEGAPIXELS = 1
    assert "more than 1 million pixels" in refusal(image((1200, 1000)))


def test_a_bomb_that_lies_about_its_size_ends_within_the_bounds_of_its_process() -> None:
    # The rows hold far more than the head says; what is too much is not unpacked.
    found = drawn(bomb(1000, 1000))
    assert (found.width, found.height) == (1000, 1000)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "This file is empty"),
        (b"%PDF-1.7 and so on", "This is a PDF: add it under Documents"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "SVG"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"PK\x03\x04 a document", "no picture that can be shown"),
        (b"just words", "no picture that can be shown"),
        (image()[:60], "damaged"),
        (image((400, 400), form="JPEG")[:300], "damaged"),
    ],
    ids=["empty", "pdf", "heic", "svg", "tiff", "zip", "text", "half a png", "half a jpeg"],
)
def test_other_files_are_refused_with_a_sentence(content: bytes, words: str) -> None:
    said = refusal(content)
    assert words in said
    assert said.endswith(KEPT)


def test_a_program_that_dies_is_a_damaged_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_PROGRAM", ("-c", "import os; os.abort()"))
    assert "damaged" in refusal(image())


@pytest.mark.parametrize(
    "said",
    [
        "not json",
        '{"type": "text/html", "width": 1, "height": 1, "parts": {"full": 3, "small": 3}}\\nabcdef',
        '{"type": "image/png", "width": 1, "height": 1, "parts": {"full": 3, "small": 3}}\\nabcdef',
        '{"type": "image/png", "width": 99999, "height": 1, "parts": {"full": 3, "small": 3}}\\nabcdef',
        '{"type": "image/png"}',
        "[]",
    ],
)
def test_a_program_in_a_stranger_s_hands_is_not_believed(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_PROGRAM", ("-c", f"print('''{said}''')"))
    assert "damaged" in refusal(image())


_ATTACK = """
import os, socket, sys
from chats.images import redraw

def attempt(*_):
    found = {}
    for name, act in {
        "a file": lambda: open("/etc/passwd").read(),
        "the project": lambda: os.listdir("."),
        "the network": lambda: socket.create_connection(("127.0.0.1", 1), 1),
        "a program": lambda: os.system("true") == 0 or None,
        "a fork": os.fork,
        "the environment": lambda: os.environ["SECRET_KEY"],
    }.items():
        try:
            if act() is not None:
                found[name] = True
        except (OSError, KeyError):
            pass
    return {"refused": ",".join(found)}, []

redraw._drawn = attempt
sys.exit(redraw.main(1))
"""


def test_whoever_takes_over_the_program_reaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from documents.reading import confine

    if not all(confine.examine().values()):
        pytest.skip("this kernel confines nothing")
    said: list[object] = []
    monkeypatch.setattr(drawing, "_PROGRAM", ("-c", _ATTACK))
    monkeypatch.setattr(drawing, "_refusal", lambda why: said.append(why) or PictureRefused("It was refused."))
    assert refusal(image()) == "It was refused."
    assert said == [""]
