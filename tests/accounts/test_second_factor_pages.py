"""The second factor in a real Chromium: setting it up, signing in with it, and what the settings show."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from tests.accounts.phone import Phone, forget_codes
from tests.conftest import PASSWORD

# Playwright's loop runs in the test's own thread, where Django would refuse to touch the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=[(390, 844, "dark"), (1280, 800, "light")], ids=["phone", "wide"])
def tab(request: pytest.FixtureRequest, chromium: Browser, live_server: LiveServer) -> Iterator[Page]:
    """Somebody's browser. A page that breaks its own rules (inline code, other hosts) fails the test."""
    width, height, scheme = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        base_url=live_server.url,
        accept_downloads=True,
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert complaints == []


def give_password(tab: Page, user: User) -> None:
    tab.get_by_label("E-mail address").fill(user.email)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()


def fits(tab: Page) -> bool:
    return bool(tab.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_from_setting_up_to_signing_in_and_recovering(tab: Page, owner: User, tmp_path: Path) -> None:
    tab.goto("/settings")
    give_password(tab, owner)
    tab.get_by_role("link", name="Set up").click()
    picture = tab.locator("svg.qr")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] >= 180, "a camera must be able to read it"
    assert fits(tab)
    tab.get_by_text("Cannot scan it?").click()
    expect(tab.get_by_role("link", name="open the app directly")).to_have_attribute(
        "href", re.compile(r"^otpauth://totp/Chatsite:owner%40example\.org\?secret=[A-Z2-7]{32}&")
    )
    phone = Phone.scanning(owner)
    tab.get_by_label("Code").fill(phone.code())
    tab.keyboard.press("Enter")

    codes = tab.locator("#codes li")
    expect(codes).to_have_count(10)
    assert fits(tab)
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download").click()
    saved = tmp_path / "codes.txt"
    download.value.save_as(saved)
    assert saved.read_text().split() == codes.all_text_contents()
    recovery_code = codes.first.inner_text()
    tab.get_by_role("link", name="I have kept them").click()

    tab.goto("/settings")
    expect(tab.get_by_text("10 of 10 left")).to_be_visible()
    expect(tab.get_by_text("This one")).to_be_visible()
    assert fits(tab)
    tab.locator("section[aria-labelledby=security]").get_by_role("button", name="Sign out", exact=True).click()

    forget_codes(owner)
    tab.goto("/documents/")
    give_password(tab, owner)
    expect(tab.get_by_role("heading", name="One more step")).to_be_visible()
    expect(tab.get_by_label("Code")).to_be_focused()
    assert fits(tab)
    tab.get_by_label("Code").fill(phone.code())
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/documents/")

    tab.goto("/accounts/logout/")
    tab.get_by_role("button", name="Sign out").click()
    tab.goto("/settings")
    give_password(tab, owner)
    tab.get_by_role("link", name="Use a recovery code").click()
    tab.get_by_label("Recovery code").fill(recovery_code)
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/settings")
    expect(tab.get_by_text("9 of 10 left")).to_be_visible()
