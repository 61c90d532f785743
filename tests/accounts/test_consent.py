"""The notice: what is closed to whoever has not agreed, what is free, and what it costs once they have."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.rights import consent
from accounts.rights.models import Consent
from tests.routes import SOCKETS, Route, World, connects

NOTICE = """# The rules

* Be kind.

[The policy](https://example.org/policy), ![a picture](https://example.org/p.png), [bad](javascript:alert(1))
"""


@pytest.fixture(autouse=True)
def _notice(settings: Any) -> Iterator[None]:
    settings.CONSENT_TEXT, settings.CONSENT_VERSION = NOTICE, "v1"
    consent.notice.cache_clear()
    yield
    consent.notice.cache_clear()


@pytest.fixture
def browser(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


@pytest.mark.parametrize("address", ["/", "/documents/", "/settings", "/admin/", "/accounts/password/change/"])
def test_pages_are_closed(browser: Client, address: str) -> None:
    assert browser.get(address)["Location"].startswith("/consent?next=")


def test_a_word_is_no_place_to_go_back_to(browser: Client, settings: LazySettings) -> None:
    answer = browser.post("/consent", {"version": settings.CONSENT_VERSION, "next": "x"})
    assert answer["Location"] == "/"


def test_who_confirms_by_signing_in_again_may(browser: Client) -> None:
    answer = browser.post("/settings/confirm/sign-in-again", {"next": "/settings/data"})
    assert not answer.headers.get("Location", "").startswith("/consent")


def test_what_is_posted_is_not_done(browser: Client) -> None:
    assert browser.post("/settings", {"name": "New"})["Location"] == "/consent"
    assert not User.objects.filter(name="New").exists()


def test_htmx_leads_the_whole_page_there(browser: Client) -> None:
    answer = browser.get("/documents/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/consent")


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"Sec-Fetch-Mode": "cors"}])
def test_programs_are_told_and_not_led(browser: Client, headers: dict[str, str]) -> None:
    answer = browser.get("/documents/", headers=headers)
    assert answer.status_code == 403
    assert "Agree to the notice" in answer.content.decode()


def test_leaving_and_taking_ones_data_along_is_free(browser: Client) -> None:
    assert browser.get("/health").status_code == 200
    assert browser.get("/static/css/base.css").status_code == 200
    assert browser.get("/settings/data").status_code == 200
    assert browser.get("/consent").status_code == 200
    assert browser.post("/accounts/logout/")["Location"] != "/consent"


@pytest.mark.parametrize("route", SOCKETS, ids=str)
@pytest.mark.django_db(transaction=True)
def test_sockets_open_only_for_those_who_agreed(owner: User, route: Route) -> None:
    world = World.of(owner)
    assert not connects(route, world, owner)
    given = Consent.objects.create(owner=owner, version="v1")
    assert connects(route, world, owner)
    Consent.objects.filter(pk=given.pk).update(withdrawn_at=given.given_at)
    assert not connects(route, world, owner)


def test_whoever_agreed_is_not_looked_up_again(browser: Client) -> None:
    browser.post("/consent", {"version": "v1"})
    with CaptureQueriesContext(connection) as asked:
        assert browser.get("/documents/").status_code == 200
    assert not [query for query in asked.captured_queries if "rights_consent" in query["sql"]]


def test_the_notice_is_safe_and_has_one_first_heading(browser: Client) -> None:
    page = browser.get("/consent").content.decode()
    assert "<h2>The rules</h2>" in page
    assert page.count("<h1") == 1
    assert 'href="https://example.org/policy" target="_blank" rel="noopener noreferrer"' in page
    assert '<img src="https' not in page
    assert 'href="javascript' not in page


def test_agreeing_twice_is_agreeing_once(owner: User) -> None:
    for client in (Client(), Client()):
        client.force_login(owner)
        assert client.post("/consent", {"version": "v1"}).status_code == 302
    assert Consent.objects.count() == 1
