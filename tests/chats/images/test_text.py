"""The text in a picture, for the question: read by a worker in its own confinement, where Tesseract is installed."""

import io
import shutil
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from PIL import Image, ImageDraw, ImageFont

from accounts.audit import Action
from accounts.audit.models import AuditEvent
from chats.images import recognise, text
from chats.images.models import Picture
from chats.images.tasks import read_text

from .conftest import HTMX, Add, image

pytestmark = pytest.mark.django_db(transaction=True)

needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Tesseract")


def page_of(words: str) -> bytes:
    picture = Image.new("RGB", (1000, 260), "white")
    font = ImageFont.truetype("chats/exchange/pdf/fonts/DejaVuSans.ttf", 44)
    ImageDraw.Draw(picture).multiline_text((40, 40), words, fill="black", font=font, spacing=20)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@needs_tesseract
def test_the_text_is_asked_for_and_comes(page: Client, add: Add) -> None:
    picture = add(page_of("The ferry leaves\nfrom the north pier."))
    address = f"/images/{picture.pk}/text"
    assert page.post(address, **HTMX).status_code == 202
    assert page.get(address, **HTMX).status_code == 202
    read_text(str(picture.pk))
    there = page.get(address, **HTMX)
    assert there.status_code == 200
    assert there["Content-Type"].startswith("text/plain")
    assert there.content.decode() == "The ferry leaves\nfrom the north pier."
    assert page.post(address, **HTMX).status_code == 200
    AuditEvent.objects.get(action=Action.CHAT_IMAGE_READ)


@needs_tesseract
def test_a_picture_without_text_says_so(page: Client, add: Add) -> None:
    picture = add(image())
    text.ask(picture)
    read_text(str(picture.pk))
    response = page.get(f"/images/{picture.pk}/text", **HTMX)
    assert response.status_code == 422
    assert response.content.decode() == "No text was found in this picture."


def test_where_tesseract_is_missing_the_answer_says_what_to_install(
    page: Client, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    picture = add(image())
    text.ask(picture)
    read_text(str(picture.pk))
    said = page.get(f"/images/{picture.pk}/text", **HTMX).content.decode()
    assert "Tesseract is not installed" in said
    assert "apt install tesseract-ocr" in said
    # Once it is installed, asking again helps.
    assert page.post(f"/images/{picture.pk}/text", **HTMX).status_code == 202


def test_a_reader_that_dies_costs_the_text_and_nothing_else(
    page: Client, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "_PROGRAM", ("-c", "import os; os.abort()"))
    picture = add(image())
    text.ask(picture)
    read_text(str(picture.pk))
    assert "could not be read. The picture is kept." in page.get(f"/images/{picture.pk}/text").content.decode()
    assert Picture.objects.filter(pk=picture.pk).exists()


def test_a_broker_that_is_away_is_said(page: Client, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OSError

    monkeypatch.setattr(current_app.tasks["chats.images.tasks.read_text"], "delay", away)
    assert page.post(f"/images/{add().pk}/text", **HTMX).status_code == 422


def test_nobody_elses_picture_is_read(strangers_page: Client, add: Add) -> None:
    picture = add()
    assert strangers_page.post(f"/images/{picture.pk}/text").status_code == 404
    read_text(str(picture.pk))
    picture.refresh_from_db()
    assert picture.reading == Picture.Reading.NOT_ASKED


def test_lines_and_paragraphs_stay_and_scribbles_do_not() -> None:
    head = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"
    rows = [
        (1, 1, 1, 96, "Total"),
        (1, 1, 1, 90, "12"),
        (1, 1, 2, 88, "Paid"),
        (2, 1, 1, 12, "~~"),
        (2, 1, 1, 80, "End"),
    ]
    table = head + "".join(f"5\t1\t{b}\t{p}\t{n}\t1\t0\t0\t1\t1\t{c}\t{w}\n" for b, p, n, c, w in rows)
    assert recognise.text_of(table) == "Total 12\nPaid\n\nEnd"
