"""Accounts in the administration pages."""

import re
from typing import ClassVar

import pytest
from django.test import Client

from accounts import administration
from accounts.models import Role, User
from tests.accounts.conftest import is_signed_in, signed_in

LIST = "/admin/accounts/user/"


@pytest.fixture
def by_admin(people: dict[str, User]) -> Client:
    return signed_in(people["admin"])


@pytest.fixture
def by_super_admin(people: dict[str, User]) -> Client:
    return signed_in(people["super_admin"])


def page_of(user: User) -> str:
    return f"{LIST}{user.pk}/change/"


def form_of(user: User, **change: str) -> dict[str, str]:
    values = {"email": user.email, "name": user.name, "role": user.role, "is_active": "on", **change}
    return {name: value for name, value in values.items() if value != "off"}


def act(client: Client, action: str, *users: User):
    form = {"action": action, "_selected_action": [str(user.pk) for user in users]}
    return client.post(LIST, form, follow=True)


def test_the_list_is_searched_and_filtered(by_admin: Client, people: dict[str, User]) -> None:
    found = by_admin.get(LIST, {"q": "viewer"}).content.decode()
    assert "viewer@example.org" in found
    assert "user@example.org</a>" not in found.replace("viewer@example.org", "")
    of_role = by_admin.get(LIST, {"role__exact": "super_admin"}).content.decode()
    assert "super_admin@example.org" in of_role
    assert "viewer@example.org" not in of_role


def test_no_password_hash_is_shown(by_super_admin: Client, people: dict[str, User]) -> None:
    page = by_super_admin.get(page_of(people["user"])).content.decode()
    assert people["user"].password not in page
    assert "user_permissions" not in page


def test_the_first_page_offers_accounts_and_neither_groups_nor_addresses(by_super_admin: Client) -> None:
    page = by_super_admin.get("/admin/").content.decode()
    assert LIST in page
    assert "/admin/auth/group/" not in page
    assert "/admin/account/emailaddress/" not in page


class TestInviting:
    FORM: ClassVar = {"email": "New@Example.org", "name": "New", "role": "user"}

    def test_without_mail_the_link_is_shown_and_sets_a_password(self, by_admin: Client, client: Client) -> None:
        page = by_admin.post(f"{LIST}add/", self.FORM, follow=True).content.decode()
        new = User.objects.get(email="new@example.org")
        assert not new.has_usable_password()
        link = re.search(r"http://\S+?(/accounts/password/reset/key/[^\s<]+)", page)
        assert link
        form_at = client.get(link[1], follow=True).redirect_chain[-1][0]
        client.post(form_at, {"password1": "a different passphrase", "password2": "a different passphrase"})
        client.post("/accounts/login/", {"login": "new@example.org", "password": "a different passphrase"})
        assert is_signed_in(client)

    def test_with_mail_the_link_goes_to_the_person_and_is_not_shown(
        self, by_admin: Client, settings, mailoutbox
    ) -> None:
        settings.EMAIL_HOST = "mail.example.org"
        page = by_admin.post(f"{LIST}add/", self.FORM, follow=True).content.decode()
        assert "/password/reset/key/" not in page
        assert mailoutbox[0].to == ["new@example.org"]
        assert "/accounts/password/reset/key/" in mailoutbox[0].body

    def test_a_mail_server_that_is_away_makes_the_link_visible(self, by_admin: Client, settings) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        page = by_admin.post(f"{LIST}add/", self.FORM, follow=True).content.decode()
        assert "/password/reset/key/" in page

    def test_an_admin_cannot_invite_a_super_admin(self, by_admin: Client) -> None:
        page = by_admin.get(f"{LIST}add/").content.decode()
        assert 'value="viewer"' in page
        assert 'value="super_admin"' not in page
        by_admin.post(f"{LIST}add/", self.FORM | {"role": "super_admin"})
        assert not User.objects.filter(email="new@example.org").exists()

    def test_an_address_is_taken_in_any_case(self, by_admin: Client) -> None:
        response = by_admin.post(f"{LIST}add/", self.FORM | {"email": "USER@example.org"})
        assert "already exists" in response.content.decode()

    def test_an_invitation_that_nobody_used_can_be_deleted(self, by_admin: Client) -> None:
        by_admin.post(f"{LIST}add/", self.FORM)
        new = User.objects.get(email="new@example.org")
        by_admin.post(f"{LIST}{new.pk}/delete/", {"post": "yes"})
        assert not User.objects.filter(pk=new.pk).exists()


