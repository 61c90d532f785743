"""The sign-in page with other providers, what stays when passwords are off, and the whole way in a real Chromium."""

import os
import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import get_resolver, reverse
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.audit.models import AuditEvent
from accounts.models import User
from accounts.sso.configuration import GitHub, OpenId
from accounts.sso.urls import routes
from tests.accounts.conftest import is_signed_in
from tests.accounts.sso.all_urls import EVERYTHING
from tests.accounts.sso.conftest import Browser, Peer, callbacks, openid_at, saml_of
from tests.conftest import PASSWORD
from tests.interface.conftest import PHONE, WIDE

# Playwright's loop runs in the test's own thread, where Django would refuse to touch the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# What a visitor without an account may open, and why.
PUBLIC = {
    "start": "sends the browser to a provider",
    "callback": "guarded by a state that only the browser's own session knows",
    "saml_acs": "guarded by the identity provider's signature",
    "saml_finish": "guarded by what was put aside, and by the request that the session knows",
    "saml_metadata": "for the identity provider's administrator; says nothing secret",
}

ADDRESSES = {
    "start": ["oidc"],
    "callback": ["oidc"],
}


def page_of(client: Client, query: str = "") -> str:
    return client.get(f"/accounts/login/{query}").content.decode()


def buttons(page: str) -> list[str]:
    return re.findall(r'action="/accounts/sso/([\w-]+)/start"', page)


def test_without_providers_the_page_is_as_it_was(client: Client, owner: User) -> None:
    page = page_of(client)
    assert buttons(page) == []
    assert "divider" not in page
    assert client.get("/accounts/sso/oidc/callback").status_code == 404
    assert client.post("/accounts/sso/saml/acs").status_code == 404


def test_every_provider_has_a_button(client: Client, owner: User, configure: Any) -> None:
    configure(
        openid=(openid_at("https://x", name="Example & Co"), OpenId("google", "Google", "https://y", "", "")),
        github=GitHub("", ""),
        saml=saml_of(""),
    )
    page = page_of(client, "?next=/settings")
    assert buttons(page) == ["oidc", "saml", "github", "google"]
    assert "Continue with Example &amp; Co" in page
    assert page.count('<input type="hidden" name="next" value="/settings">') == 5
    assert 'name="password"' in page


class TestPasswordsOff:
    @pytest.fixture(autouse=True)
    def _off(self, configure: Any) -> None:
        configure(openid=(openid_at("https://x"),), passwords=False)

    def test_the_page_has_buttons_only(self, client: Client, owner: User) -> None:
        page = page_of(client)
        assert buttons(page) == ["oidc"]
        assert 'name="password"' not in page
        assert "Forgot your password?" not in page

    def test_a_right_password_is_as_wrong_as_any(self, client: Client, owner: User) -> None:
        form = {"login": "owner@example.org", "password": PASSWORD}
        response = client.post("/accounts/login/", form)
        wrong = client.post("/accounts/login/", {**form, "password": "wrong"})
        assert not is_signed_in(client)
        assert response.context["form"].errors == wrong.context["form"].errors != {}

    def test_a_suspended_person_learns_nothing_either(self, client: Client, owner: User) -> None:
        User.objects.update(is_active=False)
        response = client.post("/accounts/login/", {"login": "owner@example.org", "password": PASSWORD})
        assert response.status_code == 200

    def test_a_super_admin_comes_in_when_the_provider_is_away(self, client: Client, admin_user: User) -> None:
        page = page_of(client)
        assert "Sign in with a password, as a super admin" in page
        page = page_of(client, "?password")
        assert 'name="password"' in page
        assert "Passwords are for super admins here" in page
        client.post("/accounts/login/", {"login": admin_user.email, "password": PASSWORD})
        assert is_signed_in(client)


def test_the_public_routes_are_these() -> None:
    assert {route.name for route in routes(EVERYTHING)} == set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_route_changes_nothing_for_a_visitor(name: str, idp: Peer, configure: Any, client: Client) -> None:
    configure(openid=(openid_at("http://127.0.0.1:9"),))
    address = reverse(f"sso:{name}", args=ADDRESSES.get(name, []))
    for method in (client.get, client.post, client.put, client.delete):
        assert method(address).status_code in {200, 302, 401, 405}
    assert not User.objects.exists()
    assert "_auth_user_id" not in client.session


def test_no_page_of_allauths_own_is_there(idp: Peer, client: Client, owner: User) -> None:
    """Its pages for connecting, signing up and so on are not used, and so they do not exist."""
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    assert not {name for name in names if name.startswith(("socialaccount_", "openid_connect_", "saml_"))}
    client.force_login(owner)
    for path in ("3rdparty/", "social/connections/", "saml/saml/sls/", "oidc/oidc/login/", "google/login/token/"):
        assert client.get(f"/accounts/{path}").status_code == 404


# --- With what else stands between a password and a page ---


