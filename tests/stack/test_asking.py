"""What a person sees of a question and its answer, from the composer through a worker to a model and back. On a phone
and on a wide window."""

import base64
import io
import re
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from bench.stack import Stack
from tests.chats.exfiltration import TRICKS
from tests.interface.conftest import PHONE, WIDE
from tests.interface.test_images_page import as_file, give, scene
from tests.ollama_server import OllamaServer, Recorded

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.stack, pytest.mark.browser]

# What would be seen if a page ran it: a name, a request, a dialog.
HOSTILE = [
    "<script>window.caught = 1; alert(1)</script>",
    "<img src=x onerror='window.caught = 1; alert(1)'>",
    "<svg onload='window.caught = 1'></svg><details open ontoggle='window.caught = 1'>x</details>",
    "[press](javascript:window.caught=1) [press](JaVaScRiPt:alert(1)) [press](vbscript:x) <javascript:alert(1)>",
    "![](https://evil.example/beacon.png)",
    *TRICKS,
]


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, stack: Stack, chromium: "Browser", signed_in: Any) -> Iterator["Page"]:
    context = chromium.new_context(storage_state=signed_in, viewport=request.param)
    page = context.new_page()
    page.goto(f"{stack.url}/")
    yield page
    context.close()


def ask(page: "Page", words: str) -> str:
    """A question that nobody asked before; its text."""
    question = f"{words} {uuid.uuid4().hex[:8]}?"
    page.get_by_label("Your question", exact=True).fill(question)
    page.keyboard.press("Enter")
    page.wait_for_url("**/chats/*")
    expect(page.locator(".question").last).to_contain_text(question)
    return question


def heard(model: OllamaServer, question: str) -> list[Recorded]:
    """The requests in which a model was asked it."""
    return [one for one in model.chats if one.messages[-1]["content"] == question]


def test_how_many_tokens_came_and_how_fast_stands_under_the_answer(page: "Page", model: OllamaServer) -> None:
    model.script(tokens=60, tokens_per_second=40)
    ask(page, "How long is it")
    answer = page.locator(".answer[data-status=done]")
    expect(answer).to_be_visible()
    answer.hover()
    figures = answer.locator(".meta")
    expect(figures).to_be_visible()
    expect(figures).to_contain_text("llama3.2:3b")
    expect(figures).to_have_text(re.compile(r"60 tokens, [1-9][\d.]* a second\s*\d+\.\d s$"))
    page.reload()
    expect(figures).to_have_text(re.compile(r"60 tokens, [1-9][\d.]* a second"))


def test_a_chat_gets_its_title_from_the_fast_model_while_it_is_open(page: "Page", model: OllamaServer) -> None:
    # Held up until the page has the answer's first words, so that the title comes to a page that stands.
    model.script(tokens=40)
    model.script("llama3.2:3b", tokens=40, stall_at=20, times=1)
    name = f"Moons of {uuid.uuid4().hex[:6]}"
    model.script("tiny:1b", text=f'"{name}"', times=1)
    question = ask(page, "Which moons has Mars")
    title = page.locator("#chat-title")
    expect(page.locator(".answer .prose p").first).not_to_be_empty()
    expect(title).to_contain_text("Which moons has Mars")
    page.evaluate("window.neverReloaded = true")
    model.release()
    expect(title).to_have_text(name)
    expect(page).to_have_title(f"{name} · Chatsite")
    if page.viewport_size == PHONE:
        page.get_by_role("button", name="Chats and pages").click()
    expect(page.locator("#chat-list").get_by_role("link", name=name, exact=True)).to_be_visible()
    assert page.evaluate("window.neverReloaded") is True
    (asked,) = [one for one in model.chats if question in one.messages[-1]["content"] and one.model == "tiny:1b"]
    assert "title" in asked.messages[0]["content"]


def test_a_pasted_and_an_attached_picture_are_what_the_model_sees(page: "Page", model: OllamaServer) -> None:
    model.script(tokens=20)
    page.locator("#model").select_option("ollama/qwen2.5vl:7b")
    give(page, "#question", "paste", [("screenshot.png", "image/png", scene(0, (640, 400)))])
    waiting = page.locator("#waiting .waiting[data-picture]")
    expect(waiting).to_have_count(1)
    page.locator("#pictures-file").set_input_files([as_file("diagram.png", scene(1, (300, 500)))])
    expect(waiting).to_have_count(2)
    question = ask(page, "What is to be seen")
    expect(page.locator(".question .picture")).to_have_count(2)
    expect(page.locator(".answer[data-status=done]")).to_be_visible()
    (asked,) = heard(model, question)
    assert asked.model == "qwen2.5vl:7b"
    *before, last = asked.messages
    assert last["role"] == "user"
    assert not any(message.get("images") for message in before)
    # As Ollama wants them: the bytes of a PNG or JPEG in base64, and nothing around it.
    pictures = [Image.open(io.BytesIO(base64.b64decode(one, validate=True))) for one in last["images"]]
    assert [picture.size for picture in pictures] == [(640, 400), (300, 500)]
    assert {picture.format for picture in pictures} <= {"PNG", "JPEG"}


def test_an_answer_is_stopped_before_its_first_word_and_one_asks_on(page: "Page", model: OllamaServer) -> None:
    model.script(tokens=20)
    model.script("llama3.2:3b", silent=True, times=1)
    question = ask(page, "Is anybody there")
    model.wait_for(lambda: heard(model, question))
    page.get_by_role("button", name="Stop the answer").click()
    stopped = page.locator(".answer[data-status=stopped]")
    expect(stopped.get_by_text("Stopped before the first word.")).to_be_visible()
    expect(stopped.locator(".prose")).to_have_text("")
    expect(page.locator(".question")).to_contain_text(question)
    model.wait_for(lambda: heard(model, question)[0].outcome == "closed")
    page.reload()
    expect(stopped).to_be_visible()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    again = ask(page, "And now")
    expect(page.locator(".answer[data-status=done]")).to_be_visible()
    expect(page.locator(".question")).to_have_count(2)
    (asked,) = heard(model, again)
    assert question in [message["content"] for message in asked.messages]


def test_a_hostile_answer_does_nothing_while_it_is_written_and_after(page: "Page", model: OllamaServer) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    done: list[str] = []
    page.on("dialog", lambda dialog: (done.append(dialog.message), dialog.dismiss()))
    page.context.on("page", lambda other: done.append(other.url))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => { window.caught = event.blockedURI; });"
    )
    model.script(text="\n\n".join(HOSTILE), tokens_per_second=2_000)
    ask(page, "What do you want")
    expect(page.locator(".answer[data-status=done]")).to_be_visible()
    here = page.url
    for _ in range(2):
        links = page.locator(".answer .prose a[href]").evaluate_all("all => all.map((one) => one.protocol)")
        assert set(links) <= {"http:", "https:", "mailto:"}
        page.locator(".answer .prose").hover()
        page.get_by_text("press", exact=False).first.click()
        assert page.evaluate("window.caught ?? null") is None
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.reload()
        page.wait_for_load_state("networkidle")
    assert page.url == here
    assert done == []
    assert [url for url in asked if not url.startswith(here.partition("/chats/")[0])] == []
