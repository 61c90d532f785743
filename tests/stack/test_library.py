"""A folder of fifty files of many kinds, uploaded in a browser that is reloaded in the middle; then a question whose
answer cites three kinds of them.

LIBRARY_PICTURES=folder keeps pictures of the pages on the way. LIBRARY_FILES=folder uploads the files in it instead,
without the question.
"""

import io
import os
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from docx import Document as WordDocument
from pptx import Presentation

from bench.stack import ADMIN_EMAIL, ADMIN_PASSWORD, Stack
from tests.files.samples import pdf_with_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = [pytest.mark.stack, pytest.mark.browser]

# The same thing of which three kinds of files say something.
FACTS = {
    "pdf": "The brass telescope of Heron Mere was polished by the keeper Adelaide Finch in 1903.",
    "docx": "The brass telescope of Heron Mere stands in the upper gallery of the observatory.",
    "md": "The brass telescope of Heron Mere has a lens of forty centimetres from Jena.",
}
QUESTION = "What is known of the brass telescope of Heron Mere?"


def words(number: int) -> str:
    return f"Record {number} of the boatyard: {number * 7 + 3} oars were varnished on day {number} of the season."


def docx(text: str) -> bytes:
    document, file = WordDocument(), io.BytesIO()
    document.add_paragraph(text)
    document.save(file)
    return file.getvalue()


def xlsx(text: str) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["What", "Sum"])
    book.active.append([text, 4])
    book.save(file)
    return file.getvalue()


def pptx(text: str) -> bytes:
    slides, file = Presentation(), io.BytesIO()
    slide = slides.slides.add_slide(slides.slide_layouts[5])
    slide.shapes.title.text = text
    slides.save(file)
    return file.getvalue()


def eml(text: str) -> bytes:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Oars", "a@example.org", "b@example.org"
    mail.set_content(text)
    return bytes(mail)


