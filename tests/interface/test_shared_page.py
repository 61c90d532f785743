"""A shared page in Chromium, with the socket's other end in the test's hand: it leaves when it may not stay."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, WebSocketRoute, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from chats import conversation as conversations
from chats import live
from chats.models import Conversation, Message
from chats.sharing import giving
from tests.chats.conftest import sealed_in
from tests.chats.sharing.conftest import QUOTE, answer, chat, viewer
from tests.interface.accessibility import complaints
from tests.interface.conftest import PHONE, WIDE, _note, in_both_windows
from tests.interface.test_accessibility import _page, looks

__all__ = ["answer", "chat", "viewer"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def page(request: pytest.FixtureRequest, chromium: Browser, live_server: LiveServer, viewer: User) -> Iterator[Page]:
    """The viewer's. Its sockets are in `page.sockets`."""
    client = Client()
    client.force_login(viewer)
    context = chromium.new_context(viewport=request.param, base_url=live_server.url)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    made = context.new_page()
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda message: _note(message, complaints))
    yield made
    context.close()
    assert complaints == []


@pytest.fixture
def sockets(page: Page) -> list[WebSocketRoute]:
    opened: list[WebSocketRoute] = []

    def accept(socket: WebSocketRoute) -> None:
        opened.append(socket)

    page.route_web_socket(re.compile("/ws/shared/"), accept)
    return opened


def opened(page: Page, chat: Conversation, sockets: list[Any]) -> None:
    page.goto(f"/shared/{chat.pk}")
    for _ in range(100):
        if sockets:
            return
        page.wait_for_timeout(50)
    raise AssertionError("the page did not connect")


def test_a_source_opens_beside_the_answer(
    page: Page, chat: Conversation, viewer: User, sockets: list[WebSocketRoute]
) -> None:
    giving.with_person(chat, viewer.email)
    opened(page, chat, sockets)
    page.locator(".source").click()
    expect(page.locator("#panel .passage-quote")).to_have_text(QUOTE)


def test_an_answer_is_copied_as_it_was_written(
    page: Page, chat: Conversation, answer: Message, viewer: User, sockets: list[WebSocketRoute]
) -> None:
    giving.with_person(chat, viewer.email)
    text = "At the **north** pier [1]: $x^2$."
    Message.objects.filter(pk=answer.pk).update(**sealed_in(answer, content=text))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, chat, sockets)
    page.get_by_role("button", name="Copy the answer").click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == text


def test_when_it_is_told_that_it_is_over_it_leaves(
    page: Page, chat: Conversation, answer: Message, viewer: User, sockets: list[WebSocketRoute]
) -> None:
    giving.with_person(chat, viewer.email)
    opened(page, chat, sockets)
    sockets[0].send(live.event(chat.pk, "gone")["frame"])
    expect(page).to_have_url(re.compile("/shared/ended$"), timeout=30_000)
    expect(page.get_by_role("heading")).to_have_text("This chat is not shared with you any more")
    expect(page.locator(".message")).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_owner_who_looks_reads_the_title(tab: Page, chat: Conversation, width: int) -> None:
    tab.route_web_socket("**/ws/**", lambda _socket: None)
    conversations.rename(chat, "When the last ferry leaves")
    tab.set_viewport_size({"width": width, "height": 700})
    tab.goto(f"/shared/{chat.pk}")
    expect(tab.get_by_text("As others see it")).to_be_visible()
    expect(tab.get_by_role("link", name="Back to the chat")).to_be_visible()
    # On the narrowest phones the end may be cut off, but not the sense.
    assert tab.locator("#chat-title").evaluate("title => title.clientWidth / title.scrollWidth") > 0.8
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("end", ["suspended", "revoked"])
def test_when_the_socket_is_closed_without_a_word_it_asks_and_leaves(
    page: Page, chat: Conversation, viewer: User, sockets: list[WebSocketRoute], end: str
) -> None:
    share = giving.with_person(chat, viewer.email)
    opened(page, chat, sockets)
    if end == "suspended":
        User.objects.filter(pk=viewer.pk).update(is_active=False)
    else:
        giving.end(share)
    sockets[0].close(code=4403)
    expect(page).to_have_url(re.compile("/shared/ended$"), timeout=30_000)


