"""A whole visit without a pointer: signing in, asking, stopping, branching, editing, finding, exporting, deleting."""

from typing import TYPE_CHECKING

import pytest

from bench.stack import ADMIN_EMAIL, ADMIN_PASSWORD, Stack
from tests.ollama_server import OllamaServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.stack, pytest.mark.browser]

STOPS = 60
MENU = "Rename, export or delete this chat"
# What has the focus, as a screen reader would name it, and whether it can be seen.
_FOCUSED = """() => {
    const one = document.activeElement;
    const label = one.labels?.[0]?.textContent ?? "";
    const { width, height } = (one.closest("label") ?? one).getBoundingClientRect();
    const name = one.getAttribute("aria-label") ?? (label || one.textContent);
    return { name: name.trim(), seen: width > 1 && height > 1 };
}"""


class Keys:
    """Somebody at a keyboard."""

    def __init__(self, page: "Page") -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def go_to(self, name: str, *, back: bool = False) -> None:
        """With the Tab key, until what has this name has the focus. Everything on the way can be seen."""
        passed = []
        for _ in range(STOPS):
            self.press("Shift+Tab" if back else "Tab")
            focused = self.page.evaluate(_FOCUSED)
            assert focused["seen"], f"the focus is nowhere to be seen: {focused}"
            if focused["name"] == name:
                return
            passed.append(focused["name"])
        raise AssertionError(f"{name!r} was not reached; passed {passed}")

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)


def _ask_and_stop(keys: Keys, page: "Page", model: OllamaServer) -> None:
    from playwright.sync_api import expect

    model.script(tokens=400, tokens_per_second=40, stall_at=30, times=1)
    expect(page.get_by_label("Your question")).to_be_focused()
    keys.type("What decides?")
    keys.press("Control+Enter")
    page.wait_for_url("**/chats/*")
    expect(page.locator(".answer .prose p").first).not_to_be_empty()
    keys.press("Escape")
    expect(page.locator(".answer[data-status=stopped]")).to_be_visible()
    model.release()


def _answer_again_and_move_between_the_answers(keys: Keys, page: "Page", model: OllamaServer) -> None:
    from playwright.sync_api import expect

    model.script(tokens=40, tokens_per_second=200)
    keys.go_to("Answer again", back=True)
    keys.press("Enter")
    expect(page.get_by_label("Your question")).to_be_focused()
    expect(page.locator(".answer[data-status=done]")).to_be_visible()
    expect(page.locator(".answer .siblings")).to_contain_text("2 of 2")
    keys.go_to("Previous version", back=True)
    keys.press("Enter")
    expect(page.locator(".answer .siblings")).to_contain_text("1 of 2")
    expect(page.get_by_label("Next version")).to_be_focused()
    expect(page.locator(".answer[data-status=stopped]")).to_be_visible()


def _edit_the_question(keys: Keys, page: "Page", model: OllamaServer) -> None:
    from playwright.sync_api import expect

    model.script(tokens=30, tokens_per_second=200)
    keys.press("Shift+Escape")
    keys.press("ArrowUp")
    expect(page.get_by_label("Your question, to be asked anew")).to_be_focused()
    keys.press("Escape")
    expect(page.get_by_role("link", name="Edit the question")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_label("Your question, to be asked anew")).to_be_focused()
    keys.type(" And why?")
    keys.press("Control+Enter")
    expect(page.locator(".question .bubble")).to_have_text("What decides? And why?")
    expect(page.locator(".answer[data-status=done]")).to_be_visible()
    expect(page.locator(".question .siblings")).to_contain_text("2 of 2")
    keys.go_to("Previous version", back=True)
    keys.press("Enter")
    expect(page.locator(".question .bubble")).to_have_text("What decides?")


def _find_the_chat_again(keys: Keys, page: "Page") -> None:
    from playwright.sync_api import expect

    address = page.url
    keys.press("Control+Shift+O")
    page.wait_for_url(lambda url: url != address)
    keys.press("Control+k")
    expect(page.locator("#palette [id^='palette-chat-']").first).to_be_visible()
    title = page.locator("#palette [id^='palette-chat-']").first.inner_text()
    keys.type(title)
    keys.press("Enter")
    page.wait_for_url(address)


def _search_for_words(keys: Keys, page: "Page") -> None:
    from playwright.sync_api import expect

    title = page.locator("#chat-title").inner_text()
    keys.press("Control+k")
    keys.type("Search all chats")
    keys.press("Enter")
    page.wait_for_url("**/search")
    expect(page.get_by_label("Words in your chats")).to_be_focused()
    keys.type("decided")
    keys.press("Enter")
    expect(page.locator(".hit-snippet mark").first).to_have_text("decides")
    keys.go_to(title)
    keys.press("Enter")
    page.wait_for_url("**/chats/*")


def _export(keys: Keys, page: "Page") -> None:
    keys.press("Shift+Escape")
    keys.go_to(MENU, back=True)
    keys.press("Enter")
    keys.go_to("Markdown")
    with page.expect_download() as download:
        keys.press("Enter")
    assert "What decides?" in download.value.path().read_text(encoding="utf-8")


@pytest.mark.parametrize("size", [(390, 844), (1280, 800)], ids=["phone", "wide"])
def test_a_visit_by_keyboard_alone(
    stack: Stack, model: OllamaServer, chromium: "Browser", size: tuple[int, int]
) -> None:
    page = chromium.new_context(viewport={"width": size[0], "height": size[1]}).new_page()
    keys = Keys(page)
    page.goto(f"{stack.url}/accounts/login/")
    keys.go_to("E-mail address")
    keys.type(ADMIN_EMAIL)
    keys.go_to("Password")
    keys.type(ADMIN_PASSWORD)
    keys.press("Enter")
    page.wait_for_url(f"{stack.url}/")
    _ask_and_stop(keys, page, model)
    _answer_again_and_move_between_the_answers(keys, page, model)
    _edit_the_question(keys, page, model)
    _find_the_chat_again(keys, page)
    _search_for_words(keys, page)
    _export(keys, page)
    keys.press("Shift+Escape")
    keys.go_to(MENU, back=True)
    keys.press("Enter")
    keys.go_to("Delete this chat")
    keys.press("Enter")
    page.wait_for_url(f"{stack.url}/")
    page.context.close()