MAKERS = {
    "pdf": lambda text: pdf_with_pages([text]),
    "docx": docx,
    "md": lambda text: f"# Record\n\n{text}\n".encode(),
    "txt": lambda text: text.encode(),
    "html": lambda text: f"<!doctype html><title>Record</title><p>{text}</p>".encode(),
    "csv": lambda text: f"what,sum\n{text.replace(',', ';')},3\nother,4\n".encode(),
    "xlsx": xlsx,
    "pptx": pptx,
    "eml": eml,
    "xml": lambda text: f'<?xml version="1.0"?><record><note>{text}</note></record>'.encode(),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty files in three folders, and what systems leave beside them."""
    root = tmp_path_factory.mktemp("files") / "harbour"
    kinds = list(MAKERS)
    for number in range(50):
        kind = kinds[number % len(kinds)]
        text = FACTS.get(kind, words(number)) if number < len(kinds) else words(number)
        path = root / ("", "boats", "boats/old")[number % 3] / f"record {number:02}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MAKERS[kind](text))
    (root / ".DS_Store").write_bytes(b"\0\1")
    (root / "boats" / "Thumbs.db").write_bytes(b"\0\1")
    return root


@pytest.fixture(scope="module")
def quoting() -> Iterator[Stack]:
    """An installation without a language model: its answers quote what was found, and cite it."""
    with Stack(model_url="http://127.0.0.1:9", LLM_PROVIDER="builtin", DEFAULT_MODEL="") as running:
        yield running


@pytest.fixture
def page(chromium: "Browser", quoting: Stack) -> Iterator["Page"]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    shown = context.new_page()
    shown.goto(f"{quoting.url}/accounts/login/")
    shown.fill("input[name=login]", ADMIN_EMAIL)
    shown.fill("input[name=password]", ADMIN_PASSWORD)
    shown.click("main button, form button[type=submit]")
    shown.wait_for_url(f"{quoting.url}/")
    # Leaving the page while it uploads is asked about.
    shown.on("dialog", lambda dialog: dialog.accept())
    yield shown
    context.close()


def picture(page: "Page", name: str) -> None:
    kept = os.environ.get("LIBRARY_PICTURES")
    for look, width in (("light", 1440), ("dark", 1440), ("light", 390)) if kept else ():
        page.emulate_media(color_scheme=look)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=Path(str(kept)) / f"{name}-{look}-{width}.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1440, "height": 900})


def choose(page: "Page", folder: Path) -> None:
    page.set_input_files("#upload-folder", folder)


def wait_until_read(page: "Page", count: int) -> None:
    page.get_by_text(f"of {count}", exact=False).first.wait_for(state="attached")
    page.locator(".reading").wait_for(state="detached", timeout=240_000)


def clear(page: "Page", address: str) -> None:
    """All of them in one request."""
    page.goto(f"{address}/documents/?length=200")
    page.locator("[data-mark-all] input").check()
    picture(page, "marked")
    page.locator("#several button[name=delete]").click()
    page.locator("#confirm button.danger").click()
    page.locator("tr.document").first.wait_for(state="detached")


def test_a_folder_is_uploaded_across_a_reload_and_cited(quoting: Stack, page: "Page", folder: Path) -> None:
    page.goto(f"{quoting.url}/documents/")
    picture(page, "empty")
    requests = 0

    def hold_the_third(route: "Route") -> None:
        nonlocal requests
        requests += 1
        if requests < 3:
            route.continue_()  # the others stay on their way until the page is left

    page.route("**/documents/upload", hold_the_third)
    choose(page, folder)
    page.locator(".upload-total .upload-words", has_text="40 of 50 sent").wait_for(timeout=60_000)
    page.locator("tr.document").first.wait_for()
    page.locator(".upload-line:not(.upload-total)").first.wait_for()
    assert page.locator(".upload-line:not(.upload-total)").count() == 10
    picture(page, "uploading")
    page.reload()
    unsent = page.locator("[data-unsent]")
    unsent.wait_for()
    assert "10 of 50 files were not sent when this page was left." in unsent.inner_text()
    assert page.locator("tr.document").count() == 40
    picture(page, "reloaded")
    page.unroute("**/documents/upload")
    choose(page, folder)
    present = page.locator("[data-group=present]")
    page.locator("[data-group=present] [data-count]", has_text=re.compile("^40$")).wait_for(timeout=60_000)
    assert "40 files were here already" in present.inner_text()
    assert unsent.count() == 0
    page.locator("tr.document").nth(49).wait_for(timeout=60_000)
    wait_until_read(page, 50)
    assert page.locator("tr.document").count() == 50
    assert page.locator("tr.document .badge.ok").count() == 50
    picture(page, "ready")
    _opens_three_kinds(quoting, page)
    clear(page, quoting.url)


def _opens_three_kinds(quoting: Stack, page: "Page") -> None:
    page.goto(f"{quoting.url}/")
    page.fill("#question", QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_url("**/chats/*")
    answer = page.locator("article.answer[data-status=done]")
    answer.wait_for(timeout=60_000)
    for kind, fact in FACTS.items():
        source = answer.locator(".sources .source", has_text=re.compile(rf"\.{kind}"))
        source.first.click()
        panel = page.locator("#panel .passage", has_text=re.compile(rf"\.{kind}"))
        panel.wait_for()
        assert fact in " ".join(panel.inner_text().split())
        assert panel.locator("mark, .sheet-marks rect").count() > 0, f"nothing is marked in the {kind}"
        picture(page, f"cited-{kind}")


GIVEN = os.environ.get("LIBRARY_FILES")
if GIVEN:  # to look at real files; nothing that could be skipped without them

    def test_a_given_folder_is_uploaded(quoting: Stack, page: "Page") -> None:
        page.goto(f"{quoting.url}/documents/")
        choose(page, Path(str(GIVEN)))
        page.locator("tr.document").first.wait_for(timeout=60_000)
        page.locator(".upload-total").wait_for(state="detached", timeout=300_000)
        picture(page, "given")
        page.locator(".reading").wait_for(state="detached", timeout=500_000)
        picture(page, "given-ready")
        clear(page, quoting.url)