def test_a_connection_that_is_lost_costs_nothing(
    page: Page, chat: Conversation, viewer: User, sockets: list[WebSocketRoute]
) -> None:
    giving.with_person(chat, viewer.email)
    opened(page, chat, sockets)
    with page.expect_response("**/latest"):
        sockets[0].close(code=1013)
    for _ in range(100):
        if len(sockets) > 1:
            break
        page.wait_for_timeout(50)
    assert len(sockets) > 1
    expect(page.locator(".message.answer")).to_be_visible()


@in_both_windows
def test_the_owner_shares_by_keyboard_and_sees_the_link_once(tab: Page, owner: User) -> None:
    tab.route_web_socket("**/ws/**", lambda _socket: None)
    chat = conversations.start(owner)
    tab.goto(f"/chats/{chat.pk}")
    tab.get_by_role("link", name="Share this chat").focus()
    tab.keyboard.press("Enter")
    tab.get_by_label("With a person").fill("nobody@example.org")
    tab.keyboard.press("Enter")
    expect(tab.locator(".share-list")).to_contain_text("nobody@example.org")
    tab.get_by_role("button", name="Make a link").press("Enter")
    expect(tab.locator("#new-link")).to_have_value(re.compile(r"/shared/link/[\w-]{64}$"))
    tab.get_by_role("button", name="End the share: nobody@example.org").press("Enter")
    expect(tab.locator(".share-list")).not_to_contain_text("nobody@example.org")
    expect(tab.locator("#new-link")).to_have_count(0)


def test_what_is_shared_with_a_role_is_read_by_its_members_and_by_no_others(
    tab: Page, page: Page, chat: Conversation, answer: Message, viewer: User, sockets: list[WebSocketRoute]
) -> None:
    tab.route_web_socket("**/ws/**", lambda _socket: None)
    assert page.viewport_size is not None
    tab.set_viewport_size(page.viewport_size)
    tab.goto(f"/chats/{chat.pk}")
    tab.get_by_role("link", name="Share this chat").click()
    other = "admin" if viewer.role != "admin" else "user"
    for role in (other, viewer.role):
        page.goto("/shared")
        expect(page.locator(f"a[href='/shared/{chat.pk}']")).to_have_count(0)
        assert page.goto(f"/shared/{chat.pk}").status == 404
        tab.get_by_label("With everybody of a role").select_option(role)
        tab.get_by_role("button", name="Share with the role").click()
        expect(tab.locator(".share-list li")).to_have_count(1 if role == other else 2)
    page.goto("/shared")
    page.locator(f".received a[href='/shared/{chat.pk}']").click()
    page.wait_for_url(f"**/shared/{chat.pk}")
    expect(page.locator(".message.answer .prose")).to_have_text(
        tab.locator(".message.answer .prose").inner_text().strip()
    )
    expect(page.get_by_label("Your question", exact=True)).to_have_count(0)


@looks
def test_axe_finds_nothing_in_what_is_shared(
    chromium: Browser,
    live_server: LiveServer,
    settings: Any,
    chat: Conversation,
    owner: User,
    viewer: User,
    theme: str,
    width: int,
) -> None:
    settings.SHARE_LINKS = "anybody"
    giving.with_person(chat, viewer.email)
    token = giving.by_link(chat, days=1)[1]
    own = f"/shared/{chat.pk}"
    pages: list[tuple[User | None, str]] = [(viewer, "/"), (viewer, own), (owner, own), (None, f"/shared/link/{token}")]
    for user, address in pages:
        context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce")
        page = _page(context, live_server, user, theme, width)
        page.goto(address)
        if page.locator(".source").count():
            page.locator(".source").click()
            page.locator("#panel .passage-quote").wait_for()
        assert complaints(page) == []
        context.close()


@looks
def test_axe_finds_nothing_in_the_panel(
    chromium: Browser, live_server: LiveServer, chat: Conversation, owner: User, theme: str, width: int
) -> None:
    giving.with_role(chat, "viewer", days=1)
    context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce")
    page = _page(context, live_server, owner, theme, width)
    page.goto(f"/chats/{chat.pk}")
    page.get_by_role("link", name="Share this chat").click()
    page.get_by_role("button", name="Make a link").click()
    page.locator("#new-link").wait_for()
    assert complaints(page) == []
    page.get_by_label("With a person").fill("owner@example.org")
    page.get_by_label("With a person").press("Enter")
    page.get_by_role("alert").wait_for()
    assert complaints(page) == []
    context.close()
