"""The headers of every kind of answer: pages, fragments, refusals, files, redirects, and what no view has made."""

import http.client
import re
import socket
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from django.conf import LazySettings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from accounts import setup
from accounts.limits import rates
from accounts.models import User
from chats import conversation as conversations
from chatsite import costs, headers
from chatsite.urls import urlpatterns as real_urlpatterns
from documents.models import Document
from tests.library.conftest import make_document, pdf_document
from tests.platform.test_server import Web, signed_in, web

__all__ = ["make_document", "pdf_document", "signed_in", "web"]

HTML = "text/html; charset=utf-8"


# --- Views that only tests have ---


def broken(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("This is meant to happen.")


def busy(_request: HttpRequest) -> HttpResponse:
    raise rates.TooMany(costs.CHANGE, 5)


def interface(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("{}", content_type="application/json")


urlpatterns = [
    path("broken", broken),
    path("busy", busy),
    path("api/v1/models", interface),
    *real_urlpatterns,
]
handler500 = "django.views.defaults.server_error"


# --- What must stand on each ---


def check(given: Any, *, is_page: bool) -> None:
    """`given` has headers by name, as responses of Django and of http.client have them."""
    for name, value in headers.always():
        assert given[name] == value, name
    policy = dict(part.strip().partition(" ")[::2] for part in given["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "unsafe" not in given["Content-Security-Policy"]
    if is_page:
        assert re.fullmatch(r"'self' 'nonce-[\w-]{16,}'", policy["script-src"])
        assert policy["style-src"] == policy["img-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    else:
        assert "script-src" not in policy
        assert policy["form-action"] == "'none'"
    assert "Access-Control-Allow-Origin" not in given
    assert "Server" not in given


def is_private(given: Any) -> bool:
    return "no-store" in given["Cache-Control"] and "private" in given["Cache-Control"]


@pytest.fixture
def browser(owner: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    return client


@pytest.mark.urls(__name__)
class TestAnswersOfDjango:
    @pytest.mark.parametrize("address", ["/", "/settings", "/documents/", "/accounts/login/", "/nowhere", "/broken"])
    def test_pages_and_pages_that_say_what_went_wrong(self, browser: Client, address: str) -> None:
        response = browser.get(address)
        assert response["Content-Type"] == HTML
        check(response, is_page=True)
        assert is_private(response)

    def test_the_set_up_page(self, client: Client, db: None) -> None:
        response = client.get(setup.new_link_path())
        assert response.status_code == 200
        check(response, is_page=True)

    def test_the_administration(self, client: Client, admin_user: User) -> None:
        client.force_login(admin_user)
        for address in ("/admin/", "/admin/accounts/user/", f"/admin/accounts/user/{admin_user.pk}/change/"):
            response = client.get(address)
            assert response.status_code == 200
            check(response, is_page=True)
            assert is_private(response)

    def test_fragments(self, browser: Client, owner: User) -> None:
        conversation = conversations.start(owner)
        exchange = conversations.post_message(conversation, "Why?")
        for address in (
            f"/chats/{conversation.pk}/messages/{exchange.answer.pk}",
            f"/chats/{conversation.pk}/latest",
            "/documents/",
        ):
            response = browser.get(address, headers={"HX-Request": "true"})
            assert response.status_code == 200
            check(response, is_page=True)
            assert is_private(response)
            assert "HX-Request" in response["Vary"]

    @pytest.mark.parametrize(
        ("request_it", "status"),
        [
            (lambda c: c.get("/accounts/login/", headers={"host": "evil.example.org"}), 400),
            (lambda c: c.post("/chats", {f"n{i}": "" for i in range(1001)}), 400),
            (lambda c: Client(enforce_csrf_checks=True).post("/accounts/login/", {}), 403),
            (lambda c: c.post("/admin/"), 302),
            (lambda c: c.get("/nowhere"), 404),
            (lambda c: c.get("/busy"), 429),
            (lambda c: c.get("/broken"), 500),
        ],
        ids=["forged host", "too many fields", "forgery", "redirect", "not found", "too many", "broken"],
    )
    def test_refusals(self, browser: Client, request_it: Callable[[Client], Any], status: int) -> None:
        response = request_it(browser)
        assert response.status_code == status
        check(response, is_page=True)
        if status != 302:
            page = response.content.decode()
            assert "<title>" in page
            assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", page)

    def test_a_method_that_is_not_allowed(self, browser: Client) -> None:
        check(browser.delete("/settings"), is_page=True)

    @pytest.mark.parametrize("address", ["/settings", "/admin/", "/documents/"])
    def test_the_way_to_sign_in(self, client: Client, db: None, address: str) -> None:
        response = client.get(address)
        assert response.status_code == 302
        check(response, is_page=True)
        assert is_private(response)

    def test_the_way_to_https(self, settings: LazySettings) -> None:
        settings.SECURE_SSL_REDIRECT = True
        response = Client().get("/settings")
        assert response["Location"] == "https://testserver/settings"
        check(response, is_page=True)

    def test_health(self, client: Client, db: None) -> None:
        for address in ("/health", "/ready"):
            check(client.get(address), is_page=False)

    def test_a_file(self, browser: Client, pdf_document: Document) -> None:
        response = browser.get(f"/documents/{pdf_document.pk}/file")
        assert response["Content-Disposition"].startswith("attachment")
        check(response, is_page=False)
        assert is_private(response)

    def test_a_file_that_is_a_page_itself(self, browser: Client, pdf_document: Document) -> None:
        pdf_document.current_version.media_type = "text/html"
        pdf_document.current_version.save(update_fields=["media_type"])
        response = browser.get(f"/documents/{pdf_document.pk}/file")
        assert response["Content-Type"].startswith("text/html")
        check(response, is_page=False)

    def test_the_picture_of_a_page(self, browser: Client, pdf_document: Document) -> None:
        response = browser.get(f"/documents/{pdf_document.pk}/versions/1/pages/1/image.png")
        assert response["Content-Type"] == "image/png"
        check(response, is_page=False)
        # It never changes, and signing out clears it away.
        assert response["Cache-Control"] == "private, max-age=86400, immutable"

    @pytest.mark.parametrize("file", ["css/base.css", "js/shell.js", "icons/sprite.svg"])
    def test_static_files(self, client: Client, file: str) -> None:
        response = client.get(f"/static/{file}")
        assert response.status_code == 200
        check(response, is_page=False)
        assert "no-store" not in response["Cache-Control"]


# --- Answers that no view has made ---


def _raw(web: Web, request: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
    with socket.create_connection(("localhost", web.port), timeout=30) as line:
        line.sendall(request)
        answer = http.client.HTTPResponse(line)
        answer.begin()
        return answer.status, answer.headers, answer.read()


_HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: %s\r\nOrigin: %s\r\n\r\n"
)


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
class TestAnswersOfTheServer:
    def test_what_is_refused_unread(self, web: Web) -> None:
        for said, status in [
            (b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n", 413),
            (b"nonsense\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\nY: " + b"y" * 9000 + b"\r\n\r\n", 400),
            (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            (b"GET /?\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n", 400),
        ]:
            got, given, body = _raw(web, said)
            assert got == status, said
            check(given, is_page=False)
            assert is_private(given)
            assert given["Content-Type"] == "text/plain; charset=utf-8"
            assert re.fullmatch(rb"This request [^<>]+\.\n", body)

    def test_refused_sockets_and_what_django_answers(self, web: Web) -> None:
        own = b"http://localhost:%d" % web.port
        for address, version, origin, status in [
            (b"/ws/documents", b"13", own, 403),
            (b"/ws/documents", b"13", b"https://evil.example", 403),
            (b"/ws/documents", b"99", own, 400),
        ]:
            got, given, _ = _raw(web, _HANDSHAKE % (address, web.port, version, origin))
            assert got == status
            check(given, is_page=False)
        for address, is_page in [("/health", False), ("/accounts/login/", True), ("/nowhere", True)]:
            line = web.connect()
            line.request("GET", address)
            answer = line.getresponse()
            answer.read()
            check(answer.headers, is_page=is_page)
        # Daphne would let a client say under which path the product lies.
        line = web.connect()
        line.request("GET", "/settings", headers={"Daphne-Root-Path": "/evil"})
        assert line.getresponse().headers["Location"] == "/accounts/login/?next=/settings"


# --- Cookies, transport, other sites ---


def test_every_answer_has_a_nonce_of_its_own(client: Client, db: None) -> None:
    first, second = (client.get("/accounts/login/")["Content-Security-Policy"] for _ in range(2))
    assert first != second


def test_with_https_browsers_are_told_to_stay_with_it(client: Client, settings: LazySettings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    given = dict(headers.raw("text/plain"))
    assert given[b"Strict-Transport-Security"] == b"max-age=31536000; includeSubDomains; preload"
    assert client.get("/health")["Strict-Transport-Security"].startswith("max-age=31536000")


def test_with_https_a_page_asks_for_nothing_by_http(settings: LazySettings) -> None:
    settings.HTTPS = True
    assert "upgrade-insecure-requests" in headers.page_policy("n")


@pytest.mark.parametrize("name", ["csrftoken", "sessionid"])
def test_scripts_cannot_read_the_cookies(client: Client, owner: User, name: str) -> None:
    client.get("/accounts/login/")
    client.post("/accounts/login/", {"login": owner.email, "password": "correct horse battery"})
    cookie = client.cookies[name]
    assert (bool(cookie["httponly"]), cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")


def test_signing_out_leaves_nothing_in_the_browser(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert client.post("/accounts/logout/")["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in client.get("/accounts/login/")


def test_neither_does_the_end_of_an_account(client: Client, owner: User) -> None:
    client.force_login(owner)
    mistyped = client.post("/settings/data/delete-account", {"email": "x"})
    assert (mistyped.status_code, "Clear-Site-Data" in mistyped) == (422, False)
    assert client.post("/settings/data/delete-account", {"email": owner.email})["Clear-Site-Data"]


def test_neither_does_taking_consent_back(client: Client, owner: User, settings: Any) -> None:
    settings.CONSENT_VERSION = "1"
    client.force_login(owner)
    client.post("/consent", {"version": "1"})
    assert client.post("/settings/data/withdraw-consent")["Clear-Site-Data"]


@pytest.mark.urls(__name__)
class TestOtherSites:
    PREFLIGHT: ClassVar = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}

    @pytest.fixture(autouse=True)
    def allowed(self, settings: LazySettings) -> None:
        settings.ALLOWED_ORIGINS = ["https://portal.example.org"]

    def _preflight(self, client: Client, origin: str, address: str = "/api/v1/models") -> HttpResponse:
        return client.options(address, headers={"origin": origin, **self.PREFLIGHT})

    def test_an_allowed_site_may_call_the_interfaces(self, browser: Client) -> None:
        response = self._preflight(browser, "https://portal.example.org")
        assert response.status_code == 204
        assert response["Access-Control-Allow-Origin"] == "https://portal.example.org"
        assert "Authorization" in response["Access-Control-Allow-Headers"]
        called = browser.get("/api/v1/models", headers={"origin": "https://portal.example.org"})
        assert called["Access-Control-Allow-Origin"] == "https://portal.example.org"
        assert "Origin" in called["Vary"]

    def test_never_with_cookies_and_never_everybody(self, browser: Client) -> None:
        for response in (
            self._preflight(browser, "https://portal.example.org"),
            browser.get("/api/v1/models", headers={"origin": "https://portal.example.org"}),
        ):
            assert "Access-Control-Allow-Credentials" not in response
            assert response["Access-Control-Allow-Origin"] != "*"

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "http://portal.example.org",
            "https://portal.example.org.evil.example",
            "https://portal.example.org:8443",
            "null",
            "*",
            "",
        ],
    )
    def test_other_sites_may_not(self, browser: Client, origin: str) -> None:
        preflight = self._preflight(browser, origin)
        assert preflight.status_code == 403
        called = browser.get("/api/v1/models", headers={"origin": origin})
        assert not [name for name in (*preflight.headers, *called.headers) if name.startswith("Access-Control")]

    def test_nothing_else_is_open_to_the_allowed_site(self, browser: Client) -> None:
        for address in ("/", "/documents/", "/static/css/base.css", "/health"):
            response = self._preflight(browser, "https://portal.example.org", address)
            assert not [name for name in response.headers if name.startswith("Access-Control")]


# --- Names of requests, caches, hosts ---


def test_caches_keep_fragments_and_pages_apart(client: Client) -> None:
    assert "HX-Request" in client.get("/health")["Vary"]


def test_every_answer_names_its_request(client: Client) -> None:
    first, second = (client.get("/health")["X-Request-ID"] for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first != second


def test_the_proxys_name_for_a_request_is_kept(client: Client, settings: Any) -> None:
    settings.TRUST_PROXY = True
    assert client.get("/health", headers={"x-request-id": "proxy-4711"})["X-Request-ID"] == "proxy-4711"


def test_a_visitor_names_no_request(client: Client) -> None:
    assert client.get("/health", headers={"x-request-id": "proxy-4711"})["X-Request-ID"] != "proxy-4711"


@pytest.mark.parametrize("forged", ["short", "with space", "line\nbreak", "x" * 65, '"quoted-id"'])
def test_a_name_that_could_forge_log_lines_is_replaced(client: Client, settings: Any, forged: str) -> None:
    settings.TRUST_PROXY = True
    assert client.get("/health", headers={"x-request-id": forged})["X-Request-ID"] != forged
