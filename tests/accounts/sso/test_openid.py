"""Signing in with OpenID Connect, at a real provider in another process, and everything it must not get away with."""

import json
import socket
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount

from accounts.models import User
from accounts.second_factor.models import Authenticator
from tests.accounts.conftest import signed_in
from tests.accounts.sso.conftest import Browser, Peer, openid_at
from tests.conftest import PASSWORD

ROLES = {"admins": "admin", "staff": "user"}


def refused(response: Any, words: str = "could not tell who you are") -> bool:
    return response.status_code in {401, 403} and words in response.content.decode()


def test_somebody_new_comes_in(provider: Peer, browser: Browser) -> None:
    response = browser.openid("new@example.org")
    assert (response.status_code, response["Location"]) == (302, "/")
    person = browser.person
    assert person is not None
    assert (person.email, person.name, person.role) == ("new@example.org", "New", "user")
    assert not person.has_usable_password()
    assert person.emailaddress_set.get().verified


def test_nothing_that_the_provider_said_is_kept(provider: Peer, browser: Browser) -> None:
    provider.says("new@example.org", groups=["secret group"], phone_number="0123")
    browser.openid("new@example.org")
    assert [account.extra_data for account in SocialAccount.objects.all()] == [{}]


def test_the_same_person_comes_back_to_the_same_account(provider: Peer, browser: Browser) -> None:
    browser.openid("new@example.org")
    provider.says("new@example.org", email="renamed@example.org")
    again = Browser()
    again.openid("new@example.org")
    assert User.objects.count() == 1
    assert again.person == browser.person
    assert again.person is not None
    assert again.person.email == "new@example.org"


def test_next_leads_to_the_page_that_was_wanted(provider: Peer, browser: Browser) -> None:
    assert browser.openid("new@example.org", next="/settings")["Location"] == "/settings"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_next_leads_nowhere_else(provider: Peer, browser: Browser, target: str) -> None:
    assert browser.openid("new@example.org", next=target)["Location"] == "/"


def test_the_request_carries_state_nonce_and_pkce(provider: Peer, browser: Browser) -> None:
    address = browser.start("oidc")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == "http://testserver/accounts/sso/oidc/callback"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["nonce"]) >= 32
    assert len(asked["state"]) >= 16
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    browser.back(browser.at_openid(address, "new@example.org"))
    token_request = json.loads((provider.folder / "token-request.json").read_text())
    assert len(token_request["code_verifier"]) >= 43


def test_a_browser_cannot_change_what_is_asked_for(provider: Peer, browser: Browser) -> None:
    query = "?scope=admin&auth_params=nonce%3Dmine%26prompt%3Dnone&process=connect&action=rerequest"
    page = browser.here.post(f"/accounts/sso/oidc/start{query}").content.decode()
    assert "admin" not in page
    assert "nonce=mine" not in page
    assert "prompt" not in page


def test_it_is_started_by_the_form_alone(provider: Peer, browser: Browser) -> None:
    assert browser.here.get("/accounts/sso/oidc/start")["Location"] == "/accounts/login/"
    strict = type(browser.here)(enforce_csrf_checks=True)
    assert strict.post("/accounts/sso/oidc/start").status_code == 403


@pytest.mark.parametrize("name", ["google", "github", "saml", "ldap", "nobody"])
def test_what_is_not_configured_is_not_there(provider: Peer, browser: Browser, name: str) -> None:
    assert browser.here.post(f"/accounts/sso/{name}/start").status_code == 404
    assert browser.here.get(f"/accounts/sso/{name}/callback").status_code == 404


# --- What comes back must answer what was asked ---


def test_a_state_is_good_once(provider: Peer, browser: Browser) -> None:
    answer = browser.at_openid(browser.start("oidc"), "new@example.org")
    browser.back(answer)
    browser.here.post("/accounts/logout/")
    assert refused(browser.back(answer), "does not go on here")
    assert browser.person is None


