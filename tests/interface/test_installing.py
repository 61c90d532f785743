"""The site can be installed, says so when there is no connection, and leaves nothing of anybody's in the browser."""

from collections.abc import Iterator

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from chats import conversation as conversations
from tests.interface.conftest import PHONE, WIDE
from tests.routes import signed_in

browser = pytest.mark.browser
stored = pytest.mark.django_db(transaction=True)


def test_the_manifest_says_what_browsers_want_to_know(client: Client) -> None:
    response = client.get(reverse("manifest"))
    assert response["Content-Type"] == "application/manifest+json"
    manifest = response.json()
    assert manifest["display"] == "standalone"
    assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512"}
    assert [icon for icon in manifest["icons"] if icon.get("purpose") == "maskable"]


def test_every_icon_is_there_in_the_size_it_is_said_to_have(client: Client) -> None:
    for icon in client.get(reverse("manifest")).json()["icons"]:
        found = finders.find(icon["src"].removeprefix("/static/"))
        assert found, icon["src"]
        if icon["type"] == "image/png":
            with Image.open(str(found)) as image:
                assert f"{image.width}x{image.height}" == icon["sizes"]


@pytest.mark.django_db
def test_the_worker_and_its_page_are_the_same_for_everybody(client: Client, owner: User) -> None:
    for name in ("service_worker", "offline", "manifest"):
        before = client.get(reverse(name)).content
        assert signed_in(owner).get(reverse(name)).content == before
        assert owner.email.encode() not in before


def test_the_worker_may_ask_this_server_alone(client: Client) -> None:
    policy = client.get(reverse("service_worker"))["Content-Security-Policy"]
    assert "connect-src 'self'" in policy
    assert "default-src 'none'" in policy


@pytest.fixture
def installed(chromium: Browser, live_server: LiveServer, transactional_db: None, owner: User) -> Iterator[Page]:
    """The owner's browser once the worker works."""
    context = chromium.new_context(viewport=WIDE, base_url=live_server.url, service_workers="allow")
    session = signed_in(owner).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.route_web_socket("**/ws/**", lambda _socket: None)
    page.goto("/")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    yield page
    context.close()


_KEPT = """async () => {
    const kept = [];
    for (const name of await caches.keys())
        for (const request of await (await caches.open(name)).keys()) kept.push(new URL(request.url).pathname);
    return kept.sort();
}"""

_TEXTS = """async () => {
    const cache = await caches.open((await caches.keys())[0]);
    return Promise.all((await cache.matchAll()).map(one => one.text()));
}"""


@browser
@stored
@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_without_a_connection_a_page_says_so_and_a_draft_survives(installed: Page, size: dict[str, int]) -> None:
    installed.set_viewport_size({"width": size["width"], "height": size["height"]})
    installed.reload()
    installed.get_by_label("Your question").fill("An unfinished thought")
    installed.context.set_offline(True)
    installed.reload()
    expect(installed.get_by_role("heading", name="No connection")).to_be_visible()
    assert installed.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") != "0px"
    installed.context.set_offline(False)
    installed.get_by_role("link", name="Try again").click()
    expect(installed.get_by_label("Your question")).to_have_value("An unfinished thought")


@browser
@stored
def test_nothing_of_anybody_is_kept_in_the_browsers_cache(installed: Page, owner: User) -> None:
    chat = conversations.start(owner)
    conversations.post_message(chat, "A secret question")
    for path in (f"/chats/{chat.pk}", "/documents/", "/settings"):
        installed.goto(path)
        installed.wait_for_load_state("networkidle")
    kept = installed.evaluate(_KEPT)
    assert kept == ["/offline", "/static/css/base.css", "/static/css/components.css", "/static/icons/favicon.svg"]
    for text in installed.evaluate(_TEXTS):
        assert "secret" not in text
        assert owner.email not in text


@browser
@stored
def test_signing_out_takes_the_worker_and_the_drafts_away(installed: Page) -> None:
    installed.get_by_label("Your question").fill("An unfinished thought")
    installed.locator(".account").click()
    installed.get_by_role("button", name="Sign out").click()
    installed.wait_for_url("**/accounts/login/**")
    assert installed.evaluate(_KEPT) == []
    assert installed.evaluate("Object.keys(localStorage)") == []
