"""Signing in with the passwords of a directory: a real slapd, asked as production asks."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts.lock_out import attempts
from accounts.lock_out.models import Failures, Kind, SignInName
from accounts.models import User
from accounts.sso import people
from accounts.sso.configuration import Ldap
from tests.accounts.conftest import is_signed_in
from tests.accounts.sso import slapd
from tests.accounts.sso.conftest import free_port
from tests.accounts.sso.slapd import BASE, PASSWORD, ROOT, SECRET, Directory
from tests.conftest import PASSWORD as LOCAL_PASSWORD

ROLES = {f"CN=Chat admins, ou=groups,{BASE}": "admin", "staff": "user"}
# The directory's answer, and not the local password's.
assert PASSWORD == LOCAL_PASSWORD


@pytest.fixture(scope="session")
def _slapd() -> Iterator[Directory]:
    if reason := slapd.missing():
        if os.environ.get("REQUIRE_LDAP") == "1":
            pytest.fail(f"REQUIRE_LDAP=1 forbids to skip this: {reason}")
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="chatsite-slapd-") as name:
        directory = slapd.start(Path(name), free_port(), free_port())
        yield directory
        directory.stop()


@pytest.fixture
def directory(_slapd: Directory, configure: Any, settings: Any) -> Directory:
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "accounts.sso.directory.DirectoryBackend",
    ]
    configure(ldap=searching(_slapd))
    for group in ("staff", "Chat admins"):
        _slapd.group(group)
    return _slapd


def searching(directory: Directory, **more: Any) -> Ldap:
    plain = Ldap(
        url=directory.url,
        start_tls=False,
        ca_certificates="",
        bind_dn=ROOT,
        bind_password=SECRET,
        user_base=f"ou=people,{BASE}",
        user_filter="(|(mail=%(user)s)(uid=%(user)s))",
        user_dn="",
        email_attribute="mail",
        name_attribute="displayName",
        id_attributes=("entryUUID", "objectGUID"),
        groups_attribute="memberOf",
        group_base="",
        group_type="member",
    )
    return replace(plain, **more)


def sign_in(client: Client, name: str, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": name, "password": password})


@pytest.mark.parametrize("name", ["ada@example.org", "ada", " ADA "])
def test_a_person_of_the_directory_comes_in(directory: Directory, client: Client, name: str) -> None:
    assert sign_in(client, name)["Location"] == "/"
    assert is_signed_in(client)
    user = User.objects.get()
    assert (user.email, user.name, user.role) == ("ada@example.org", "Ada", "user")
    assert not user.has_usable_password()
    assert SocialAccount.objects.get().extra_data == {}


def test_a_name_from_elsewhere_stays_on_its_line_and_in_its_order(db: None) -> None:
    ada = people.Identity("x", "X", "1", "ada@example.org", email_verified=True, name="Ada\u202e\nLovelace")
    user, _ = people.admit(ada)
    assert user.name == "Ada Lovelace"
    User.objects.filter(pk=user.pk).update(name="")
    people.admit(ada)
    user.refresh_from_db()
    assert user.name == "Ada Lovelace"


def test_coming_back_leads_to_the_same_account(directory: Directory, client: Client) -> None:
    sign_in(client, "ada")
    again = Client()
    sign_in(again, "ada@example.org")
    assert is_signed_in(again)
    assert User.objects.count() == 1


def test_the_page_asks_for_what_the_directory_knows(directory: Directory, client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert "Not set up yet" in page
    User.objects.create_user("owner@example.org")
    assert "E-mail address or user name" in client.get("/accounts/login/").content.decode()


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("ada", "\0"),
        ("ada", " "),
        ("nobody", PASSWORD),
        ("*", PASSWORD),
        ("a*", PASSWORD),
        ("ada)(uid=*", PASSWORD),
        ("ada)(|(uid=*", PASSWORD),
        ("*)(objectClass=*", PASSWORD),
        ("ada\0", PASSWORD),
        ("ada,ou=people", PASSWORD),
        ("%(user)s", PASSWORD),
        ("a" * 5000, PASSWORD),
        (ROOT, SECRET),
    ],
)
def test_what_is_wrong_is_refused(directory: Directory, client: Client, name: str, password: str) -> None:
    assert sign_in(client, name, password).status_code == 200
    assert not is_signed_in(client)
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["ada,ou=people", "ada+cn=x", 'ada"', "ada;", "#ada", "ada\\2cou=people", "*"])
def test_a_name_does_not_break_out_of_the_template(
    directory: Directory, client: Client, configure: Any, name: str
) -> None:
    configure(ldap=direct(directory))
    sign_in(client, name)
    assert not is_signed_in(client)


def direct(directory: Directory, **more: Any) -> Ldap:
    return searching(
        directory, user_base="", user_dn=f"uid=%(user)s,ou=people,{BASE}", bind_dn="", bind_password="", **more
    )


def test_a_direct_bind_needs_no_other_account(directory: Directory, client: Client, configure: Any) -> None:
    configure(ldap=direct(directory), roles=ROLES)
    directory.group("Chat admins", "ada")
    sign_in(client, "ada")
    assert User.objects.get().email == "ada@example.org"
    assert User.objects.get().role == "admin"


@pytest.mark.usefixtures("owner")
def test_the_directory_counts_for_lock_out(directory: Directory, client: Client) -> None:
    for _ in range(5):
        sign_in(client, "ada", "wrong")
    response = sign_in(client, "ada")
    assert "Too many" in response.content.decode()
    assert not is_signed_in(client)


def test_a_persons_names_give_no_more_guesses_than_one(directory: Directory, client: Client) -> None:
    sign_in(client, "ada")
    sign_in(Client(), "eve")
    guesser = Client()
    for name in ("ada", "ada@example.org", " ADA ", "ada@example.org", "ada"):
        sign_in(guesser, name, "wrong")
    assert {row.user for row in Failures.objects.filter(kind=Kind.ACCOUNT)} == {User.objects.get(name="Ada")}
    for name in ("ada", "ada@example.org"):
        assert "Too many" in sign_in(Client(REMOTE_ADDR="192.0.2.7"), name).content.decode()
    assert sign_in(Client(REMOTE_ADDR="192.0.2.8"), "eve")["Location"] == "/"


def test_a_name_that_the_directory_gave_to_another_person_is_theirs(directory: Directory, client: Client) -> None:
    sign_in(client, "ada")
    stranger = User.objects.create_user("stranger@example.org")
    attempts.remember_name(stranger, "ADA")
    assert SignInName.objects.get().user == stranger
    sign_in(Client(), "ada")
    assert SignInName.objects.get().user == User.objects.get(name="Ada")


def test_local_passwords_work_beside_it(directory: Directory, client: Client, owner: User) -> None:
    sign_in(client, "owner@example.org", LOCAL_PASSWORD)
    assert is_signed_in(client)


def test_local_passwords_can_be_off(directory: Directory, client: Client, owner: User, configure: Any) -> None:
    configure(passwords=False)
    sign_in(client, "owner@example.org", LOCAL_PASSWORD)
    assert not is_signed_in(client)
    sign_in(client, "ada")
    assert is_signed_in(client)


def test_an_account_of_the_directory_has_no_other_password(directory: Directory, client: Client) -> None:
    sign_in(client, "ada")
    ada = User.objects.get()
    ada.set_password("a local password")
    ada.save()
    again = Client()
    page = sign_in(again, "ada@example.org", "a local password").content.decode()
    assert "Use the password of the directory." in page
    assert not is_signed_in(again)
    sign_in(again, "ada@example.org")
    assert is_signed_in(again)
    assert again.get("/accounts/password/change/").status_code == 403


def test_a_super_admin_of_the_directory_keeps_one_for_emergencies(
    directory: Directory, client: Client, configure: Any
) -> None:
    sign_in(client, "ada")
    ada = User.objects.get()
    ada.role = "super_admin"
    ada.set_password("a local password")
    ada.save()
    configure(ldap=searching(directory, url="ldap://127.0.0.1:9"))
    again = Client()
    sign_in(again, "ada@example.org", "a local password")
    assert is_signed_in(again)


# --- The connection ---


@pytest.mark.usefixtures("owner")
def test_ldaps_checks_the_certificate(directory: Directory, client: Client, configure: Any) -> None:
    configure(ldap=searching(directory, url=directory.secure_url))
    assert "does not answer" in sign_in(client, "ada").content.decode()
    assert not is_signed_in(client)
    configure(ldap=searching(directory, url=directory.secure_url, ca_certificates=directory.certificates))
    sign_in(client, "ada")
    assert is_signed_in(client)


@pytest.mark.usefixtures("owner")
def test_start_tls_checks_the_certificate(directory: Directory, client: Client, configure: Any) -> None:
    configure(ldap=searching(directory, start_tls=True))
    assert "does not answer" in sign_in(client, "ada").content.decode()
    configure(ldap=searching(directory, start_tls=True, ca_certificates=directory.certificates))
    sign_in(client, "ada")
    assert is_signed_in(client)


def test_a_directory_that_is_away_is_named_and_keeps_nobody_else_out(
    directory: Directory, client: Client, configure: Any, owner: User
) -> None:
    configure(ldap=searching(directory, url="ldap://127.0.0.1:9"))
    assert "The directory that checks passwords does not answer" in sign_in(client, "ada").content.decode()
    sign_in(client, "owner@example.org", LOCAL_PASSWORD)
    assert is_signed_in(client)


def test_a_directory_that_is_away_gives_no_free_guesses(
    directory: Directory, client: Client, configure: Any, owner: User
) -> None:
    configure(ldap=searching(directory, url="ldap://127.0.0.1:9"))
    for _ in range(5):
        sign_in(client, "owner@example.org", "wrong")
    sign_in(client, "owner@example.org", LOCAL_PASSWORD)
    assert not is_signed_in(client)


@pytest.mark.usefixtures("owner")
def test_a_wrong_password_of_the_searching_account_is_no_fault_of_the_person(
    directory: Directory, client: Client, configure: Any
) -> None:
    configure(ldap=searching(directory, bind_password="wrong"))
    assert "does not answer" in sign_in(client, "ada").content.decode()


# --- Whose account, which role ---


def test_an_account_with_the_address_is_theirs(directory: Directory, client: Client) -> None:
    known = User.objects.create_user("ada@example.org", role="viewer")
    sign_in(client, "ada")
    assert User.objects.get() == known
    assert is_signed_in(client)


def test_an_address_that_somebody_wrote_themselves_takes_no_account_over(directory: Directory, client: Client) -> None:
    sign_in(client, "ada")
    change = "dn: uid=eve,ou=people,{}\nchangetype: modify\nreplace: mail\nmail: {}\n"
    directory.change(change.format(BASE, "ada@example.org"))
    try:
        thief = Client()
        page = sign_in(thief, "eve").content.decode()
        # What finds two people finds nobody.
        sign_in(both := Client(), "ada@example.org")
    finally:
        directory.change(change.format(BASE, "eve@example.org"))
    assert "belongs to another person" in page
    assert not is_signed_in(thief)
    assert not is_signed_in(both)


@pytest.mark.usefixtures("owner")
def test_who_has_no_address_stays_out_with_a_reason(directory: Directory, client: Client) -> None:
    page = sign_in(client, "plain").content.decode()
    assert "did not tell your e-mail address" in page
    assert not SocialAccount.objects.exists()


@pytest.mark.usefixtures("owner")
def test_other_domains_stay_out(directory: Directory, client: Client, configure: Any) -> None:
    configure(domains=frozenset({"example.com"}))
    assert "open to addresses of example.com" in sign_in(client, "ada").content.decode()
    assert not SocialAccount.objects.exists()


def test_a_suspended_person_stays_out(directory: Directory, client: Client) -> None:
    sign_in(client, "ada")
    User.objects.update(is_active=False)
    again = Client()
    assert sign_in(again, "ada")["Location"] == "/accounts/inactive/"
    assert not is_signed_in(again)
    assert not is_signed_in(client)
    assert sign_in(Client(), "ada", "wrong").status_code == 200


def test_a_group_that_is_taken_away_takes_the_role_away(directory: Directory, client: Client, configure: Any) -> None:
    configure(roles=ROLES)
    directory.group("Chat admins", "ada", "eve")
    sign_in(client, "ada")
    assert User.objects.get().role == "admin"
    directory.group("Chat admins", "eve")
    again = Client()
    sign_in(again, "ada")
    assert is_signed_in(again)
    assert User.objects.get().role == "user"
    assert not is_signed_in(client)


@pytest.mark.parametrize("kind", ["member", "uniqueMember", "memberUid"])
def test_groups_can_be_searched_for(directory: Directory, client: Client, configure: Any, kind: str) -> None:
    configure(
        ldap=searching(directory, group_base=f"ou=groups,{BASE}", group_type=kind),
        roles={"staff": "admin"},
        default_role="viewer",
    )
    directory.group("staff", "ada", kind=kind)
    sign_in(client, "ada")
    sign_in(Client(), "eve")
    assert dict(User.objects.values_list("email", "role")) == {"ada@example.org": "admin", "eve@example.org": "viewer"}


def test_who_is_in_no_group_can_be_kept_out(directory: Directory, client: Client, configure: Any) -> None:
    configure(roles=ROLES, default_role="none")
    assert "none of the groups" in sign_in(client, "ada").content.decode()
    assert not is_signed_in(client)


def test_somebody_who_was_renamed_stays_the_same_person(directory: Directory, client: Client) -> None:
    sign_in(client, "ada")
    rename = "dn: uid={},ou=people,{}\nchangetype: modrdn\nnewrdn: uid={}\ndeleteoldrdn: 1\n"
    directory.change(rename.format("ada", BASE, "countess"))
    try:
        again = Client()
        sign_in(again, "countess")
    finally:
        directory.change(rename.format("countess", BASE, "ada"))
    assert is_signed_in(again)
    assert User.objects.count() == 1