def test_an_answer_belongs_to_the_browser_that_asked(provider: Peer, browser: Browser) -> None:
    """Else somebody could sign others in to an account of theirs, and read along."""
    answer = browser.at_openid(browser.start("oidc"), "stranger@example.org")
    victim = Browser()
    assert refused(victim.back(answer), "does not go on here")
    victim.start("oidc")
    assert refused(victim.back(answer), "does not go on here")
    assert victim.person is None


@pytest.mark.parametrize("state", ["", "made-up"])
def test_a_forged_state_is_refused(provider: Peer, browser: Browser, state: str) -> None:
    answer = urlsplit(browser.at_openid(browser.start("oidc"), "new@example.org"))
    query = {name: values[0] for name, values in parse_qs(answer.query).items()} | {"state": state}
    assert refused(browser.back(f"{answer.path}?{urlencode(query)}"), "does not go on here")


def test_a_state_does_not_outlive_ten_minutes(provider: Peer, browser: Browser) -> None:
    answer = browser.at_openid(browser.start("oidc"), "new@example.org")
    session = browser.here.session
    session["socialaccount_states"] = {
        name: [state, stamp - 601, owner] for name, (state, stamp, owner) in session["socialaccount_states"].items()
    }
    session.save()
    assert refused(browser.back(answer), "does not go on here")


def test_an_injected_code_is_refused(provider: Peer, browser: Browser) -> None:
    """The code of one sign-in, put into another one: PKCE ties it to the browser that asked for it."""
    theirs = parse_qs(urlsplit(Browser().at_openid(browser.start("oidc"), "stranger@example.org")).query)
    mine = parse_qs(urlsplit(browser.start("oidc")).query)
    query = urlencode({"code": theirs["code"][0], "state": mine["state"][0]})
    assert refused(browser.back(f"/accounts/sso/oidc/callback?{query}"))
    assert browser.person is None


def test_stopping_there_is_no_fault(provider: Peer, browser: Browser) -> None:
    state = parse_qs(urlsplit(browser.start("oidc")).query)["state"][0]
    response = browser.back(f"/accounts/sso/oidc/callback?error=access_denied&state={state}")
    assert refused(response, "You did not sign in")
    assert "Back to sign-in" in response.content.decode()


def test_words_of_the_provider_do_not_reach_the_page(provider: Peer, browser: Browser) -> None:
    state = parse_qs(urlsplit(browser.start("oidc")).query)["state"][0]
    query = urlencode({"error": "<script>alert(1)</script>", "error_description": "call 0900", "state": state})
    page = browser.back(f"/accounts/sso/oidc/callback?{query}").content.decode()
    assert "alert(1)" not in page
    assert "0900" not in page


# --- The ID token must be a proof ---


@pytest.mark.parametrize("how", ["none", "secret", "other key", "unknown key", "changed"])
def test_a_forged_signature_is_refused(provider: Peer, browser: Browser, how: str) -> None:
    provider.misbehaves(sign=how)
    assert refused(browser.openid("new@example.org"))
    assert browser.person is None
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another client"},
        {"aud": ["chatsite", "another client"]},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": "an hour ago"},
        {"exp": None},
        {"iat": None},
        {"iat": "in an hour"},
        {"nbf": "in an hour"},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(provider: Peer, browser: Browser, claims: Any) -> None:
    # Told in words, so that the tests have the same names in every process.
    moments = {"an hour ago": int(time.time()) - 3600, "in an hour": int(time.time()) + 3600}
    provider.misbehaves(id_token={name: moments.get(str(value), value) for name, value in claims.items()})
    assert refused(browser.openid("new@example.org"))
    assert browser.person is None
    assert not User.objects.exists()


def test_a_replayed_token_is_refused(provider: Peer, browser: Browser) -> None:
    browser.openid("stranger@example.org")
    token = (provider.folder / "last-id-token").read_text()
    provider.misbehaves(replay=token)
    thief = Browser()
    assert refused(thief.openid("new@example.org"))
    assert thief.person is None


def test_an_answer_without_a_token_is_refused(provider: Peer, browser: Browser) -> None:
    provider.misbehaves(**{"no id token": True})
    assert refused(browser.openid("new@example.org"))


def test_userinfo_of_somebody_else_is_refused(provider: Peer, browser: Browser) -> None:
    provider.misbehaves(userinfo={"sub": "2"})
    assert refused(browser.openid("new@example.org"))


