"""A chat without JavaScript, on a phone and a wide window: the page's one form sends what stands under an answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from chats.comparing import deciding
from chats.models import Conversation, Message
from tests.chats.conftest import answered
from tests.chats.test_comparing import compare, finish
from tests.interface.conftest import PHONE, WIDE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, chromium: Browser, live_server: LiveServer, owner: User) -> Iterator[Page]:
    client = Client()
    client.force_login(owner)
    cookie: Any = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    context = chromium.new_context(viewport=request.param, base_url=live_server.url, java_script_enabled=False)
    context.add_cookies([cookie])
    yield context.new_page()
    context.close()


def press(page: Page, name: str) -> None:
    page.locator(".answer").first.hover()
    page.get_by_role("button", name=name, exact=True).last.click()


def test_an_answer_is_asked_for_again_its_versions_are_switched_and_it_is_rated(page: Page, chat: Conversation) -> None:
    first = answered(chat, "Why?", "Because.")
    page.goto(f"/chats/{chat.pk}")
    press(page, "Answer again")
    expect(page.locator("[data-live]")).to_have_count(1)
    second = Message.objects.exclude(pk=first.pk).get(parent=first.parent_id)
    finish(second)
    page.reload()
    expect(page.locator(".siblings .number")).to_have_text("2 of 2")
    press(page, "Previous version")
    expect(page.locator(".answer .done")).to_have_text("Because.")
    press(page, "Next version")
    expect(page.locator(".siblings .number")).to_have_text("2 of 2")
    for name, rating in (("Good answer", 1), ("Bad answer", -1), ("Bad answer", None)):
        press(page, name)
        thumb = page.get_by_role("button", name=name)
        expect(thumb).to_have_attribute("aria-pressed", "false" if rating is None else "true")
        second.refresh_from_db()
        assert second.rating == rating


def test_compared_answers_are_shown_side_by_side_again(page: Page, chat: Conversation) -> None:
    answers = compare(chat)
    finish(*answers)
    deciding.choose(answers[1])
    page.goto(f"/chats/{chat.pk}")
    expect(page.locator(".column")).to_have_count(0)
    expect(page.get_by_role("link", name="Another model")).to_be_visible()
    press(page, "Show the compared answers side by side")
    expect(page.locator(".column")).to_have_count(3)
    # An answer among others is not asked for again.
    expect(page.get_by_role("link", name="Another model").first).to_be_hidden()
