"""Real peers on this machine, each in a process of its own, and a browser that goes between them and the product."""

import html
import json
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from accounts.sso.configuration import Configuration, OpenId, Saml
from tests.accounts.sso import openid_provider as provider_program
from tests.accounts.sso import saml_provider as saml_program

PROJECT = Path(__file__).resolve().parents[3]
BASE_URL = "http://testserver"
PEOPLE = ["owner@example.org", "stranger@example.org", "new@example.org", "boss@elsewhere.example"]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def started(module: str, *arguments: str) -> subprocess.Popen[str]:
    """A helper program, once it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready", f"{module} did not start"
    return process


@dataclass
class Peer:
    """A provider, and what it shall say."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    def says(self, person: str, /, **claims: Any) -> None:
        self._write("people.json", {**self._read("people.json"), person: claims})

    def misbehaves(self, **how: Any) -> None:
        self._write("misbehave.json", how)

    def behaves(self) -> None:
        self._write("people.json", {})
        self._write("misbehave.json", {})

    def _read(self, name: str) -> dict[str, Any]:
        return json.loads((self.folder / name).read_text())

    def _write(self, name: str, value: Any) -> None:
        path = self.folder / f"{name}.new"
        path.write_text(json.dumps(value))
        path.rename(self.folder / name)


@dataclass
class Browser:
    """One person's browser: the product's cookies and the provider's."""

    here: Client = field(default_factory=Client)
    there: httpx.Client = field(default_factory=httpx.Client)
    # How often a provider that knew this browser wanted the password again.
    asked_anew: int = 0

    def start(self, provider: str, **form: str) -> str:
        """Press the button. Returns where the browser is sent."""
        response = self.here.post(f"/accounts/sso/{provider}/start", form)
        assert response.status_code == 200, response
        page = response.content.decode()
        address = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
        assert address, page
        return html.unescape(address[1])

    def at_openid(self, address: str, email: str) -> str:
        """Sign in there. Returns the address that the provider sends the browser back to."""
        response = self.there.get(address)
        while response.status_code in {301, 302, 303}:
            target = httpx.URL(address).join(response.headers["Location"])
            if "/accounts/sso/" in target.path or target.host == "testserver":
                return str(target)
            address = str(target)
            if target.path.startswith("/accounts/login"):
                form = {"login": email, "password": provider_program.PASSWORD}
                response = self.there.post(address, data=form)
            elif target.path.startswith("/accounts/reauthenticate"):
                self.asked_anew += 1
                response = self.there.post(address, data={"password": provider_program.PASSWORD})
            else:
                response = self.there.get(address)
        raise AssertionError(f"{address} answered {response.status_code}: {response.text[:500]}")

    def back(self, address: str) -> Any:
        parts = urlsplit(address)
        return self.here.get(f"{parts.path}?{parts.query}")

    def sign_in_again(self, back: str = "/settings") -> None:
        """What the page that asks for a confirmation has as its button."""
        answer = self.here.post("/settings/confirm/sign-in-again", {"next": back})
        assert answer["Location"].startswith("/accounts/login/"), answer

    def openid(self, email: str, provider: str = "oidc", **form: str) -> Any:
        """The whole way, and the product's last answer."""
        return self.back(self.at_openid(self.start(provider, **form), email))

    def at_saml(self, address: str, person: str) -> tuple[str, str]:
        """Sign in there. Returns where the response is to be posted to, and the response."""
        page = self.there.get(address, params={**dict(httpx.URL(address).params), "as": person}).text
        found = re.search(r'action="([^"]+)"><input name="SAMLResponse" value="([^"]*)"', page)
        assert found, page
        return html.unescape(found[1]), found[2]

    def post(self, acs: str, response: str) -> Any:
        """Post it from the provider's page, and follow. A browser sends no session along with such a POST."""
        elsewhere = Client()
        answer = elsewhere.post(urlsplit(acs).path, {"SAMLResponse": response, "RelayState": ""})
        if answer.status_code != 302:
            return answer
        self.here.cookies.update(elsewhere.cookies)
        return self.here.get(answer["Location"])

    def saml(self, person: str, **form: str) -> Any:
        return self.post(*self.at_saml(self.start("saml", **form), person))

    @property
    def person(self) -> User | None:
        """Who is signed in here."""
        if self.here.get("/settings").status_code != 200:
            return None
        return User.objects.get(pk=self.here.session["_auth_user_id"])


@pytest.fixture
def browser(db: None) -> Browser:
    return Browser()


@pytest.fixture(autouse=True)
def _fresh(db: None) -> None:
    cache.clear()


@pytest.fixture
def configure(settings: Any) -> Any:
    """Set what SSO says, as the environment would."""
    settings.ROOT_URLCONF = "tests.accounts.sso.all_urls"
    settings.BASE_URL = BASE_URL

    def change(**values: Any) -> Configuration:
        settings.SSO = replace(settings.SSO, **values)
        return settings.SSO

    return change


@pytest.fixture(scope="session")
def _openid_peer() -> Iterator[Peer]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="chatsite-openid-") as name:
        folder = Path(name)
        start = {"people": PEOPLE, "redirect_uris": "\n".join(callbacks(BASE_URL))}
        (folder / "start.json").write_text(json.dumps(start))
        peer = Peer(folder, f"http://127.0.0.1:{port}", started(provider_program.__name__, name, str(port)))
        yield peer
        peer.process.terminate()
        peer.process.wait(timeout=10)


@pytest.fixture
def provider(_openid_peer: Peer, configure: Any) -> Peer:
    """The OpenID Connect provider, configured here and behaving."""
    _openid_peer.behaves()
    configure(openid=(openid_at(_openid_peer.url),))
    return _openid_peer


def callbacks(base_url: str) -> list[str]:
    return [f"{base_url}/accounts/sso/{name}/callback" for name in ("oidc", "google")]


def openid_at(url: str, **more: Any) -> OpenId:
    plain = OpenId(
        "oidc", "Example", url, provider_program.CLIENT_ID, provider_program.CLIENT_SECRET, groups_claim=("groups",)
    )
    return replace(plain, **more)


@pytest.fixture(scope="session")
def _saml_peer() -> Iterator[Peer]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="chatsite-saml-") as name:
        peer = Peer(Path(name), f"http://127.0.0.1:{port}", started(saml_program.__name__, name, str(port)))
        yield peer
        peer.process.terminate()
        peer.process.wait(timeout=10)


@pytest.fixture
def idp(_saml_peer: Peer, configure: Any) -> Peer:
    """The SAML identity provider, configured here and behaving."""
    _saml_peer.behaves()
    configure(saml=saml_of(httpx.get(f"{_saml_peer.url}/metadata").text))
    return _saml_peer


def saml_of(metadata: str, **more: Any) -> Saml:
    plain = Saml("Example", metadata, "", "", f"{BASE_URL}/accounts/sso/saml/metadata", trust_email=True)
    return replace(plain, **more)
