"""Where groups give roles nobody comes in by a password instead, but for the super admin of emergencies."""

import re
from typing import Any

import pytest
from allauth.account.utils import user_pk_to_url_str
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client

from accounts import administration
from accounts.models import User
from accounts.password_links import Tokens
from tests.accounts.conftest import is_signed_in
from tests.accounts.sso.conftest import Browser, Peer, openid_at
from tests.conftest import PASSWORD

NEW = "a new password of mine"
ROLES = {"admins": "admin", "super": "super_admin", "staff": "user"}
RESET = "/accounts/password/reset/"


@pytest.fixture(autouse=True)
def _mail(settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example"


@pytest.fixture
def person(provider: Peer, browser: Browser, configure: Any) -> User:
    """Whom the group `admins` made an administrator, and who is in no group any more."""
    configure(roles=ROLES, default_role="none")
    provider.says("new@example.org", groups=["admins"])
    browser.openid("new@example.org")
    provider.says("new@example.org", groups=[])
    found = User.objects.get()
    assert (found.role, found.role_from_groups) == ("admin", True)
    return found


def sign_in(email: str, password: str = PASSWORD) -> tuple[Client, str]:
    client = Client()
    return client, client.post("/accounts/login/", {"login": email, "password": password}).content.decode()


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def reset_link(user: User) -> str:
    return f"/accounts/password/reset/key/{user_pk_to_url_str(user)}-{Tokens().make_token(user)}/"


def test_the_right_password_opens_nothing_and_leads_to_the_provider(person: User) -> None:
    client, page = sign_in(with_password(person).email)
    assert not is_signed_in(client)
    assert "Example decides who comes in. Sign in with Example." in page


def test_a_wrong_password_learns_nothing(person: User) -> None:
    _, wrong = sign_in(with_password(person).email, "wrong")
    _, nobody = sign_in("nobody@example.org", "wrong")
    assert "The e-mail address or the password is wrong." in wrong
    assert "Example decides" not in wrong + nobody


def test_the_mail_holds_no_link_and_the_page_is_the_same(person: User, client: Client) -> None:
    pages = {client.post(RESET, {"email": email})["Location"] for email in (person.email, "nobody@example.org")}
    assert len(pages) == 1
    [sent] = mail.outbox
    assert sent.to == [person.email]
    assert "you sign in with Example" in sent.body
    assert "/key/" not in sent.body


def test_a_link_from_before_is_none_any_more(person: User, client: Client) -> None:
    address = reset_link(person)
    page = client.get(address, follow=True)
    assert "This link does not work any more" in page.content.decode()
    for path in (address, re.sub(r"-[^/]+/$", "-set-password/", address)):
        client.post(path, {"password1": NEW, "password2": NEW})
    person.refresh_from_db()
    assert not person.has_usable_password()


def test_such_a_link_works_for_everybody_else(person: User, client: Client, owner: User) -> None:
    assert "This link does not work" not in client.get(reset_link(owner), follow=True).content.decode()


@pytest.mark.parametrize("page", ["set", "change"])
def test_nobody_sets_one_themselves(person: User, browser: Browser, page: str) -> None:
    if page == "change":
        with_password(person)
        browser.here.force_login(person)
    address = f"/accounts/password/{page}/"
    asked = browser.here.get(address)
    assert (asked.status_code, "You sign in with Example" in asked.content.decode()) == (403, True)
    answer = browser.here.post(address, {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert answer.status_code == 403
    person.refresh_from_db()
    assert not person.check_password(NEW)
    assert "None here: you sign in with Example" in browser.here.get("/settings").content.decode()


def test_a_password_does_not_confirm_either(person: User, browser: Browser) -> None:
    browser.here.force_login(with_password(person))
    session = browser.here.session
    session["confirmed_at"] = 0
    session.save()
    assert "Sign in once more" in browser.here.get("/settings/confirm").content.decode()
    browser.here.post("/settings/confirm", {"password": PASSWORD})
    assert browser.here.session["confirmed_at"] == 0


def test_an_administrator_hands_out_no_link(person: User, admin_user: User) -> None:
    with pytest.raises(administration.DecidedElsewhere, match="Example") as refused:
        administration.hand_out_password_link(person, by=admin_user)
    assert "This person signs in with Example" in refused.value.sentence
    assert not mail.outbox


def test_an_account_that_had_a_password_before_loses_its_use(
    provider: Peer, browser: Browser, owner: User, configure: Any
) -> None:
    owner.emailaddress_set.create(email=owner.email, verified=True, primary=True)
    assert is_signed_in(sign_in(owner.email)[0])
    configure(roles=ROLES)
    provider.says("owner@example.org", groups=["admins"])
    browser.openid("owner@example.org")
    assert not is_signed_in(sign_in(owner.email)[0])


def test_who_never_came_from_the_provider_keeps_the_password(person: User, owner: User) -> None:
    assert is_signed_in(sign_in(owner.email)[0])


def test_without_groups_a_password_still_counts(person: User, configure: Any) -> None:
    configure(roles={}, default_role="user")
    assert is_signed_in(sign_in(with_password(person).email)[0])


def test_a_provider_without_groups_is_no_way_around(person: User, provider: Peer, configure: Any) -> None:
    google = openid_at(provider.url, id="google", name="Google", groups_claim=())
    configure(openid=(openid_at(provider.url), google))
    around = Browser()
    response = around.openid("new@example.org", "google")
    assert (response.status_code, "Sign in with Example" in response.content.decode()) == (403, True)
    assert around.person is None
    assert SocialAccount.objects.filter(user=person, provider="google").count() == 0


# --- For the day when the provider is away ---


def test_a_super_admin_whom_no_group_made_one_keeps_the_password(
    provider: Peer, browser: Browser, admin_user: User, configure: Any
) -> None:
    configure(roles=ROLES)
    provider.says("new@example.org", email=admin_user.email, groups=["staff"])
    browser.openid("new@example.org")
    assert browser.person == admin_user
    client, _ = sign_in(admin_user.email)
    assert is_signed_in(client)
    assert client.get("/accounts/password/change/").status_code == 200
    client.post(RESET, {"email": admin_user.email})
    assert "/key/" in mail.outbox[0].body


def test_one_whom_a_group_made_one_does_not(provider: Peer, browser: Browser, admin_user: User, configure: Any) -> None:
    configure(roles=ROLES)
    provider.says("new@example.org", email=admin_user.email, groups=["super"])
    browser.openid("new@example.org")
    assert not is_signed_in(sign_in(admin_user.email)[0])


def test_a_person_can_make_somebody_one_for_emergencies(person: User, admin_user: User) -> None:
    administration.change_role(with_password(person), "super_admin", by=admin_user)
    assert is_signed_in(sign_in(person.email)[0])
    administration.change_role(person, "admin", by=admin_user)
    assert not is_signed_in(sign_in(person.email)[0])
