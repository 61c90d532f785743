"""Editing a question in its place, and moving between its versions, in Chromium on a phone and a wide window."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from chats import conversation as conversations
from chats.models import Conversation, Message
from tests.chats.conftest import answered
from tests.interface.conftest import PHONE, WIDE
from tests.interface.page_server import Server
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FIELD = "Your question, to be asked anew"


@pytest.fixture
def chat(chat: Conversation) -> Conversation:
    answered(chat, "Why is the sky blue?", "Scattering.")
    answered(chat, "And the sea?", "Absorption.")
    return chat


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, tab: Page, server: Server, chat: Conversation) -> Page:
    tab.set_viewport_size(request.param)
    tab.goto(f"/chats/{chat.pk}")
    server.wait()
    return tab


def begin(page: Page, question: int = 0) -> Any:
    page.locator(".question").nth(question).hover()
    page.get_by_role("link", name="Edit the question").nth(question).click()
    field = page.get_by_label(FIELD)
    expect(field).to_be_focused()
    return field


def test_an_earlier_question_is_edited_in_its_place_and_both_versions_stay(page: Page, chat: Conversation) -> None:
    field = begin(page)
    expect(field).to_have_value("Why is the sky blue?")
    field.fill("Why is the sky red?")
    page.get_by_role("button", name="Send", exact=True).first.click()
    expect(page.locator(".bubble")).to_have_text(["Why is the sky red?"])
    expect(page.locator(".answer[data-live]")).to_be_visible()
    expect(page.locator(".siblings .number")).to_have_text("2 of 2")
    page.locator(".question").hover()
    page.get_by_role("button", name="Previous version").click()
    expect(page.locator(".bubble")).to_have_text(["Why is the sky blue?", "And the sea?"])
    expect(page.locator(".answer .done")).to_have_text(["Scattering.", "Absorption."])
    assert chat.messages.count() == 6


def test_esc_gives_up_and_stops_no_answer(page: Page, chat: Conversation) -> None:
    live = conversations.post_message(chat, "More?").answer
    page.reload()
    field = begin(page)
    field.fill("Something else")
    page.keyboard.press("Escape")
    expect(page.get_by_label(FIELD)).to_have_count(0)
    expect(page.locator(".bubble").first).to_have_text("Why is the sky blue?")
    expect(page.get_by_role("link", name="Edit the question").first).to_be_focused()
    live.refresh_from_db()
    assert live.status == Message.Status.QUEUED


def test_what_could_not_be_sent_stays_with_the_reason(page: Page, chat: Conversation) -> None:
    field = begin(page)
    page.route("**/edit", lambda route: route.abort() if route.request.method == "POST" else route.fallback())
    field.fill("Why is the sky red?")
    page.keyboard.press("Control+Enter")
    note = page.locator(".edit-note")
    expect(note).to_contain_text("could not be reached")
    expect(field).to_have_value("Why is the sky red?")
    page.unroute("**/edit")
    field.fill("x" * 120_000)
    page.keyboard.press("Control+Enter")
    expect(note).to_contain_text("the limit is")
    expect(page.locator("#composer-note")).to_be_empty()
    field.fill("Why is the sky red?")
    expect(note).to_be_empty()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".bubble")).to_have_text(["Why is the sky red?"])


def test_enter_alone_begins_a_new_line(page: Page, chat: Conversation) -> None:
    field = begin(page)
    page.keyboard.press("Enter")
    page.keyboard.type("In short.")
    expect(field).to_have_value("Why is the sky blue?\nIn short.")


def test_what_others_do_meanwhile_does_not_take_the_text_away(page: Page, chat: Conversation, server: Server) -> None:
    begin(page).fill("Half a thought")
    leaf = answered(chat, "Asked elsewhere", "Answered elsewhere")
    server.send(leaf.pk, "path")
    server.send(leaf.pk, "title", content='<title>New</title><span hx-swap-oob="innerHTML:#chat-title">New</span>')
    expect(page.locator("#chat-title")).to_have_text("New")
    expect(page.get_by_label(FIELD)).to_have_value("Half a thought")
    page.keyboard.press("Escape")
    expect(page.locator(".bubble").last).to_have_text("Asked elsewhere")


def test_arrow_up_in_the_empty_composer_edits_the_last_question(page: Page, chat: Conversation) -> None:
    page.get_by_label("Your question", exact=True).focus()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label(FIELD)).to_have_value("And the sea?")


def test_a_chosen_version_stands_where_the_other_stood(page: Page, chat: Conversation) -> None:
    for number in range(12):
        answered(chat, f"Question {number}", "Line. " * 60)
    first = Message.objects.get(conversation=chat, parent=None)
    conversations.switch_branch(first)
    page.reload()
    third = page.locator(".question", has_text="Question 3").get_attribute("data-message")
    question = Message.objects.get(pk=third)
    other = conversations.ask_below(chat, question.parent, "Question 3, differently")
    Message.objects.filter(pk=other.answer.pk).update(status=Message.Status.DONE)
    for number in range(3):
        answered(chat, f"Later {number}", "Line. " * 60)
    conversations.switch_branch(question)
    page.reload()
    shown = page.locator(f"#m-{third}")
    shown.scroll_into_view_if_needed()
    shown.hover()
    button = shown.get_by_role("button", name="Next version")
    top = button.evaluate("b => b.getBoundingClientRect().top")
    button.click()
    came = page.locator(f"#m-{other.question.pk}").get_by_role("button", name="Previous version")
    expect(came).to_be_focused()
    until(lambda: abs(came.evaluate("b => b.getBoundingClientRect().top") - top) < 2)


def test_any_answer_is_written_again_with_another_model(page: Page, chat: Conversation) -> None:
    asked: list[str] = []

    def look(route: Route) -> None:
        asked.append(route.request.post_data or "")
        route.fallback()

    page.route(re.compile("/regenerate"), look)
    page.locator(".answer").first.hover()
    page.get_by_role("button", name="Answer again with another model").first.click()
    page.locator("#again button").first.click()
    expect(page.locator(".bubble")).to_have_count(1)
    expect(page.locator(".answer[data-live]")).to_be_visible()
    assert "model=builtin" in asked[0]
    answer = Message.objects.get(status=Message.Status.QUEUED)
    assert answer.model == "builtin/quote"