def test_a_required_second_factor_is_required_of_them_too(
    provider: Peer, browser: Browser, configure: Any, settings: Any
) -> None:
    settings.TOTP_REQUIRED_ROLES = ["admin"]
    configure(roles={"admins": "admin"}, default_role="user")
    provider.says("new@example.org", groups=["admins"])
    browser.openid("new@example.org")
    assert browser.person is None
    assert browser.here.get("/settings")["Location"].startswith(reverse("second_factor:enrol"))
    provider.says("new@example.org", groups=[])
    again = Browser()
    again.openid("new@example.org")
    assert again.person is not None


def test_an_authenticator_is_asked_for_after_another_provider(provider: Peer, browser: Browser, owner: User) -> None:
    from accounts.second_factor.models import Authenticator

    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    device = Authenticator.objects.create(user=owner, confirmed=True, secret="00" * 20)
    User.objects.filter(pk=owner.pk).update(second_factor=device.pk)
    browser.openid("owner@example.org")
    assert browser.person is None
    assert browser.here.get("/settings")["Location"].startswith(reverse("second_factor:step"))


def test_what_happens_is_audited(provider: Peer, browser: Browser, configure: Any) -> None:
    configure(roles={"admins": "admin"}, domains=frozenset({"example.org"}))
    browser.openid("new@example.org")
    provider.says("new@example.org", groups=["admins"])
    Browser().openid("new@example.org")
    Browser().openid("boss@elsewhere.example")
    browser.back("/accounts/sso/oidc/callback?state=made-up&code=x")
    events = list(AuditEvent.objects.order_by("pk").values_list("action", "details"))
    assert ("identity.linked", {"provider": "oidc", "new": True}) in events
    assert ("identity.refused", {"provider": "oidc", "because": "domain"}) in events
    assert ("identity.refused", {"provider": "oidc", "because": "no such request"}) in events
    assert ("admin.role_changed", {"before": "user", "role": "admin"}) in events
    assert [action for action, _ in events].count("session.signed_in") == 2
    assert "@" not in str(events)


# --- In a browser, which enforces the content security policy and the rules for cookies ---


@pytest.fixture
def visitor(chromium: Chromium, live_server: LiveServer, transactional_db: None) -> Any:
    context = chromium.new_context(viewport=WIDE, base_url=live_server.url)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.mark.browser
def test_the_whole_way_with_openid(visitor: Page, live_server: LiveServer, settings: Any, provider: Peer) -> None:
    settings.BASE_URL = live_server.url
    provider._write("people.json", {"redirect_uris": callbacks(live_server.url)})
    User.objects.create_user("first@example.org")
    visitor.goto("/settings")
    visitor.get_by_role("button", name="Continue with Example").click()
    visitor.get_by_label("E-mail").or_(visitor.locator("[name=login]")).first.fill("new@example.org")
    visitor.locator("[name=password]").fill(PASSWORD)
    visitor.locator("form button").first.click()
    expect(visitor).to_have_url(f"{live_server.url}/settings")
    expect(visitor.get_by_text("new@example.org").first).to_be_visible()


@pytest.mark.browser
def test_the_whole_way_with_saml(visitor: Page, live_server: LiveServer, settings: Any, idp: Peer) -> None:
    settings.BASE_URL = live_server.url
    User.objects.create_user("first@example.org")
    visitor.goto("/settings")
    visitor.get_by_role("button", name="Continue with Example").click()
    expect(visitor).to_have_url(f"{live_server.url}/settings")
    expect(visitor.get_by_text("new@example.org").first).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_the_page_fits_and_is_used_by_keyboard(
    visitor: Page, configure: Any, size: Any, settings: Any, live_server: LiveServer
) -> None:
    settings.BASE_URL = live_server.url
    long_name = "the directory of the Example Company for People and Machines"
    configure(
        openid=(openid_at("https://x", name=long_name), OpenId("google", "Google", "https://y", "", "")),
        github=GitHub("", ""),
    )
    User.objects.create_user("first@example.org")
    visitor.set_viewport_size(size)
    visitor.goto("/accounts/login/")
    assert visitor.evaluate("document.documentElement.scrollWidth <= innerWidth")
    visitor.keyboard.press("Tab")
    visitor.keyboard.press("Tab")
    assert "Continue with" in str(visitor.evaluate("document.activeElement.textContent"))
    if folder := os.environ.get("SCREENSHOTS"):
        visitor.screenshot(path=f"{folder}/sign-in-{size['width']}.png")
        visitor.emulate_media(color_scheme="dark")
        visitor.screenshot(path=f"{folder}/sign-in-{size['width']}-dark.png")
        configure(passwords=False)
        visitor.goto("/accounts/login/")
        visitor.screenshot(path=f"{folder}/sign-in-{size['width']}-no-passwords.png")
        visitor.emulate_media(color_scheme="light")
        visitor.goto("/accounts/sso/oidc/callback?state=x")
        visitor.screenshot(path=f"{folder}/refused-{size['width']}.png")