def test_a_verified_address_of_userinfo_does_not_verify_another_of_the_token(
    provider: Peer, browser: Browser, owner: User
) -> None:
    provider.misbehaves(
        id_token={"email": "owner@example.org", "email_verified": None},
        userinfo={"email": "new@example.org", "email_verified": True},
    )
    assert refused(browser.openid("new@example.org"), "Your address is not confirmed")


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_a_provider_that_describes_itself_wrongly_is_refused(
    provider: Peer, browser: Browser, configuration: Any
) -> None:
    provider.misbehaves(configuration=configuration)
    assert refused(browser.here.post("/accounts/sso/oidc/start"))


def test_nothing_is_fetched_from_where_a_provider_leads(provider: Peer, browser: Browser) -> None:
    """A provider that was broken into must not make this server speak with its neighbours."""
    with socket.create_server(("127.0.0.1", 0)) as inner:
        inner.settimeout(0.5)
        provider.misbehaves(redirect=f"http://127.0.0.1:{inner.getsockname()[1]}/secret")
        assert refused(browser.here.post("/accounts/sso/oidc/start"), "Example does not answer")
        with pytest.raises(TimeoutError):
            inner.accept()


def test_a_provider_that_is_away_gets_a_clear_page(provider: Peer, browser: Browser, configure: Any) -> None:
    configure(openid=(openid_at("http://127.0.0.1:9"),))
    assert refused(browser.here.post("/accounts/sso/oidc/start"), "Example does not answer")


# --- Whose account ---


def test_a_verified_address_leads_to_the_account_that_has_it(provider: Peer, browser: Browser, owner: User) -> None:
    browser.openid("owner@example.org")
    assert browser.person == owner


@pytest.mark.parametrize("verified", [False, None, "false", "yes", 1])
def test_an_unverified_address_takes_no_account_over(
    provider: Peer, browser: Browser, owner: User, verified: Any
) -> None:
    provider.says("stranger@example.org", email="owner@example.org", email_verified=verified)
    response = browser.openid("stranger@example.org")
    assert refused(response, "Your address is not confirmed")
    assert browser.person is None
    assert not SocialAccount.objects.exists()
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


def test_an_unverified_address_opens_no_account(provider: Peer, browser: Browser) -> None:
    provider.says("new@example.org", email_verified=False)
    assert refused(browser.openid("new@example.org"), "Your address is not confirmed")
    assert not User.objects.exists()


def test_a_provider_can_be_trusted_with_addresses(provider: Peer, browser: Browser, configure: Any) -> None:
    configure(openid=(openid_at(provider.url, trust_email=True),))
    provider.says("new@example.org", email_verified=None)
    browser.openid("new@example.org")
    assert browser.person is not None


def test_an_account_that_waits_with_a_foreign_address_is_not_walked_into(
    provider: Peer, browser: Browser, owner: User
) -> None:
    """Somebody signed up with another's address, never confirmed it, and waits for them to come."""
    owner.emailaddress_set.create(email=owner.email, verified=False, primary=True)
    response = browser.openid("owner@example.org")
    assert refused(response, "Somebody opened an account with your address")
    assert "An administrator of this installation can delete that account" in response.content.decode()
    assert browser.person is None
    assert not SocialAccount.objects.exists()
    assert not owner.emailaddress_set.get().verified


def test_an_account_that_the_operator_made_loses_what_others_could_know(
    provider: Peer, browser: Browser, owner: User
) -> None:
    device = Authenticator.objects.create(user=owner, confirmed=True, secret="00" * 20)
    User.objects.filter(pk=owner.pk).update(second_factor=device.pk)
    waiting = signed_in(owner)
    browser.openid("owner@example.org")
    owner.refresh_from_db()
    assert browser.person == owner
    assert not owner.has_usable_password()
    assert owner.second_factor is None
    assert not Authenticator.objects.exists()
    assert waiting.get("/settings").status_code == 302


