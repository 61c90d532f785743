import io
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from PIL import Image

from documents import blobs, page_images
from documents.models import Document
from tests.library.conftest import PAGE_COLOURS, MakeDocument

RGB = {"red": (254, 0, 0), "lime": (0, 255, 1), "blue": (0, 0, 254)}


def image_url(document: Document, page: int) -> str:
    return f"/documents/{document.pk}/versions/1/pages/{page}/image.png"


def near(pixel: tuple[int, ...], colour: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("page", [1, 2, 3])
def test_the_picture_is_that_of_the_page(owners_client: Client, pdf_document: Document, page: int) -> None:
    response = owners_client.get(image_url(pdf_document, page))
    picture = Image.open(io.BytesIO(response.content)).convert("RGB")
    assert response["Content-Type"] == "image/png"
    assert "private" in response["Cache-Control"]
    assert picture.width / picture.height == pytest.approx(300 / 400, abs=0.01)
    assert near(picture.getpixel((picture.width // 2, picture.height // 2)), RGB[PAGE_COLOURS[page - 1]])


def test_a_picture_is_drawn_once(owners_client: Client, pdf_document: Document) -> None:
    first = owners_client.get(image_url(pdf_document, 1)).content
    # Without the file nothing can be drawn again.
    blobs.delete(pdf_document.versions.get().blob)
    assert owners_client.get(image_url(pdf_document, 1)).content == first
    assert owners_client.get(image_url(pdf_document, 2)).status_code == 404


@pytest.mark.parametrize("page", [0, 4, 999999999])
def test_a_page_that_is_not_there_is_not_found(owners_client: Client, pdf_document: Document, page: int) -> None:
    assert owners_client.get(image_url(pdf_document, page)).status_code == 404


def test_a_page_beyond_the_end_of_an_unread_file_is_not_found(owners_client: Client, pdf_document: Document) -> None:
    pdf_document.versions.update(page_count=0)
    assert owners_client.get(image_url(pdf_document, 4)).status_code == 404


@pytest.mark.parametrize("content", [b"%PDF-1.7 and then nothing", b"not a PDF at all"])
def test_a_broken_file_gives_no_picture(owners_client: Client, make_document: MakeDocument, content: bytes) -> None:
    document = make_document(content=content, media_type="application/pdf", width=100, height=100)
    assert owners_client.get(image_url(document, 1)).status_code == 404


def test_a_renderer_that_hangs_is_ended(
    pdf_document: Document, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging = tmp_path / "hanging.py"
    hanging.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(page_images, "_RENDERER", hanging)
    monkeypatch.setattr(page_images, "_SECONDS", 0.3)
    with pytest.raises(page_images.NoPicture):
        page_images.page_image(pdf_document.versions.get(), 1)


def test_the_renderer_may_take_little_and_write_nothing() -> None:
    program = (
        "import sys, resource; sys.path.insert(0, 'documents'); import render_page; render_page.limit();"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0] < 2**31, resource.getrlimit(resource.RLIMIT_CPU)[0],"
        "resource.getrlimit(resource.RLIMIT_FSIZE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "20", "0"]
