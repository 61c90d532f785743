"""Confirming by signing in again: the provider has to ask, and not to let the person in because it remembers them."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.accounts.sso.conftest import Browser, Peer, openid_at

# A page that takes a confirmation.
PAGE = "/settings/second-factor"
PERSON = "new@example.org"


def is_confirmed(browser: Browser) -> bool:
    assert browser.person is not None
    return browser.here.get(PAGE).status_code == 200


def asked(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def refused(response: Any) -> bool:
    return response.status_code == 401 and "Example did not ask who you are" in response.content.decode()


class TestOpenId:
    def test_a_sign_in_that_the_provider_remembers_confirms_nothing(self, provider: Peer, browser: Browser) -> None:
        """Else signing out and in again would be a way around."""
        assert not {"prompt", "max_age"} & asked(browser.start("oidc")).keys()
        browser.openid(PERSON)
        assert not is_confirmed(browser)
        assert browser.asked_anew == 0

    def test_signing_in_again_makes_the_provider_ask(self, provider: Peer, browser: Browser) -> None:
        browser.openid(PERSON)
        browser.sign_in_again()
        address = browser.start("oidc", next=PAGE)
        assert {"prompt": "login", "max_age": "0"}.items() <= asked(address).items()
        response = browser.back(browser.at_openid(address, PERSON))
        assert (response["Location"], browser.asked_anew) == (PAGE, 1)
        assert is_confirmed(browser)

    def test_it_is_told_once(self, provider: Peer, browser: Browser) -> None:
        browser.openid(PERSON)
        browser.sign_in_again()
        browser.openid(PERSON)
        browser.here.post("/accounts/logout/")
        assert "prompt" not in asked(browser.start("oidc"))
        browser.openid(PERSON)
        assert not is_confirmed(browser)

    def test_one_that_says_it_did_not_ask_is_refused(self, provider: Peer, browser: Browser) -> None:
        browser.openid(PERSON)
        browser.sign_in_again()
        provider.misbehaves(id_token={"auth_time": int(time.time()) - 3600})
        assert refused(browser.openid(PERSON))
        assert browser.person is None

    @pytest.mark.parametrize(("ago", "counts"), [(60, True), (1000, False), (-30, True)])
    def test_a_sign_in_counts_from_when_the_person_was_asked(
        self, provider: Peer, browser: Browser, ago: int, counts: bool
    ) -> None:
        provider.misbehaves(id_token={"auth_time": int(time.time()) - ago})
        browser.openid(PERSON)
        assert is_confirmed(browser) is counts

    @pytest.mark.parametrize("nonsense", ["now", True, -5, 10**15, [1]])
    def test_nonsense_is_no_moment(self, provider: Peer, browser: Browser, nonsense: Any) -> None:
        provider.misbehaves(id_token={"auth_time": nonsense})
        browser.openid(PERSON)
        assert not is_confirmed(browser)

    def test_a_browser_cannot_say_that_it_was_asked(self, provider: Peer, browser: Browser) -> None:
        browser.openid(PERSON, asked_at="1", prompt="login", sign_in_anew="1")
        assert not is_confirmed(browser)

    def test_google_refuses_to_ask_and_is_taken_at_its_word(
        self, provider: Peer, browser: Browser, configure: Any
    ) -> None:
        configure(openid=(openid_at(provider.url, id="google", name="Google"),))
        browser.openid(PERSON, "google")
        browser.sign_in_again()
        address = browser.start("google")
        assert asked(address)["prompt"] == "select_account"
        assert "max_age" not in asked(address)
        browser.back(browser.at_openid(address, PERSON))
        assert is_confirmed(browser)

    def test_nobody_sets_up_a_second_factor_in_a_session_that_they_found(
        self, provider: Peer, browser: Browser, settings: Any
    ) -> None:
        settings.TOTP_REQUIRED_ROLES = ["user"]
        browser.openid(PERSON)
        assert browser.here.get(PAGE)["Location"].startswith("/accounts/login/")
        browser.openid(PERSON)
        assert browser.asked_anew == 1
        assert browser.here.get(PAGE).status_code == 200


class TestSaml:
    def test_a_sign_in_that_the_provider_remembers_confirms_nothing(self, idp: Peer, browser: Browser) -> None:
        idp.says(PERSON, remembered=3600)
        browser.saml(PERSON)
        assert not is_confirmed(browser)

    def test_signing_in_again_makes_the_provider_ask(self, idp: Peer, browser: Browser) -> None:
        idp.says(PERSON, remembered=3600)
        browser.saml(PERSON)
        browser.sign_in_again()
        browser.saml(PERSON)
        assert is_confirmed(browser)

    def test_one_that_did_not_ask_is_refused(self, idp: Peer, browser: Browser) -> None:
        idp.says(PERSON, remembered=3600)
        browser.saml(PERSON)
        browser.sign_in_again()
        idp.misbehaves(**{"ignores force": True})
        assert refused(browser.saml(PERSON))
        assert browser.person is None
