"""Signing in with SAML, at an identity provider in another process, and every forgery that is known to be tried."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names

from accounts.models import User
from accounts.sso import metadata
from tests.accounts.sso.conftest import Browser, Peer, saml_of
from tests.accounts.sso.saml_provider import EMAIL_FORMAT, pair
from tests.conftest import PASSWORD

ROLES = {"admins": "admin", "staff": "user"}


def refused(response: Any, words: str = "could not tell who you are") -> bool:
    return response.status_code in {401, 403} and words in response.content.decode()


def decoded(response: str) -> str:
    return base64.b64decode(response).decode()


def encoded(xml: str) -> str:
    return base64.b64encode(xml.encode()).decode()


@pytest.mark.parametrize("how", ["assertion", "response", "both"])
def test_somebody_new_comes_in(idp: Peer, browser: Browser, how: str) -> None:
    idp.misbehaves(how=how)
    idp.says("new@example.org", displayName="Ada")
    response = browser.saml("new@example.org")
    assert (response.status_code, response["Location"]) == (302, "/")
    person = browser.person
    assert person is not None
    assert (person.email, person.name, person.role) == ("new@example.org", "Ada", "user")
    assert SocialAccount.objects.get().extra_data == {}


def test_the_name_id_can_be_the_address(idp: Peer, browser: Browser) -> None:
    idp.says("new@example.org", email=None, format=EMAIL_FORMAT)
    browser.saml("new@example.org")
    assert browser.person is not None
    assert browser.person.email == "new@example.org"


def test_an_encrypted_assertion_is_read(idp: Peer, browser: Browser, configure: Any) -> None:
    key, certificate = pair("chatsite")
    configure(saml=saml_of(httpx.get(f"{idp.url}/metadata").text, key=key, certificate=certificate))
    idp.misbehaves(**{"encrypt for": certificate})
    address = browser.start("saml")
    assert {"Signature", "SigAlg"} <= parse_qs(urlsplit(address).query).keys(), "with a key, requests are signed"
    browser.post(*browser.at_saml(address, "new@example.org"))
    assert browser.person is not None


def test_next_leads_within_this_site_only(idp: Peer, browser: Browser) -> None:
    assert browser.saml("new@example.org", next="/settings")["Location"] == "/settings"
    assert Browser().saml("new@example.org", next="https://evil.example/")["Location"] == "/"


def test_a_relay_state_leads_nowhere(idp: Peer, browser: Browser) -> None:
    acs, response = browser.at_saml(browser.start("saml"), "new@example.org")
    answer = browser.here.post(urlsplit(acs).path, {"SAMLResponse": response, "RelayState": "https://evil.example/"})
    assert browser.here.get(answer["Location"])["Location"] == "/"


def test_the_service_describes_itself(idp: Peer, browser: Browser) -> None:
    page = browser.here.get("/accounts/sso/saml/metadata")
    assert page["Content-Type"] == "application/samlmetadata+xml"
    assert b'Location="http://testserver/accounts/sso/saml/acs"' in page.content
    assert b'entityID="http://testserver/accounts/sso/saml/metadata"' in page.content
    assert b'WantAssertionsSigned="false"' in page.content
    assert b"validUntil" not in page.content


# --- Forged, expired, for somebody else ---


@pytest.mark.parametrize(
    "how",
    [
        {"how": "none"},
        {"key": "other"},
        {"key": "other", "how": "response"},
        {"algorithm": Names.RSA_SHA1},
        {"digest": Names.SHA1},
        {"issuer": "https://evil.example"},
        {"audience": "https://other.example"},
        {"audience": None},
        {"recipient": "http://testserver/accounts/sso/saml/acs/other"},
        {"recipient": "http://other.example/accounts/sso/saml/acs"},
        {"recipient": None},
        {"destination": "https://other.example/acs"},
        {"ends": -3600},
        {"begins": 3600, "ends": 7200},
        {"has end": False},
        {"status": "urn:oasis:names:tc:SAML:2.0:status:Requester"},
        {"method": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"},
        {"confirms": None},
        {"confirms": None, "in_response_to": None},
        {"tamper": ["new@example.org", "owner@example.org"]},
        {"tamper": ["new@example.org", "owner@example.org"], "how": "both"},
        {"prologue": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'},
    ],
    ids=str,
)
def test_what_is_no_proof_is_refused(idp: Peer, browser: Browser, owner: User, how: Any) -> None:
    idp.misbehaves(**how)
    before = Session.objects.count()
    assert refused(browser.saml("new@example.org"))
    assert browser.person is None
    assert User.objects.get() == owner
    # The one in which the request is remembered.
    assert Session.objects.count() <= before + 1


@pytest.mark.parametrize(
    "trick",
    [
        "two, forged first",
        "two, forged last",
        "signed in the extensions",
        "signed in the advice",
        "signed in the signature",
        "same id, signed in the signature",
    ],
)
def test_a_wrapped_signature_is_refused(idp: Peer, browser: Browser, owner: User, trick: str) -> None:
    idp.misbehaves(wrap=trick, evil="owner@example.org")
    assert refused(browser.saml("new@example.org"))
    assert browser.person is None


def test_a_comment_does_not_cut_a_name_short(idp: Peer, browser: Browser, owner: User) -> None:
    """`owner@example.org<!---->.evil.example` is one text, whichever way it is read."""
    idp.misbehaves(tamper=["owner@example.org.evil.example", "owner@example.org<!---->.evil.example"])
    browser.saml("owner@example.org.evil.example")
    assert browser.person != owner


@pytest.mark.parametrize("response", ["", "no base64 !", encoded("<x/>"), encoded("no xml"), "A" * 300_000])
def test_junk_is_refused_and_takes_no_room(idp: Peer, browser: Browser, response: str) -> None:
    before = Session.objects.count()
    assert refused(browser.here.post("/accounts/sso/saml/acs", {"SAMLResponse": response}))
    assert Session.objects.count() == before


# --- Taken twice, or never asked for ---


def test_a_response_is_taken_once(idp: Peer, browser: Browser) -> None:
    acs, response = browser.at_saml(browser.start("saml"), "new@example.org")
    browser.post(acs, response)
    browser.here.post("/accounts/logout/")
    assert refused(browser.post(acs, response))
    assert browser.person is None


def test_a_replayed_assertion_in_a_new_response_is_refused(idp: Peer, browser: Browser) -> None:
    """Only the assertion is signed. A thief puts it into a response to a request of their own."""
    acs, response = browser.at_saml(browser.start("saml"), "new@example.org")
    browser.post(acs, response)
    xml = decoded(response)
    assertion = xml[xml.index("<saml:Assertion") : xml.index("</samlp:Response>")]
    thief = Browser()
    _, own = thief.at_saml(thief.start("saml"), "stranger@example.org")
    shell = decoded(own)
    forged = shell[: shell.index("<saml:Assertion")] + assertion + "</samlp:Response>"
    assert refused(thief.post(acs, encoded(forged)))
    assert thief.person is None


def test_a_stolen_assertion_that_was_not_used_yet_fits_no_other_request(idp: Peer, browser: Browser) -> None:
    acs, response = browser.at_saml(browser.start("saml"), "new@example.org")
    xml = decoded(response)
    thief = Browser()
    _, own = thief.at_saml(thief.start("saml"), "stranger@example.org")
    mine = decoded(own)
    ours, theirs = (text.partition('InResponseTo="')[2].partition('"')[0] for text in (xml, mine))
    head, assertion = xml[: xml.index("<saml:Assertion")], xml[xml.index("<saml:Assertion") :]
    assert refused(thief.post(acs, encoded(head.replace(ours, theirs) + assertion)))
    assert thief.person is None


def test_a_response_belongs_to_the_browser_that_asked(idp: Peer, browser: Browser) -> None:
    acs, response = browser.at_saml(browser.start("saml"), "stranger@example.org")
    victim = Browser()
    victim.start("saml")
    assert refused(victim.post(acs, response), "does not go on here")
    assert victim.person is None


def test_a_response_that_nobody_asked_for_is_refused(idp: Peer, browser: Browser) -> None:
    idp.misbehaves(in_response_to="_made_up", confirms="_made_up")
    assert refused(browser.saml("new@example.org"), "does not go on here")


def test_nothing_is_put_aside_for_somebody_who_brings_no_response(idp: Peer, browser: Browser) -> None:
    assert refused(browser.here.get("/accounts/sso/saml/finish"), "does not go on here")


def test_without_the_memory_of_used_assertions_none_is_taken(idp: Peer, browser: Browser, settings: Any) -> None:
    answer = browser.at_saml(browser.start("saml"), "new@example.org")
    down = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {"default": down}
    assert refused(browser.post(*answer))
    assert browser.person is None


def test_a_used_assertion_is_remembered_until_it_has_expired(idp: Peer, browser: Browser) -> None:
    browser.saml("new@example.org")
    client = cache._cache.get_client()
    [key] = list(client.scan_iter(match="*sso:saml:*"))
    assert client.ttl(key) > 300


# --- Whose account, which role ---


def test_an_address_that_is_not_vouched_for_takes_no_account_over(
    idp: Peer, browser: Browser, owner: User, configure: Any, settings: Any
) -> None:
    configure(saml=replace(settings.SSO.saml, trust_email=False))
    assert refused(browser.saml("owner@example.org"), "Your address is not confirmed")
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)
    idp.says("owner@example.org", email_verified="true")
    again = Browser()
    again.saml("owner@example.org")
    assert again.person == owner


def test_a_changing_name_id_needs_another_attribute(idp: Peer, browser: Browser, configure: Any, settings: Any) -> None:
    idp.says("new@example.org", uid="_1", format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient", employee="7")
    assert refused(browser.saml("new@example.org"))
    configure(saml=replace(settings.SSO.saml, id_attribute="employee"))
    browser.saml("new@example.org")
    assert browser.person is not None
    assert SocialAccount.objects.get().uid == "7"


def test_a_group_that_is_taken_away_takes_the_role_away(idp: Peer, browser: Browser, configure: Any) -> None:
    configure(roles=ROLES)
    idp.says("new@example.org", groups=["staff", "admins"])
    browser.saml("new@example.org")
    assert User.objects.get().role == "admin"
    idp.says("new@example.org", groups=["staff"])
    again = Browser()
    again.saml("new@example.org")
    assert again.person is not None
    assert again.person.role == "user"
    assert browser.person is None


def test_a_suspended_person_stays_out(idp: Peer, browser: Browser) -> None:
    browser.saml("new@example.org")
    User.objects.update(is_active=False)
    again = Browser()
    assert again.saml("new@example.org")["Location"] == "/accounts/inactive/"
    assert again.person is None


# --- Metadata ---


class TestMetadata:
    @pytest.fixture
    def saml(self, idp: Peer, configure: Any, tmp_path: Path) -> Any:
        path = str(tmp_path / "sso" / "metadata.xml")
        return configure(saml=saml_of("", metadata_url=f"{idp.url}/metadata", metadata_path=path)).saml

    def test_they_are_fetched_at_the_start_and_kept(self, saml: Any, idp: Peer, browser: Browser) -> None:
        assert metadata.fetch_at_start() == ""
        browser.saml("new@example.org")
        assert browser.person is not None

    def test_no_sign_in_fetches_them(self, saml: Any, browser: Browser) -> None:
        response = browser.here.post("/accounts/sso/saml/start")
        assert refused(response)

    def test_earlier_ones_serve_where_the_provider_is_away(self, saml: Any, configure: Any) -> None:
        metadata.fetch_at_start()
        configure(saml=replace(saml, metadata_url="http://127.0.0.1:9/metadata"))
        assert "Going on with what was fetched earlier" in metadata.fetch_at_start()

    def test_without_earlier_ones_the_start_says_what_is_wrong(self, saml: Any, configure: Any) -> None:
        configure(saml=replace(saml, metadata_url="http://127.0.0.1:9/metadata"))
        with pytest.raises(ImproperlyConfigured, match="SAML_METADATA_URL could not be used: ConnectionError at"):
            metadata.fetch_at_start()

    def test_what_is_no_metadata_replaces_nothing(self, saml: Any, configure: Any, idp: Peer) -> None:
        metadata.fetch_at_start()
        before = Path(saml.metadata_path).read_text()
        configure(saml=replace(saml, metadata_url=f"{idp.url}/sso?as=x&SAMLRequest=q1YqzkksLlGyUipKLS7NKVGyAgA%3D"))
        metadata.fetch_at_start()
        assert Path(saml.metadata_path).read_text() == before

    @pytest.mark.parametrize("text", ["<x/>", "no xml", "<md:EntityDescriptor/>"])
    def test_junk_is_named_as_such(self, text: str) -> None:
        with pytest.raises(ValueError, match="metadata"):
            metadata.parsed(text)
