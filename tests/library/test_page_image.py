import io
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image

from accounts.encryption.files import CHUNK
from documents import blobs, page_images
from documents.models import Document, DocumentVersion
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
    monkeypatch.setattr(page_images, "_RENDERER", (str(hanging),))
    monkeypatch.setattr(page_images, "_SECONDS", 0.3)
    with pytest.raises(page_images.NoPicture):
        page_images.page_image(pdf_document.versions.get(), 1)


def test_a_page_of_a_large_file_is_drawn_without_decrypting_the_rest(make_document: MakeDocument) -> None:
    """Chunks of the stored file are destroyed; the pages that do not need them can still be drawn."""
    noise = [Image.effect_noise((600, 800), 200) for _ in range(12)]
    out = io.BytesIO()
    noise[0].save(out, "PDF", save_all=True, append_images=noise[1:], resolution=72, quality=95)
    content = out.getvalue()
    assert len(content) > 20 * CHUNK
    document = make_document(
        content=content, media_type="application/pdf", pages=tuple("pages" for _ in noise), width=600, height=800
    )
    version = document.versions.get()
    with default_storage.open(version.blob, "r+b") as stored:
        stored.seek(len(content) // 2)
        stored.write(bytes(2 * CHUNK))
    drawn = [number for number in range(1, 13) if is_drawn(version, number)]
    assert {1, 2, 11, 12} < set(drawn) < set(range(1, 13))


def is_drawn(version: DocumentVersion, number: int) -> bool:
    try:
        picture = Image.open(io.BytesIO(page_images.page_image(version, number)))
    except page_images.NoPicture:
        return False
    return len(picture.convert("L").getcolors(256) or []) > 100


@pytest.mark.parametrize(
    "deed",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "bytearray(4 * 1024**3)",
        "open(sys.argv[2] + '.new', 'wb', buffering=0).write(b'x')",
    ],
    ids=["network", "memory", "disk"],
)
def test_a_renderer_in_the_hands_of_a_file_can_do_little(pdf_document: Document, tmp_path: Path, deed: str) -> None:
    """The renderer's own program, with the deed in place of opening the file."""
    program = tmp_path / "hostile.py"
    program.write_text(
        "import socket, sys\n"
        "from documents import render_page\n"
        f"def hostile(*_, **__): {deed}; print('done')\n"
        "render_page.pypdfium2.PdfDocument = hostile\n"
        "render_page.main(int(sys.argv[1]), 1)\n"
    )
    target = tmp_path / "file"
    version = pdf_document.versions.get()
    with blobs.sealed(version.blob, owner_id=version.owner_id) as file:
        done = subprocess.run(
            [sys.executable, str(program), str(file.descriptor), str(target)],
            pass_fds=[file.descriptor],
            input=file.key,
            capture_output=True,
            check=False,
            env={"PYTHONPATH": str(Path(page_images.__file__).parent.parent)},
        )
    assert done.returncode == 1
    assert b"done" not in done.stdout
    assert any(refused in done.stderr for refused in (b"PermissionError", b"MemoryError", b"File too large"))
    assert not (tmp_path / "file.new").exists() or (tmp_path / "file.new").stat().st_size == 0