def test_a_confirmed_account_keeps_its_password(provider: Peer, browser: Browser, owner: User) -> None:
    owner.emailaddress_set.create(email=owner.email, verified=True, primary=True)
    browser.openid("owner@example.org")
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


def test_an_administrator_keeps_the_password_for_emergencies(
    provider: Peer, browser: Browser, admin_user: User
) -> None:
    provider.says("new@example.org", email=admin_user.email)
    browser.openid("new@example.org")
    admin_user.refresh_from_db()
    assert browser.person == admin_user
    assert admin_user.check_password(PASSWORD)


def test_an_address_that_moved_to_another_person_leads_nowhere(provider: Peer, browser: Browser) -> None:
    browser.openid("owner@example.org")
    provider.says("stranger@example.org", email="owner@example.org")
    thief = Browser()
    assert refused(thief.openid("stranger@example.org"), "belongs to another account")
    assert thief.person is None


def test_a_suspended_person_stays_out(provider: Peer, browser: Browser, owner: User) -> None:
    browser.openid("owner@example.org")
    User.objects.update(is_active=False)
    again = Browser()
    assert again.openid("owner@example.org")["Location"] == "/accounts/inactive/"
    assert again.person is None
    assert browser.person is None


def test_a_suspended_person_stays_out_at_the_first_sign_in_too(
    provider: Peer, browser: Browser, owner: User, configure: Any
) -> None:
    User.objects.update(is_active=False)
    configure(roles=ROLES)
    provider.says("owner@example.org", groups=["admins"])
    browser.openid("owner@example.org")
    assert browser.person is None
    owner.refresh_from_db()
    assert (owner.role, owner.is_active) == ("user", False)


# --- Who may come ---


def test_other_domains_stay_out(provider: Peer, browser: Browser, configure: Any) -> None:
    configure(domains=frozenset({"example.org"}))
    response = browser.openid("boss@elsewhere.example")
    assert refused(response, "open to addresses of example.org")
    assert not User.objects.exists()
    Browser().openid("new@example.org")
    assert User.objects.count() == 1


def test_a_domain_that_is_taken_back_closes_the_door(provider: Peer, browser: Browser, configure: Any) -> None:
    browser.openid("boss@elsewhere.example")
    configure(domains=frozenset({"example.org"}))
    assert refused(Browser().openid("boss@elsewhere.example"), "may not be used here")


def test_a_closed_installation_opens_no_accounts(provider: Peer, browser: Browser, configure: Any, owner: User) -> None:
    configure(sign_up="closed")
    assert refused(browser.openid("new@example.org"), "There is no account for you yet")
    assert User.objects.count() == 1
    known = Browser()
    known.openid("owner@example.org")
    assert known.person == owner


def test_an_invitation_opens_one(provider: Peer, browser: Browser, configure: Any, admin_user: User) -> None:
    from accounts.invitations import inviting

    configure(sign_up="invitation")
    assert refused(browser.openid("new@example.org"), "Ask for an invitation")
    [sent] = inviting.invite(admin_user, ["new@example.org"], "viewer").sent
    again = Browser()
    again.openid("new@example.org")
    assert again.person is not None
    assert again.person.role == "viewer"
    sent.invitation.refresh_from_db()
    assert sent.invitation.accepted_at


def test_groups_say_more_than_an_invitation(provider: Peer, browser: Browser, configure: Any, admin_user: User) -> None:
    from accounts.invitations import inviting

    configure(sign_up="invitation", roles=ROLES, default_role="viewer")
    inviting.invite(admin_user, ["new@example.org"], "admin")
    provider.says("new@example.org", groups=["staff"])
    browser.openid("new@example.org")
    assert browser.person is not None
    assert browser.person.role == "user"


# --- Groups and roles ---


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["admins"], "admin"),
        (["staff", "admins", "other"], "admin"),
        (["staff"], "user"),
        (["Admins"], "viewer"),
        ([], "viewer"),
        (None, "viewer"),
        ("admins", "admin"),
        ({"admins": True}, "viewer"),
        ([["admins"], 7], "viewer"),
    ],
    ids=str,
)
def test_groups_bring_roles(provider: Peer, browser: Browser, configure: Any, groups: Any, role: str) -> None:
    configure(roles=ROLES, default_role="viewer")
    provider.says("new@example.org", groups=groups)
    browser.openid("new@example.org")
    assert browser.person is not None
    assert browser.person.role == role


