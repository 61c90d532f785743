"""Answers side by side while their worker is killed and the page is loaded anew: every column is right."""

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from bench.stack import Stack
from tests.ollama_server import OllamaServer, expected_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(180)]

MODELS = ["llama3.2:3b", "tiny:1b"]
TOKENS = 300


# A function: a bare expression would be evaluated in the page, which its policy forbids.
_HAS_WORDS = "pk => document.querySelector(`#m-${pk} .prose`).textContent.trim().length > 100"


def _compare(page: "Page", stack: Stack, question: str) -> list[str]:
    """Ask in the composer; the messages' ids, in the order of the columns."""
    page.goto(f"{stack.url}/")
    page.get_by_label("Compare models").click()
    for model in MODELS:
        page.get_by_role("checkbox", name=model).check()
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.wait_for_url("**/chats/*")
    bubbles = page.locator(".column .answer")
    stack.wait_until(lambda: bubbles.count() == len(MODELS), 30, "The columns did not appear.")
    return [str(bubble.get_attribute("data-message")) for bubble in bubbles.all()]


def test_a_killed_worker_and_a_reload_keep_every_column_right(
    stack: Stack, model: OllamaServer, chromium: "Browser", signed_in: Any
) -> None:
    model.script(tokens=TOKENS, tokens_per_second=40)
    # Each makes a pause half way, so that both are under way when it happens, however slow this machine is.
    for name in MODELS:
        model.script(name, tokens=TOKENS, tokens_per_second=40, stall_at=150, times=1)
    context = chromium.new_context(storage_state=signed_in)
    page, phone = context.new_page(), context.new_page()
    phone.set_viewport_size({"width": 390, "height": 844})
    question = f"What decides in case {uuid.uuid4().hex[:8]}?"
    answers = _compare(page, stack, question)
    for pk in answers:
        page.wait_for_function(_HAS_WORDS, arg=pk)
    phone.goto(page.url)
    stack.kill("answers")
    page.reload()
    for pk in answers:
        page.wait_for_function(_HAS_WORDS, arg=pk)

    def ended() -> bool:
        model.release()
        columns = [
            (one.locator(".column").count(), one.locator(".column [data-live]").count()) for one in (page, phone)
        ]
        return columns == [(len(MODELS), 0)] * 2

    stack.wait_until(ended, 90, "The answers did not end in the page.", every=0.1)
    stored = json.loads(stack.run("bench.opened", "answers"))
    to_text = "html => new DOMParser().parseFromString(html, 'text/html').body.textContent"
    for pk in answers:
        status, content, html = stored[pk]
        assert (status, content) == ("done", expected_text(question, TOKENS))
        for one in (page, phone):
            shown = one.evaluate(f"document.querySelector('#m-{pk}-done').textContent")
            assert shown == one.evaluate(to_text, html)
    conversation = page.url.partition("/chats/")[2][:36]
    query = "SELECT model FROM chats_message WHERE role = 'assistant' AND conversation_id = %s ORDER BY created_at"
    assert [row[0] for row in stack.rows(query, conversation)] == [f"ollama/{name}" for name in MODELS]
    page.context.close()
