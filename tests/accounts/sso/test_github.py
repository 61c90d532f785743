"""Signing in with GitHub, played by a small server: GitHub itself is not to be had on a machine without a network."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount

from accounts.models import User
from accounts.sso.configuration import GitHub
from tests.accounts.sso.conftest import Browser, openid_at
from tests.conftest import PASSWORD


@dataclass
class FakeGitHub:
    url: str = ""
    person: Any = field(default_factory=lambda: {"id": 7, "login": "ada", "name": "Ada", "email": "public@example.org"})
    addresses: Any = field(default_factory=lambda: [address("ada@example.org", primary=True)])
    token_request: dict[str, str] = field(default_factory=dict)
    token_answer: Any = field(default_factory=lambda: {"access_token": "token", "token_type": "bearer"})


def address(email: str, *, verified: bool = True, primary: bool = False) -> dict[str, Any]:
    return {"email": email, "verified": verified, "primary": primary}


@pytest.fixture
def github(configure: Any) -> Iterator[FakeGitHub]:
    fake = FakeGitHub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            fake.token_request = {name: values[0] for name, values in parse_qs(body).items()}
            self._send(fake.token_answer)

        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "Bearer token"
            self._send(fake.addresses if self.path.endswith("/emails") else fake.person)

        def _send(self, value: Any) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    configure(github=GitHub("chatsite", "secret", fake.url))
    yield fake
    server.shutdown()


def sign_in(browser: Browser) -> Any:
    asked = parse_qs(urlsplit(browser.start("github")).query)
    query = urlencode({"code": "code", "state": asked["state"][0]})
    return browser.back(f"/accounts/sso/github/callback?{query}")


def test_somebody_new_comes_in_with_the_confirmed_address(github: FakeGitHub, browser: Browser) -> None:
    assert sign_in(browser)["Location"] == "/"
    assert browser.person is not None
    assert (browser.person.email, browser.person.name) == ("ada@example.org", "Ada")
    assert SocialAccount.objects.get().uid == "7"
    assert len(github.token_request["code_verifier"]) >= 43


def test_only_addresses_are_asked_for(github: FakeGitHub, browser: Browser) -> None:
    parts = urlsplit(browser.start("github"))
    asked = parse_qs(parts.query)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{github.url}/login/oauth/authorize"
    assert asked["scope"] == ["user:email"]
    assert asked["redirect_uri"] == ["http://testserver/accounts/sso/github/callback"]


def test_an_address_that_is_not_confirmed_takes_no_account_over(
    github: FakeGitHub, browser: Browser, owner: User
) -> None:
    github.addresses = [address("owner@example.org", verified=False, primary=True)]
    github.person["email"] = "owner@example.org"
    assert sign_in(browser).status_code == 403
    assert browser.person is None
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


def test_of_several_addresses_the_one_that_may_come_in_counts(
    github: FakeGitHub, browser: Browser, configure: Any
) -> None:
    configure(domains=frozenset({"example.org"}))
    github.addresses = [address("ada@elsewhere.example", primary=True), address("ada@example.org")]
    sign_in(browser)
    assert browser.person is not None
    assert browser.person.email == "ada@example.org"
    assert browser.person.emailaddress_set.count() == 1


def test_a_group_mapping_does_not_touch_who_has_no_groups(github: FakeGitHub, browser: Browser, configure: Any) -> None:
    User.objects.create_user("ada@example.org", role="admin")
    configure(roles={"staff": "user"})
    sign_in(browser)
    assert browser.person is not None
    assert browser.person.role == "admin"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token_answer", {"error": "bad_verification_code"}),
        ("token_answer", []),
        ("person", {"id": None}),
        ("person", []),
        ("addresses", {"message": "Not found"}),
        ("addresses", "x"),
    ],
)
def test_an_answer_that_makes_no_sense_signs_nobody_in(
    github: FakeGitHub, browser: Browser, name: str, value: Any
) -> None:
    setattr(github, name, value)
    assert sign_in(browser).status_code == 401
    assert browser.person is None


def test_google_is_an_openid_provider_like_others(provider: Any, browser: Browser, configure: Any) -> None:
    configure(openid=(openid_at(provider.url, id="google", name="Google", groups_claim=()),))
    browser.openid("new@example.org", provider="google")
    assert browser.person is not None
    assert SocialAccount.objects.get().provider == "google"
    provider.says("stranger@example.org", email="new@example.org", email_verified=False)
    assert Browser().openid("stranger@example.org", provider="google").status_code == 403
