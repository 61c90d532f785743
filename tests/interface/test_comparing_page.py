"""Answers side by side in Chromium: columns on a wide window, swiped on a phone; stopped alone or all together."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Message
from llms import catalogue
from tests.chats.test_comparing import MODELS, compare, finish
from tests.interface.accessibility import complaints
from tests.interface.conftest import PHONE, WIDE
from tests.interface.page_server import Server
from tests.interface.test_accessibility import _page, looks
from tests.interface.test_live_page import final
from tests.ollama_server import OllamaServer
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def chat(owner: User, ollama: OllamaServer) -> Conversation:
    catalogue.forget()
    return conversations.start(owner, use_documents=False)


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, tab: Page, chat: Conversation, server: Server) -> Page:
    tab.set_viewport_size(request.param)
    return tab


@pytest.fixture
def opened(page: Page, chat: Conversation, server: Server) -> Callable[[], Page]:
    def open_page() -> Page:
        page.goto(f"/chats/{chat.pk}")
        server.wait()
        return page

    return open_page


def column(page: Page, answer: Message) -> Any:
    return page.locator(f"#column-{answer.pk}")


def test_models_are_chosen_in_the_composer_and_answer_side_by_side(
    opened: Callable[[], Page], server: Server, chat: Conversation
) -> None:
    page = opened()
    page.get_by_label("Compare models").click()
    boxes = page.locator(".compare input")
    for number in range(4):
        boxes.nth(number).check() if number < boxes.count() else None
    chosen = page.locator(".compare input:checked").count()
    assert chosen >= 3
    expect(page.locator("[data-compare-count]")).to_have_text(str(chosen))
    page.get_by_label("Your question", exact=True).fill("Why?")
    page.keyboard.press("Enter")
    expect(page.locator(".column")).to_have_count(chosen)
    expect(page.locator(".question")).to_have_count(1)
    expect(page.locator(".compare input:checked")).to_have_count(0)
    # All at once, each for itself.
    answers = list(Message.objects.filter(conversation=chat, role="assistant").order_by("created_at"))
    for number, answer in enumerate(answers):
        server.send(answer.pk, "delta", 1, open=f"<p>Words of number {number}</p>", status="writing")
    for number, answer in enumerate(answers):
        expect(column(page, answer).locator(".open")).to_have_text(f"Words of number {number}")
    server.send(answers[0].pk, "final", content=final(answers[0], "The end."))
    expect(column(page, answers[0]).locator(".prose")).to_have_text("The end.")
    expect(page.locator("[data-live]")).to_have_count(chosen - 1)
    expect(page.get_by_role("button", name="Stop the answer")).to_be_visible()


def test_a_reload_in_mid_stream_keeps_every_column(
    opened: Callable[[], Page], server: Server, chat: Conversation
) -> None:
    answers = compare(chat)
    finish(answers[0])
    Message.objects.filter(pk=answers[1].pk).update(status="writing")
    page = opened()
    expect(page.locator(".column [data-live]")).to_have_count(2)
    server.send(answers[1].pk, "state", 5, done="<p>So far.</p>", open="", state="", status="writing")
    expect(column(page, answers[1]).locator(".done")).to_have_text("So far.")
    expect(column(page, answers[0]).locator(".done")).to_have_text(f"Says {MODELS[0]}.")
    page.reload()
    server.wait(sockets=2)
    expect(page.locator(".column [data-live]")).to_have_count(2)
    expect(page.locator(".column h2")).to_have_text(["llama3.2:3b", "tiny:1b", "qwen3:4b"])


def test_one_is_stopped_alone_and_esc_stops_all(opened: Callable[[], Page], chat: Conversation) -> None:
    answers = compare(chat)
    page = opened()
    column(page, answers[1]).scroll_into_view_if_needed()
    column(page, answers[1]).get_by_role("button", name="Stop tiny:1b").click()
    until(lambda: Message.objects.get(pk=answers[1].pk).status == "stopped")
    assert Message.objects.get(pk=answers[0].pk).is_live
    page.get_by_label("Your question", exact=True).focus()
    page.keyboard.press("Escape")
    until(lambda: not any(Message.objects.get(pk=answer.pk).is_live for answer in answers))


def test_the_chosen_one_goes_on_alone_and_the_others_can_be_seen_again(
    opened: Callable[[], Page], chat: Conversation
) -> None:
    answers = compare(chat)
    finish(*answers)
    page = opened()
    page.get_by_label("Your question", exact=True).fill("And?")
    page.keyboard.press("Enter")
    expect(page.locator("#composer-note")).to_contain_text("Choose the answer to go on with")
    expect(page.get_by_label("Your question", exact=True)).to_have_value("And?")
    column(page, answers[1]).get_by_role("button", name="Go on with this").press("Enter")
    expect(page.locator(".column")).to_have_count(0)
    expect(page.locator(".answer .done")).to_have_text(f"Says {MODELS[1]}.")
    expect(page.locator("#model")).to_have_value(MODELS[1])
    page.locator(".answer").hover()
    expect(page.locator(".siblings .number")).to_have_text("2 of 3")
    page.get_by_role("button", name="Show the compared answers side by side").click()
    expect(page.locator(".column")).to_have_count(3)
    column(page, answers[0]).get_by_role("button", name="Go on with this").press("Enter")
    expect(page.locator(".column")).to_have_count(0)
    expect(page.locator(".answer .done")).to_have_text(f"Says {MODELS[0]}.")
    page.get_by_label("Your question", exact=True).fill("And?")
    page.keyboard.press("Enter")
    expect(page.locator(".answer[data-live]")).to_have_count(1)
    assert Message.objects.get(status="queued").model == MODELS[0]


def test_a_choice_in_another_tab_shows_here(opened: Callable[[], Page], server: Server, chat: Conversation) -> None:
    answers = compare(chat)
    finish(*answers)
    page = opened()
    expect(page.locator(".column")).to_have_count(3)
    # A page whose path ends so already has nothing to fetch.
    server.send(answers[0].parent_id, "path")
    Conversation.objects.filter(pk=chat.pk).update(active_leaf=answers[2])
    server.send(answers[2].pk, "path")
    expect(page.locator(".column")).to_have_count(0)
    expect(page.locator(".answer .done")).to_have_text(f"Says {MODELS[2]}.")


def test_a_wide_window_shows_them_beside_each_other_and_a_phone_one_after_the_other(
    opened: Callable[[], Page], chat: Conversation
) -> None:
    answers = compare(chat)
    finish(*answers)
    page = opened()
    boxes = [column(page, answer).bounding_box() for answer in answers]
    assert len({round(box["y"]) for box in boxes}) == 1
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
    tabs = page.locator(".column-tabs button")
    if page.viewport_size == WIDE:
        assert boxes[2]["x"] + boxes[2]["width"] <= WIDE["width"]
        expect(tabs.first).to_be_hidden()
        return
    assert boxes[0]["width"] > 0.8 * PHONE["width"] - 40
    expect(tabs.nth(0)).to_have_attribute("aria-current", "true")
    tabs.nth(2).click()
    expect(tabs.nth(2)).to_have_attribute("aria-current", "true")
    until(lambda: column(page, answers[2]).bounding_box()["x"] < PHONE["width"] / 2)
    page.locator(".columns").evaluate("c => c.scrollTo({ left: 0, behavior: 'instant' })")
    expect(tabs.nth(0)).to_have_attribute("aria-current", "true")
    # The page itself never scrolls sideways.
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_columns_cut_no_text_off(opened: Callable[[], Page], server: Server, chat: Conversation) -> None:
    answers = compare(chat)
    finish(*answers)
    page = opened()
    long = "a name of a model that is longer than its column"
    page.locator(".column-head, .column-tabs button span").evaluate_all(
        f"all => all.forEach(one => one.textContent = '{long}')"
    )
    code = f'<figure class="code"><pre class="highlight"><code>{"words of code " * 20}</code></pre></figure>'
    page.locator(".column .done").evaluate_all(f"all => all.forEach(one => one.innerHTML = `{code}`)")
    cut = """[...document.querySelectorAll(".comparison :is(h2, pre, figure, button, span), .column-body")]
        .filter((one) => one.checkVisibility() && one.clientWidth && one.scrollWidth > one.clientWidth)
        .map((one) => one.outerHTML.slice(0, 80))"""
    assert page.evaluate(cut) == []
    # Nor does the edge of a phone: what it shows it shows whole.
    room = page.locator(".columns").bounding_box()
    boxes = [column(page, answer).bounding_box() for answer in answers]
    assert room
    assert all(
        box["x"] >= room["x"] + room["width"] or box["x"] + box["width"] <= room["x"] + room["width"] for box in boxes
    )


@looks
def test_axe_finds_nothing_in_it(
    chromium: Browser, live_server: LiveServer, chat: Conversation, owner: User, theme: str, width: int
) -> None:
    answers = compare(chat)
    finish(answers[0])
    Message.objects.filter(pk=answers[1].pk).update(status="failed", error_text="It was away.")
    context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce")
    page = _page(context, live_server, owner, theme, width)
    page.goto(f"/chats/{chat.pk}")
    page.get_by_label("Compare models").click()
    page.locator(".compare label").first.wait_for()
    assert complaints(page) == []
    context.close()