def test_a_group_that_is_taken_away_takes_the_role_away(provider: Peer, browser: Browser, configure: Any) -> None:
    configure(roles=ROLES)
    provider.says("new@example.org", groups=["admins"])
    browser.openid("new@example.org")
    assert browser.person is not None
    assert browser.person.role == "admin"
    provider.says("new@example.org", groups=["staff"])
    again = Browser()
    again.openid("new@example.org")
    assert again.person is not None
    assert again.person.role == "user"
    assert browser.person is None, "what was open with the old role has ended"


def test_an_unchanged_role_leaves_other_sessions_alone(provider: Peer, browser: Browser, configure: Any) -> None:
    configure(roles=ROLES)
    provider.says("new@example.org", groups=["staff"])
    browser.openid("new@example.org")
    Browser().openid("new@example.org")
    assert browser.person is not None


def test_without_a_mapping_roles_are_the_administrators_business(provider: Peer, browser: Browser, owner: User) -> None:
    User.objects.update(role="admin")
    provider.says("owner@example.org", groups=["admins"])
    browser.openid("owner@example.org")
    assert browser.person is not None
    assert browser.person.role == "admin"


def test_who_is_in_no_group_can_be_kept_out(provider: Peer, browser: Browser, configure: Any) -> None:
    configure(roles=ROLES, default_role="none")
    assert refused(browser.openid("new@example.org"), "none of the groups that may use Chatsite")
    assert not User.objects.exists()
    provider.says("new@example.org", groups=["admins"])
    browser.openid("new@example.org")
    assert browser.person is not None
    provider.says("new@example.org", groups=[])
    assert refused(Browser().openid("new@example.org"), "none of the groups that may use Chatsite")
    assert browser.person is None
    assert User.objects.get(email="new@example.org").role == "viewer"


def test_the_last_super_admin_stays_one(provider: Peer, browser: Browser, configure: Any, admin_user: User) -> None:
    configure(roles=ROLES)
    provider.says("new@example.org", email=admin_user.email, groups=["staff"])
    browser.openid("new@example.org")
    assert browser.person == admin_user
    assert browser.person is not None
    assert browser.person.role == "super_admin"
    User.objects.create_user("second@example.org", PASSWORD, role="super_admin")
    again = Browser()
    again.openid("new@example.org")
    assert again.person is not None
    assert again.person.role == "user"
    assert not again.person.is_superuser


def test_groups_may_stand_deeper_in_the_claims(provider: Peer, browser: Browser, configure: Any) -> None:
    configure(roles=ROLES, openid=(openid_at(provider.url, groups_claim=("realm_access", "roles")),))
    provider.says("new@example.org", realm_access={"roles": ["admins"]}, groups=["staff"])
    browser.openid("new@example.org")
    assert browser.person is not None
    assert browser.person.role == "admin"


def test_groups_that_are_left_out_take_no_role_away(provider: Peer, browser: Browser, configure: Any) -> None:
    configure(roles=ROLES)
    provider.says("new@example.org", groups=["admins"])
    browser.openid("new@example.org")
    provider.says("new@example.org", _claim_names={"groups": "src1"})
    assert refused(Browser().openid("new@example.org"))
    assert User.objects.get().role == "admin"


def test_a_provider_without_groups_leaves_the_role(
    provider: Peer, browser: Browser, configure: Any, owner: User
) -> None:
    User.objects.update(role="admin")
    configure(roles=ROLES, openid=(openid_at(provider.url, groups_claim=()),))
    browser.openid("owner@example.org")
    assert browser.person is not None
    assert browser.person.role == "admin"


def test_somebody_else_can_sign_in_in_the_same_browser(provider: Peer, browser: Browser, owner: User) -> None:
    browser.here.force_login(User.objects.create_user("first@example.org"))
    state_is_for_visitors = browser.here.post("/accounts/sso/oidc/start")
    assert state_is_for_visitors["Location"] == "/accounts/login/"
