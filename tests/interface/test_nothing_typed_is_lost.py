"""What somebody typed outlives a session that ended, a page that was left, an answer that came late, and a name that
came first. In Chromium, on a phone and a wide window."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from chats.models import Conversation
from llms import catalogue
from tests.chats.conftest import answered
from tests.interface.conftest import PHONE, in_both_windows
from tests.interface.page_server import Server
from tests.ollama_server import OllamaServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

EDITED = "Your question, to be asked anew"
KEPT = "Object.keys(localStorage).filter(key => /^(draft|edit):/.test(key)).map(key => localStorage[key])"


@pytest.fixture
def chat(chat: Conversation) -> Conversation:
    answered(chat, "Why is the sky blue?", "Scattering.")
    return chat


def opened(tab: Page, server: Server, chat: Conversation) -> Any:
    tab.goto(f"/chats/{chat.pk}")
    server.wait()
    return tab.get_by_label("Your question", exact=True)


def begin_editing(tab: Page) -> Any:
    tab.locator(".question").first.hover()
    tab.get_by_role("link", name="Edit the question").first.click()
    field = tab.get_by_label(EDITED)
    expect(field).to_be_focused()
    return field


def sign_in_again(tab: Page, cookies: Any) -> None:
    tab.wait_for_url(re.compile("/accounts/login/"))
    expect(tab.get_by_role("status")).to_have_text(
        "Your session has ended. Sign in again to go on where you were. A question that you had begun is kept."
    )
    tab.context.add_cookies(cookies)
    tab.goto(parse_qs(urlsplit(tab.url).query)["next"][0])


@in_both_windows
@pytest.mark.parametrize("where", ["a new chat", "a chat", "an earlier question"])
def test_a_session_that_ended_takes_no_words_along(tab: Page, server: Server, chat: Conversation, where: str) -> None:
    if where == "a new chat":
        tab.goto("/")
        field = tab.get_by_label("Your question", exact=True)
    else:
        field = opened(tab, server, chat)
    if where == "an earlier question":
        field = begin_editing(tab)
    field.fill("Long thought about")
    cookies: Any = tab.context.cookies()
    tab.context.clear_cookies(name="sessionid")
    field.press("Control+Enter")
    sign_in_again(tab, cookies)
    expect(field).to_have_value("Long thought about")
    field.press("Control+Enter")
    expect(tab.locator(".question .bubble").last).to_have_text("Long thought about")
    expect(tab.locator("[data-live]")).to_be_visible()
    assert tab.evaluate(KEPT) == []


@in_both_windows
def test_words_typed_while_a_question_is_under_way_stay(tab: Page, server: Server, chat: Conversation) -> None:
    field = opened(tab, server, chat)

    def late(route: Route) -> None:
        response = route.fetch()
        field.press_sequentially(" and a third thought")
        route.fulfill(response=response)

    tab.route("**/messages", late)
    field.fill("Second thought")
    field.press("Enter")
    expect(tab.locator(".question .bubble").last).to_have_text("Second thought")
    expect(field).to_have_value("and a third thought")
    assert tab.evaluate(KEPT) == ["and a third thought"]


@in_both_windows
def test_a_question_being_edited_stands_there_again(tab: Page, server: Server, chat: Conversation) -> None:
    opened(tab, server, chat)
    begin_editing(tab).fill("Why is the sky red?")
    tab.reload()
    field = tab.get_by_label(EDITED)
    expect(field).to_have_value("Why is the sky red?")
    # Something else of the page replaces what it shows.
    tab.get_by_role("button", name="Answer again", exact=True).click()
    expect(tab.locator("[data-live]")).to_be_visible()
    expect(field).to_have_value("Why is the sky red?")
    tab.goto("/")
    tab.goto(f"/chats/{chat.pk}")
    expect(field).to_be_focused()
    field.press("Escape")
    expect(tab.locator(".question .bubble")).to_have_text("Why is the sky blue?")
    assert tab.evaluate(KEPT) == []
    tab.reload()
    server.wait(sockets=4)
    expect(field).to_have_count(0)


@in_both_windows
def test_who_signs_out_leaves_no_words_to_the_next(tab: Page, server: Server, chat: Conversation) -> None:
    opened(tab, server, chat).fill("Half a question")
    begin_editing(tab).fill("Half a correction")
    assert len(tab.evaluate(KEPT)) == 2
    if tab.viewport_size == PHONE:
        tab.get_by_role("button", name="Chats and pages").click()
    tab.locator(".account").click()
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url(re.compile("/accounts/"))
    assert tab.evaluate(KEPT) == []


@in_both_windows
def test_a_name_that_is_refused_says_so_beside_it_and_the_newest_name_stands_in_the_field(
    tab: Page, server: Server, chat: Conversation
) -> None:
    opened(tab, server, chat)
    leaf = chat.messages.latest("created_at")
    server.send(leaf.pk, "title", content='<title>New</title><span hx-swap-oob="innerHTML:#chat-title">Of skies</span>')
    expect(tab.locator("#chat-title")).to_have_text("Of skies")
    tab.locator("summary[aria-label^=Rename]").click()
    field = tab.get_by_label("Title")
    expect(field).to_have_value("Of skies")
    tab.route("**/rename", lambda route: route.abort())
    field.fill("Of seas")
    field.press("Enter")
    expect(tab.locator(".rename [role=alert]")).to_have_text(
        "The server could not be reached. Nothing was changed: try again in a moment."
    )
    expect(tab.locator("#composer-note")).to_be_empty()
    tab.unroute("**/rename")
    field.press("Enter")
    expect(tab.locator("#chat-title")).to_have_text("Of seas")
    expect(tab.locator(".rename [role=alert]")).to_be_empty()


@in_both_windows
def test_the_model_that_was_chosen_answers_again_and_is_there_after_a_reload(
    tab: Page, server: Server, chat: Conversation, ollama: OllamaServer
) -> None:
    catalogue.forget()
    opened(tab, server, chat)
    choice = tab.locator("#model")
    other = choice.locator("option:not(:checked)").first.get_attribute("value")
    assert other
    with tab.expect_response("**/model"):
        choice.select_option(other)
    tab.get_by_role("button", name="Answer again", exact=True).click()
    expect(tab.locator("[data-live]")).to_be_visible()
    assert chat.messages.latest("created_at").model == other
    begin_editing(tab).fill("Why is it grey?")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator(".question .bubble")).to_have_text("Why is it grey?")
    assert chat.messages.latest("created_at").model == other
    tab.reload()
    expect(choice).to_have_value(other)
