"""A real Chromium on the real pages. Tests play the socket's other end: `server`."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Message
from tests.interface.page_server import Server
from tests.library.conftest import make_document

# Playwright's loop runs in the test's own thread, where Django would refuse to touch the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

__all__ = ["in_both_windows", "make_document"]

PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 800}
in_both_windows = pytest.mark.usefixtures("window")


@pytest.fixture
def tab(chromium: Browser, live_server: LiveServer, transactional_db: None, owner: User) -> Iterator[Page]:
    """The owner's browser. Whatever the page complains of in the console fails the test."""
    client = Client()
    client.force_login(owner)
    context = chromium.new_context(viewport=WIDE, base_url=live_server.url)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: _note(message, complaints))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def window(request: pytest.FixtureRequest, tab: Page) -> None:
    """For tests of `tab` that hold on a phone and on a wide window: both are walked through."""
    tab.set_viewport_size(request.param)


@pytest.fixture
def server(tab: Page) -> Server:
    return Server(tab)


@pytest.fixture
def chat(owner: User) -> Conversation:
    return conversations.start(owner)


@pytest.fixture
def answer(chat: Conversation) -> Message:
    """An answer that somebody is writing; nothing of it is stored yet."""
    answer = conversations.post_message(chat, "Why is the sky blue?").answer
    Message.objects.filter(pk=answer.pk).update(status="writing")
    return answer


def _note(message: Any, complaints: list[str]) -> None:
    # Refused requests and broken connections are part of some tests, and the browser always mentions them.
    expected = ("Failed to load resource", "Failed to fetch", "WebSocket")
    if message.type == "error" and not any(words in message.text for words in expected):
        complaints.append(message.text)
