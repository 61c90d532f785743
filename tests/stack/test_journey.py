"""A newcomer's whole way in a real browser: the set-up link, a PDF, a question, an answer, its source on its page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.stack import Stack
from tests.files.samples import fact, handbook
from tests.ollama_server import OllamaServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.stack, pytest.mark.browser]

PAGES = 24


@pytest.fixture(scope="module")
def fresh(model: OllamaServer) -> Iterator[Stack]:
    """An installation that nobody has set up, with no model server in reach."""
    with Stack(model_url="http://127.0.0.1:9", ADMIN_EMAIL="", ADMIN_PASSWORD="", LLM_PROVIDER="auto") as running:
        yield running


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "harbour handbook.pdf"
    path.write_bytes(handbook(PAGES))
    return path


def subject(page: int) -> str:
    """What the fact of a page is about."""
    return fact(page).removeprefix("The ").partition(" was opened")[0]


def upload(page: "Page", address: str, path: Path) -> None:
    page.goto(f"{address}/documents/")
    page.set_input_files("#upload-files", path)
    page.locator("tr.document", has_text="Ready").wait_for(timeout=60_000)
    assert page.locator("tr.document .document-pages").inner_text() == str(PAGES)


def delete(page: "Page", address: str) -> None:
    page.goto(f"{address}/documents/")
    page.locator("summary[aria-label^='Actions for']").first.click()
    page.locator("tr.document .menu-list .danger").first.click()
    page.locator("#confirm button.danger").click()
    page.locator("tr.document").wait_for(state="detached")


def ask(page: "Page", address: str, question: str) -> Any:
    page.goto(f"{address}/")
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.wait_for_url("**/chats/*")
    answer = page.locator("article.answer[data-status=done]")
    answer.wait_for(timeout=60_000)
    return answer


def assert_opens_its_page(page: "Page", answer: Any, expected_page: int) -> None:
    """A click on the mark shows the right page with the highlight over the words."""
    source = answer.locator(".sources .source", has_text=f"page {expected_page}")
    number = source.get_attribute("data-source")
    mark = answer.locator(f".cite a[data-citation='{number}']").first
    mark.click()
    panel = page.locator("#panel .passage")
    panel.wait_for()
    assert f"Page {expected_page} of {PAGES}" in panel.inner_text()
    assert fact(expected_page) in " ".join(panel.locator(".passage-quote").inner_text().split())
    picture, marked = panel.locator(".sheet img"), panel.locator(".sheet-marks rect").first
    picture.wait_for()
    assert picture.evaluate("async image => { await image.decode(); return image.naturalWidth }") > 300
    sheet, box = picture.bounding_box(), marked.bounding_box()
    assert sheet["x"] <= box["x"] < box["x"] + box["width"] <= sheet["x"] + sheet["width"] + 1
    assert sheet["y"] <= box["y"] < box["y"] + box["height"] <= sheet["y"] + sheet["height"] + 1
    panel.get_by_text("Open document").click()
    page.wait_for_url(f"**/pages/{expected_page}?*")
    assert page.locator("svg.sheet-marks rect").count() >= 1


def test_from_the_set_up_link_to_the_marked_passage(fresh: Stack, chromium: "Browser", pdf: Path) -> None:
    page = chromium.new_page()
    link = re.search(r"http://\S+/set-up/\S+", fresh.log.read_text(errors="replace"))
    assert link, "no set-up link was printed"
    address = link.group().partition("/set-up")[0]
    page.goto(link.group())
    page.fill("input[name=email]", "first@example.org")
    page.fill("input[name=name]", "First")
    for field in page.locator("input[type=password]").all():
        field.fill("a lighthouse keeps time")
    page.locator("main button[type=submit], main button:not([type])").first.click()
    page.wait_for_url(f"{address}/")
    upload(page, address, pdf)
    expected_page = 17
    answer = ask(page, address, f"How many keys does the {subject(expected_page)} keep?")
    assert fact(expected_page) in " ".join(answer.locator(".prose blockquote").first.inner_text().split())
    assert "no language model" in page.locator("body").inner_text().lower()
    assert_opens_its_page(page, answer, expected_page)
    page.goto(link.group())
    assert page.locator("input[name=email]").count() == 0, "the link works twice"
    page.context.close()


def test_with_a_model_the_answer_is_markdown_with_sources(
    stack: Stack, model: OllamaServer, chromium: "Browser", signed_in: Any, pdf: Path
) -> None:
    model.script(tokens=150, tokens_per_second=100)
    context = chromium.new_context(storage_state=signed_in)
    page = context.new_page()
    upload(page, stack.url, pdf)
    try:
        _asks_and_opens_the_source(page, stack, model)
    finally:
        delete(page, stack.url)  # other tests of this folder ask without documents
        context.close()


def _asks_and_opens_the_source(page: "Page", stack: Stack, model: OllamaServer) -> None:
    expected_page = 9
    question = f"When was the {subject(expected_page)} opened?"
    answer = ask(page, stack.url, question)
    assert answer.locator(".prose").locator("h1, h2, h3, ul, ol, strong").count() > 0
    request = [r for r in model.chats if r.messages[-1]["content"] == question][-1]
    assert fact(expected_page) in " ".join(request.messages[0]["content"].split())
    assert answer.locator(".cite a").count() > 0
    assert_opens_its_page(page, answer, expected_page)
