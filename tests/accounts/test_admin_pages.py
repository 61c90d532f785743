"""The administration in a real browser: no complaint in the console, nothing wider than a phone, usable by keyboard."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from accounts.invitations import inviting
from accounts.models import User
from tests.conftest import PASSWORD
from tests.routes import World

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 800}
LISTS = [
    "rights/legalhold",
    "rights/legalhold/add",
    "accounts/user",
    "invitations/invitation",
    "documents/document",
    "audit/auditevent",
    "lock_out/failures",
]


@pytest.fixture
def boss(transactional_db: None) -> User:
    return User.objects.create_superuser("boss@example.org", PASSWORD, name="Boss")


@pytest.fixture
def tab(chromium: Browser, live_server: LiveServer, boss: User) -> Iterator[Page]:
    """A super admin's browser. Whatever a page complains of in the console fails the test."""
    client = Client()
    client.force_login(boss)
    context = chromium.new_context(viewport=WIDE, base_url=live_server.url)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: _note(message, complaints))
    yield page
    context.close()
    assert complaints == []


def _note(message: Any, complaints: list[str]) -> None:
    if message.type in {"error", "warning"} and "blocked by Playwright" not in message.text:
        complaints.append(f"{message.location.get('url')}: {message.text}")


def addresses(world: World) -> list[str]:
    return [
        "/admin/",
        *(f"/admin/{name}/" for name in LISTS),
        f"/admin/accounts/user/{world.owner.pk}/change/",
        f"/admin/documents/document/{world.document.pk}/change/",
        "/admin/invitations/invitation/add/",
        "/admin/models/",
        "/admin/settings/",
    ]


@pytest.mark.browser
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_fits_and_complains_of_nothing(
    tab: Page, boss: User, owner: User, size: Any, colours: Any, live_server: LiveServer
) -> None:
    world = World.of(owner)
    inviting.invite(boss, ["new@example.org"], "user")
    tab.context.add_cookies([{"name": "theme", "value": colours, "url": live_server.url}])
    tab.set_viewport_size(size)
    for address in addresses(world):
        response = tab.goto(address)
        assert response is not None
        assert response.status == 200, address
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{address} is wider than the screen"
        assert tab.locator("h1").count() == 1, address
        dark = tab.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
        assert dark is (colours == "dark"), address


@pytest.mark.browser
def test_rows_are_chosen_all_at_once_and_counted(tab: Page, owner: User, stranger: User) -> None:
    tab.goto("/admin/accounts/user/")
    tab.get_by_role("checkbox").first.check()
    assert tab.locator("[data-chosen]").inner_text() == "3 of 3 chosen"
    tab.locator("tbody input.action-select").first.uncheck()
    assert tab.locator("[data-chosen]").inner_text() == "2 of 3 chosen"


@pytest.mark.browser
def test_somebody_is_invited_by_keyboard_alone(tab: Page) -> None:
    tab.goto("/admin/invitations/invitation/add/")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.keyboard.press("Enter")
    for _ in range(3):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.name") == "addresses":
            break
    tab.keyboard.type("new@example.org")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.value") == "user"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".copyable code")
    assert "/invitation/" in tab.locator(".copyable code").inner_text()


@pytest.mark.browser
def test_the_menu_opens_on_a_phone(tab: Page) -> None:
    tab.set_viewport_size(PHONE)
    tab.goto("/admin/")
    assert not tab.locator("#sidebar").is_visible()
    tab.get_by_role("button", name="Chats and pages").click()
    tab.get_by_role("link", name="People", exact=True).first.click()
    tab.wait_for_url("**/admin/accounts/user/")
