"""Import and export in Chromium: a file goes in, the page tells what became of it, and it comes out again."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from chats.exchange import working
from chats.exchange.models import ExchangeJob
from chats.models import Conversation
from tests.chats.exchange.samples import as_file, chatgpt, openwebui
from tests.interface.conftest import PHONE, WIDE

pytestmark = pytest.mark.browser


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, tab: Page) -> Page:
    tab.set_viewport_size(request.param)
    return tab


def look(page: Page, name: str) -> None:
    """For whoever wants to see them: PICTURES=folder."""
    if folder := os.environ.get("PICTURES"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=f"{folder}/{name}-{page.viewport_size['width']}-{scheme}.png", full_page=True)  # type: ignore[index]


def has_no_sideways_scroll(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_file_is_imported_and_what_was_left_out_is_named(page: Page, owner: User) -> None:
    page.goto("/settings/exchange")
    broken = {**chatgpt("c-2", "Round and round"), "mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}}
    content = as_file([chatgpt(), openwebui(), broken])
    page.get_by_label("File, JSON or ZIP").set_input_files({"name": "c.json", "mimeType": "", "buffer": content})
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("It waits for its turn")).to_be_visible()
    working.do(ExchangeJob.objects.get().pk)
    # The page asks by itself.
    expect(page.get_by_text("2 chats imported.")).to_be_visible()
    page.get_by_text("1 entry could not be read and was left out").click()
    expect(page.get_by_text("Entry 3, “Round and round”: its messages follow each other in a circle")).to_be_visible()
    assert has_no_sideways_scroll(page)
    look(page, "exchange")


def test_one_chat_is_taken_along_by_its_menu(page: Page, owner: User) -> None:
    page.goto("/settings/exchange")
    page.get_by_label("File, JSON or ZIP").set_input_files(
        {"name": "c.json", "mimeType": "", "buffer": as_file([chatgpt()])}
    )
    page.get_by_role("button", name="Import", exact=True).click()
    working.do(ExchangeJob.objects.get().pk)
    chat = Conversation.objects.get()
    page.route_web_socket("**/ws/chats/*", lambda socket: None)
    page.goto(f"/chats/{chat.pk}")
    menu = page.get_by_label("Rename, export or delete this chat")
    menu.click()
    look(page, "exchange-menu")
    with page.expect_download() as got:
        page.get_by_role("link", name="JSON, with all branches").click()
    saved = json.loads(Path(got.value.path()).read_text(encoding="utf-8"))
    assert [found["title"] for found in saved["chats"]] == ["Herons"]
    menu.click()
    page.get_by_role("button", name="PDF").click()
    page.wait_for_url("**/settings/exchange#latest")
    job = page.get_by_role("article", name="Export")
    expect(job).to_be_focused()
    expect(job).to_be_in_viewport()
    working.do(ExchangeJob.objects.get(kind="export").pk)
    expect(job.get_by_text("Ready")).to_be_visible()
    # What the page asks by itself takes the place away from nobody.
    expect(job).to_be_focused()
    with page.expect_download() as got:
        page.get_by_role("link", name="Download").click()
    assert Path(got.value.path()).read_bytes().startswith(b"%PDF-")
    look(page, "exchange-made")
