"""One supervisor, one model server and one Chromium for all tests of this folder: starting them is what takes long."""

import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from bench.stack import ADMIN_EMAIL, ADMIN_PASSWORD, Stack
from tests.conftest import launched
from tests.ollama_server import OllamaServer, expected_text
from tests.stack.line import Line

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="package")
def chromium(chromium_path: str) -> "Iterator[Browser]":
    """Ended with this folder, whose tests come first: Playwright's event loop would stay in the way of others."""
    with launched(chromium_path) as browser:
        yield browser


@pytest.fixture(scope="package")
def model() -> Iterator[OllamaServer]:
    server = OllamaServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def stack(model: OllamaServer) -> Iterator[Stack]:
    with Stack(model_url=model.url, FAST_MODEL="tiny:1b") as running:
        yield running


@pytest.fixture(scope="package")
def signed_in(stack: Stack, chromium: "Browser") -> Any:
    """Cookies of the administrator, who signed in through the form."""
    page = chromium.new_page()
    page.goto(f"{stack.url}/accounts/login/")
    page.fill("input[name=login]", ADMIN_EMAIL)
    page.fill("input[name=password]", ADMIN_PASSWORD)
    page.click("main button, form button[type=submit]")
    page.wait_for_url(f"{stack.url}/")
    state = page.context.storage_state()
    page.context.close()
    return state


@pytest.fixture(scope="package")
def reader(stack: Stack) -> str:
    """The session of somebody else, whose documents are not in the scope of the administrator's questions."""
    return str(json.loads(stack.run("bench.people", "1"))[0]["session"])


@pytest.fixture
def line(stack: Stack) -> Iterator[Line]:
    with Line(stack.port) as wire:
        yield wire


class Reading:
    """A page in which an answer is being written, and another of a phone's size that shows it too."""

    def __init__(
        self, page: "Page", phone: "Page", stack: Stack, model: OllamaServer, question: str, tokens: int
    ) -> None:
        self.page, self.phone, self._stack, self._model = page, phone, stack, model
        self.question, self.tokens = question, tokens
        writing = page.locator("article.answer[data-status=writing]")
        stack.wait_until(writing.count, 30, "The answer was not begun.", every=0.1)
        self.message_id = str(page.get_attribute("article.answer", "data-message"))
        # Lives as long as the page does: gone after a reload.
        page.evaluate("window.neverReloaded = true")

    @property
    def bubble(self) -> str:
        return f"#m-{self.message_id}"

    def text(self) -> str:
        return str(self.page.evaluate(f"document.querySelector('{self.bubble} .prose').textContent"))

    def wait_for_text(self, characters: int) -> None:
        self.page.wait_for_function(
            "([bubble, length]) => document.querySelector(bubble + ' .prose').textContent.trim().length >= length",
            arg=[self.bubble, characters],
            timeout=30_000,
        )

    def is_live(self) -> bool:
        return self.page.get_attribute(self.bubble, "data-live") is not None

    def wait_for_end(self, seconds: float = 60) -> None:
        bubbles = [page.locator(f"{self.bubble}:not([data-live])") for page in (self.page, self.phone)]

        def ended() -> bool:
            self._model.release()  # should it pause only now
            return all(bubble.count() for bubble in bubbles)

        self._stack.wait_until(ended, seconds, "The answer did not end in the page.", every=0.1)

    def was_reloaded(self) -> bool:
        return not self.page.evaluate("window.neverReloaded === true")

    def stored(self) -> tuple[str, str, str]:
        """(status, content, html) of the row."""
        status, content, html = json.loads(self._stack.run("bench.opened", "answers"))[self.message_id]
        return status, content, html

    def answers_in_row_and_page(self) -> tuple[int, int]:
        query = "SELECT count(*) FROM chats_message WHERE role = 'assistant' AND conversation_id = %s"
        conversation = self.page.url.partition("/chats/")[2][:36]
        return self._stack.rows(query, conversation)[0][0], self.page.locator("article.answer").count()

    def assert_complete_and_once(self, *pages: "Page") -> None:
        """Every page shows, character for character, what is stored, and that is what the model said. `pages` beside
        the two of every reading."""
        status, content, html = self.stored()
        assert content == expected_text(self.question, self.tokens)
        assert status == "done"
        to_text = "html => new DOMParser().parseFromString(html, 'text/html').body.textContent"
        for page in (self.page, self.phone, *pages):
            shown = page.evaluate(f"document.querySelector('{self.bubble}-done').textContent")
            assert shown == page.evaluate(to_text, html)
            assert page.evaluate(f"document.querySelector('{self.bubble}-open').textContent") == ""
        assert self.answers_in_row_and_page() == (1, 1)


class Asks:
    """Opens pages and asks questions in them; every page is closed at the end."""

    def __init__(self, stack: Stack, model: OllamaServer, chromium: "Browser", signed_in: Any) -> None:
        self._stack, self._model = stack, model
        self.context = chromium.new_context(storage_state=signed_in)

    def __call__(self, *, tokens: int, pause_at: int | None = None, url: str = "") -> Reading:
        """With `pause_at` the model makes a pause there until the end is waited for, however slow this machine is."""
        self._model.script(tokens=tokens, tokens_per_second=40)
        if pause_at:
            self._model.script(tokens=tokens, tokens_per_second=40, stall_at=pause_at, times=1)
        question = f"What decides in case {uuid.uuid4().hex[:8]}?"
        page = self.context.new_page()
        page.goto(f"{url or self._stack.url}/")
        page.fill("#question", question)
        page.click("button.send:not(.stop)")
        page.wait_for_url("**/chats/*")
        phone = self.context.new_page()
        phone.set_viewport_size({"width": 390, "height": 844})
        phone.goto(page.url)
        return Reading(page, phone, self._stack, self._model, question, tokens)


@pytest.fixture
def ask(stack: Stack, model: OllamaServer, chromium: "Browser", signed_in: Any) -> Iterator[Asks]:
    asks = Asks(stack, model, chromium, signed_in)
    yield asks
    asks.context.close()