class TestWhoManagesWhom:
    def test_an_admin_cannot_change_a_super_admin(self, by_admin: Client, people: dict[str, User]) -> None:
        target = people["super_admin"]
        assert "readonly" in by_admin.get(page_of(target)).content.decode()
        assert by_admin.post(page_of(target), form_of(target, email="mine@example.org")).status_code == 403
        act(by_admin, "suspend", target)
        act(by_admin, "sign_out_everywhere", target)
        page = act(by_admin, "send_password_link", target).content.decode()
        assert "/password/reset/key/" not in page
        assert by_admin.post(f"{LIST}{target.pk}/delete/", {"post": "yes"}).status_code == 403
        before = (target.email, target.is_active, target.session_epoch)
        target.refresh_from_db()
        assert (target.email, target.is_active, target.session_epoch) == before

    def test_an_admin_cannot_make_anybody_a_super_admin(self, by_admin: Client, people: dict[str, User]) -> None:
        for target in (people["admin"], people["user"]):
            by_admin.post(page_of(target), form_of(target, role="super_admin"))
        assert User.objects.filter(role=Role.SUPER_ADMIN).count() == 1

    def test_an_admin_changes_users(self, by_admin: Client, people: dict[str, User]) -> None:
        by_admin.post(page_of(people["user"]), form_of(people["user"], role="viewer", name="Renamed"))
        people["user"].refresh_from_db()
        assert (people["user"].role, people["user"].name) == ("viewer", "Renamed")

    def test_a_super_admin_makes_another_one(self, by_super_admin: Client, people: dict[str, User]) -> None:
        by_super_admin.post(page_of(people["admin"]), form_of(people["admin"], role="super_admin"))
        assert User.objects.filter(role=Role.SUPER_ADMIN).count() == 2

    @pytest.mark.parametrize("change", [{"role": "admin"}, {"is_active": "off"}])
    def test_the_last_super_admin_stays_one(
        self, by_super_admin: Client, people: dict[str, User], change: dict[str, str]
    ) -> None:
        target = people["super_admin"]
        response = by_super_admin.post(page_of(target), form_of(target, **change))
        assert administration.LastSuperAdmin.sentence in response.content.decode()
        page = act(by_super_admin, "suspend", target).content.decode()
        assert administration.LastSuperAdmin.sentence in page
        assert by_super_admin.post(f"{LIST}{target.pk}/delete/", {"post": "yes"}).status_code == 403
        target.refresh_from_db()
        assert (target.role, target.is_active) == (Role.SUPER_ADMIN, True)

    def test_the_last_super_admin_can_still_be_renamed(self, by_super_admin: Client, people: dict[str, User]) -> None:
        target = people["super_admin"]
        by_super_admin.post(page_of(target), form_of(target, name="Renamed"))
        target.refresh_from_db()
        assert target.name == "Renamed"


class TestActions:
    def test_suspending_ends_sessions_and_keeps_the_account(self, by_admin: Client, people: dict[str, User]) -> None:
        theirs = signed_in(people["user"])
        page = act(by_admin, "suspend", people["user"], people["viewer"]).content.decode()
        assert "2 accounts suspended." in page
        assert not is_signed_in(theirs)
        assert User.objects.filter(is_active=False).count() == 2
        act(by_admin, "reactivate", people["user"])
        assert User.objects.filter(is_active=False).count() == 1

    def test_unticking_active_ends_sessions_too(self, by_admin: Client, people: dict[str, User]) -> None:
        theirs = signed_in(people["user"])
        by_admin.post(page_of(people["user"]), form_of(people["user"], is_active="off"))
        by_admin.post(page_of(people["user"]), form_of(people["user"]))
        assert User.objects.get(pk=people["user"].pk).is_active
        assert not is_signed_in(theirs)

    def test_signing_out_everywhere(self, by_admin: Client, people: dict[str, User]) -> None:
        theirs = signed_in(people["user"])
        act(by_admin, "sign_out_everywhere", people["user"])
        assert not is_signed_in(theirs)

    def test_a_person_who_was_here_is_not_deleted(self, by_admin: Client, people: dict[str, User]) -> None:
        signed_in(people["user"])
        assert by_admin.post(f"{LIST}{people['user'].pk}/delete/", {"post": "yes"}).status_code == 403
        act(by_admin, "delete_selected", people["user"])
        assert User.objects.filter(pk=people["user"].pk).exists()

    def test_an_address_that_was_changed_away_signs_in_no_more(
        self, by_admin: Client, client: Client, people: dict[str, User], settings, mailoutbox
    ) -> None:
        people["user"].emailaddress_set.create(email="user@example.org", verified=True, primary=True)
        by_admin.post(page_of(people["user"]), form_of(people["user"], email="moved@example.org"))
        old, new = ({"login": f"{name}@example.org", "password": "correct horse battery"} for name in ("user", "moved"))
        client.post("/accounts/login/", old)
        assert not is_signed_in(client)
        settings.EMAIL_HOST = "mail.example.org"
        client.post("/accounts/password/reset/", {"email": "user@example.org"})
        assert mailoutbox == []
        client.post("/accounts/login/", new)
        assert is_signed_in(client)
