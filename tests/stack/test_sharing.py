"""Reading along in a real browser: the words of a shared answer come as they are written; the end closes the page."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from bench.stack import Stack
from tests.interface.conftest import PHONE, WIDE
from tests.ollama_server import OllamaServer
from tests.stack.conftest import Asks, Reading

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.stack, pytest.mark.browser]


@pytest.fixture(scope="module")
def colleague(stack: Stack) -> Any:
    """Somebody else: their address and their session."""
    made = json.loads(stack.run("bench.people", "1"))[0]
    query = "SELECT email FROM accounts_user WHERE id = (SELECT owner_id FROM chats_conversation WHERE id = %s)"
    return {"session": made["session"], "email": stack.rows(query, made["conversation"])[0][0]}


@dataclass
class Shared:
    """An answer that is being written, the owner's page of it, and a colleague's."""

    writing: Reading
    owner: "Page"
    viewer: "Page"


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def shared(
    request: pytest.FixtureRequest, stack: Stack, model: OllamaServer, ask: Asks, chromium: "Browser", colleague: Any
) -> Iterator[Shared]:
    writing = ask(tokens=200, pause_at=120)
    owner = writing.page
    owner.set_viewport_size(request.param)
    owner.get_by_role("link", name="Share this chat").click()
    owner.get_by_label("With a person").fill(colleague["email"])
    owner.get_by_role("button", name="Share", exact=True).click()
    owner.get_by_text("can now read the chat").wait_for()
    context = chromium.new_context(viewport=request.param, base_url=stack.url)
    context.add_cookies([{"name": "sessionid", "value": colleague["session"], "url": stack.url}])
    viewer = context.new_page()
    viewer.goto("/shared")
    chat = owner.url.partition("/chats/")[2][:36]
    viewer.locator(f".received a[href='/shared/{chat}']").click()
    viewer.wait_for_url(f"**/shared/{chat}")
    yield Shared(writing, owner, viewer)
    model.release()
    context.close()


def test_a_viewer_reads_along_and_is_shown_out_when_the_share_ends(shared: Shared) -> None:
    viewer, writing = shared.viewer, shared.writing
    prose = viewer.locator(f"{writing.bubble} .prose")
    writing.wait_for_text(200)
    viewer.wait_for_function(
        "bubble => document.querySelector(bubble + ' .prose').textContent.trim().length >= 200", arg=writing.bubble
    )
    assert viewer.locator(f"{writing.bubble}[data-live]").count() == 1
    assert viewer.locator("#composer, form[action*='/regenerate'], form[action*='/stop']").count() == 0
    writing.wait_for_end()
    viewer.locator(f"{writing.bubble}:not([data-live])").wait_for()
    assert prose.inner_text() == shared.owner.locator(f"{writing.bubble} .prose").inner_text()
    assert viewer.locator("#composer, form[action*='/regenerate']").count() == 0
    shared.owner.get_by_role("button", name="End the share").click()
    expect(viewer).to_have_url(re.compile("/shared/ended$"), timeout=30_000)
    assert viewer.get_by_role("heading", name="not shared with you any more").is_visible()
    assert viewer.locator(".message").count() == 0


def test_deleting_the_chat_ends_it_too(shared: Shared) -> None:
    shared.writing.wait_for_text(100)
    shared.owner.locator("[data-close-panel]").click()
    shared.owner.get_by_label("Rename, export or delete this chat").click()
    shared.owner.get_by_role("button", name="Delete this chat").click()
    expect(shared.viewer).to_have_url(re.compile("/shared/ended$"), timeout=30_000)
