"""People in the administration: the list, one person's page, and who may do what to whom."""

import re

import pytest
from django.test import Client

from accounts import administration, audit
from accounts.audit.models import AuditEvent
from accounts.lock_out.models import Failures, Kind
from accounts.models import Role, User
from accounts.rights.models import LegalHold
from accounts.second_factor.confirming import CONFIRMED_AT
from accounts.second_factor.models import Authenticator
from accounts.tenancy import acting_as_system
from tests.accounts.conftest import is_signed_in, signed_in
from tests.conftest import PASSWORD

LIST = "/admin/accounts/user/"


@pytest.mark.parametrize("address", ["/admin/lock_out/failures/%00/delete/", "/admin/r/1/x/", f"{LIST}%00/change/"])
def test_a_key_that_no_row_can_have_is_not_found(admin_user: User, address: str) -> None:
    assert signed_in(admin_user).get(address).status_code == 404


@pytest.fixture
def by_admin(people: dict[str, User]) -> Client:
    return signed_in(people["admin"])


@pytest.fixture
def by_super_admin(people: dict[str, User]) -> Client:
    return signed_in(people["super_admin"])


def page_of(user: User) -> str:
    return f"{LIST}{user.pk}/change/"


def do(client: Client, user: User, verb: str, **values: str):
    return client.post(page_of(user), {"do": verb, **values}, follow=True)


def choose(client: Client, action: str, *users: User):
    form = {"action": action, "_selected_action": [str(user.pk) for user in users]}
    return client.post(LIST, form, follow=True)


def recorded(action: audit.Action) -> list[AuditEvent]:
    with acting_as_system("look at the audit log"):
        return list(AuditEvent.objects.filter(action=action).order_by("pk"))


def lock(user: User) -> None:
    for _ in range(6):
        Client().post("/accounts/login/", {"login": user.email, "password": "not this one"})


def with_second_factor(user: User) -> User:
    with acting_as_system("set up"):
        found = Authenticator.objects.create(user=user, secret="00" * 20, confirmed=True)
    user.second_factor = found.pk
    user.save(update_fields=["second_factor"])
    return user


class TestTheList:
    def test_is_searched_and_filtered(self, by_admin: Client, people: dict[str, User]) -> None:
        found = by_admin.get(LIST, {"q": "viewer"}).content.decode()
        assert "viewer@example.org" in found
        assert ">user@example.org<" not in found
        of_role = by_admin.get(LIST, {"role__exact": "super_admin"}).content.decode()
        assert "super_admin@example.org" in of_role
        assert "viewer@example.org" not in of_role

    def test_does_not_tell_what_a_password_hash_begins_with(self, by_admin: Client, people: dict[str, User]) -> None:
        right = people["super_admin"].password[:8]
        for asked in ({"password__startswith": right}, {"password": right}, {"session_epoch": "0"}):
            assert by_admin.get(LIST, asked).status_code == 400

    def test_shows_who_is_suspended_locked_and_protected(self, by_admin: Client, people: dict[str, User]) -> None:
        administration.suspend(people["viewer"])
        lock(people["user"])
        with_second_factor(people["super_admin"])
        assert by_admin.get(LIST, {"state": "suspended"}).content.decode().count('class="action-select"') == 1
        locked = by_admin.get(LIST, {"state": "locked"}).content.decode()
        assert "user@example.org" in locked
        assert "viewer@example.org" not in locked
        protected = by_admin.get(LIST, {"second_factor": "on"}).content.decode()
        assert "super_admin@example.org" in protected
        assert "viewer@example.org" not in protected

    def test_asks_as_many_questions_for_many_as_for_few(
        self, by_admin: Client, people: dict[str, User], django_assert_max_num_queries
    ) -> None:
        for number in range(30):
            User.objects.create_user(f"person{number}@example.org", PASSWORD)
        with django_assert_max_num_queries(12):
            assert by_admin.get(LIST).status_code == 200

    def test_nobody_is_added_there_but_invited(self, by_super_admin: Client) -> None:
        assert "/admin/invitations/invitation/add/" in by_super_admin.get(LIST).content.decode()
        assert by_super_admin.get(f"{LIST}add/").status_code == 403

    def test_a_person_is_never_deleted_there(self, by_super_admin: Client, people: dict[str, User]) -> None:
        assert by_super_admin.post(f"{LIST}{people['user'].pk}/delete/", {"post": "yes"}).status_code == 403
        choose(by_super_admin, "delete_selected", people["user"])
        assert User.objects.filter(pk=people["user"].pk).exists()


class TestOnePerson:
    def test_no_password_hash_is_shown(self, by_super_admin: Client, people: dict[str, User]) -> None:
        page = by_super_admin.get(page_of(people["user"])).content.decode()
        assert "user@example.org" in page
        assert people["user"].password not in page

    def test_somebody_who_does_not_exist_leads_back(self, by_admin: Client) -> None:
        response = by_admin.get(f"{LIST}00000000-0000-4000-8000-000000000000/change/")
        assert response.status_code == 302

    def test_a_name_and_an_address_are_changed(self, by_admin: Client, people: dict[str, User]) -> None:
        do(by_admin, people["user"], "profile", email="Moved@example.org", name="Renamed")
        people["user"].refresh_from_db()
        assert (people["user"].email, people["user"].name) == ("moved@example.org", "Renamed")
        assert [event.details for event in recorded(audit.Action.USER_CHANGED)] == [{"address_changed": True}]

    def test_an_address_is_taken_in_any_case(self, by_admin: Client, people: dict[str, User]) -> None:
        response = do(by_admin, people["user"], "profile", email="VIEWER@example.org", name="")
        assert response.status_code == 422
        assert "already exists" in response.content.decode()
        assert not recorded(audit.Action.USER_CHANGED)

    def test_an_address_that_was_changed_away_signs_in_no_more(
        self, by_admin: Client, client: Client, people: dict[str, User], settings, mailoutbox
    ) -> None:
        people["user"].emailaddress_set.create(email="user@example.org", verified=True, primary=True)
        do(by_admin, people["user"], "profile", email="moved@example.org", name="")
        old, new = ({"login": f"{name}@example.org", "password": PASSWORD} for name in ("user", "moved"))
        client.post("/accounts/login/", old)
        assert not is_signed_in(client)
        settings.EMAIL_HOST = "mail.example.org"
        client.post("/accounts/password/reset/", {"email": "user@example.org"})
        assert mailoutbox == []
        client.post("/accounts/login/", new)
        assert is_signed_in(client)

    @pytest.mark.parametrize("form", [{"do": "nothing"}, {}, {"do": "role", "role": "owner of all"}, {"do": "role"}])
    def test_an_incomplete_form_changes_nothing(
        self, by_admin: Client, people: dict[str, User], form: dict[str, str]
    ) -> None:
        page = by_admin.post(page_of(people["user"]), form, follow=True).content.decode()
        assert "Nothing was done" in page
        people["user"].refresh_from_db()
        assert people["user"].role == Role.USER


class TestAPasswordLink:
    def test_without_mail_it_is_shown_once_and_sets_a_password(
        self, by_admin: Client, client: Client, people: dict[str, User]
    ) -> None:
        page = do(by_admin, people["user"], "password_link").content.decode()
        link = re.search(r"http://\S+?(/accounts/password/reset/key/[^\s<]+)", page)
        assert link
        assert "/password/reset/key/" not in by_admin.get(page_of(people["user"])).content.decode()
        form_at = client.get(link[1], follow=True).redirect_chain[-1][0]
        client.post(form_at, {"password1": "a different passphrase", "password2": "a different passphrase"})
        client.post("/accounts/login/", {"login": "user@example.org", "password": "a different passphrase"})
        assert is_signed_in(client)

    def test_with_mail_it_goes_to_the_person_and_is_not_shown(
        self, by_admin: Client, people: dict[str, User], settings, mailoutbox
    ) -> None:
        settings.EMAIL_HOST = "mail.example.org"
        page = do(by_admin, people["user"], "password_link").content.decode()
        assert "/password/reset/key/" not in page
        assert mailoutbox[0].to == ["user@example.org"]
        assert "/accounts/password/reset/key/" in mailoutbox[0].body

    def test_a_mail_server_that_is_away_makes_it_visible(
        self, by_admin: Client, people: dict[str, User], settings
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        assert "/password/reset/key/" in do(by_admin, people["user"], "password_link").content.decode()


class TestBeingTold:
    def test_an_address_that_is_changed_is_told_at_both(
        self, by_admin: Client, people: dict[str, User], settings, mailoutbox
    ) -> None:
        settings.EMAIL_HOST = "mail.example.org"
        do(by_admin, people["user"], "profile", email="moved@example.org", name="")
        assert [mail.to for mail in mailoutbox] == [["user@example.org"], ["moved@example.org"]]
        assert "from user@example.org to moved@example.org" in mailoutbox[0].body
        do(by_admin, people["user"], "profile", email="moved@example.org", name="Only the name")
        assert len(mailoutbox) == 2

    def test_a_second_factor_that_is_taken_away_is_told(
        self, by_admin: Client, people: dict[str, User], settings, mailoutbox
    ) -> None:
        settings.EMAIL_HOST = "mail.example.org"
        do(by_admin, with_second_factor(people["user"]), "reset_second_factor")
        (mail,) = mailoutbox
        assert mail.to == ["user@example.org"]
        assert "took the second factor away" in mail.body

    def test_a_mail_server_that_is_away_stops_nothing(
        self, by_admin: Client, people: dict[str, User], settings
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        do(by_admin, people["user"], "profile", email="moved@example.org", name="")
        people["user"].refresh_from_db()
        assert people["user"].email == "moved@example.org"


class TestWhoManagesWhom:
    @pytest.mark.parametrize("role", ["super_admin", "another admin"])
    def test_an_admin_cannot_touch_an_administrator(self, by_admin: Client, people: dict[str, User], role: str) -> None:
        other = User.objects.create_user("another@example.org", PASSWORD, role=Role.ADMIN)
        target = with_second_factor(people.get(role, other))
        before = User.objects.filter(pk=target.pk).values().get()
        assert "You may not manage accounts with this role" in by_admin.get(page_of(target)).content.decode()
        for verb in ("profile", "role", "suspend", "sign_out_everywhere", "unlock", "reset_second_factor"):
            values = {"email": "mine@example.org", "name": "", "role": "viewer"}
            assert by_admin.post(page_of(target), {"do": verb, **values}).status_code == 403
        response = by_admin.post(page_of(target), {"do": "password_link"})
        assert response.status_code == 403
        assert "/password/reset/key/" not in response.content.decode()
        for verb in ("suspend", "sign_out_everywhere", "reset_second_factor", "unlock"):
            assert "was left as it is" in choose(by_admin, verb, target).content.decode()
        assert User.objects.filter(pk=target.pk).values().get() == before

    def test_an_admin_raises_nobody_above_themself(self, by_admin: Client, people: dict[str, User]) -> None:
        for role in ("super_admin", "admin"):
            page = do(by_admin, people["user"], "role", role=role).content.decode()
            assert administration.NotYours.sentence in page
            assert by_admin.post(page_of(people["admin"]), {"do": "role", "role": role}).status_code == 403
        assert User.objects.filter(role=Role.ADMIN).count() == 1
        assert User.objects.filter(role=Role.SUPER_ADMIN).count() == 1
        assert 'value="super_admin"' not in by_admin.get(page_of(people["user"])).content.decode()

    def test_an_admin_changes_the_role_of_a_user(self, by_admin: Client, people: dict[str, User]) -> None:
        theirs = signed_in(people["user"])
        do(by_admin, people["user"], "role", role="viewer")
        people["user"].refresh_from_db()
        assert people["user"].role == Role.VIEWER
        assert not is_signed_in(theirs)
        (event,) = recorded(audit.Action.ROLE_CHANGED)
        assert (event.user_id, event.resource_id) == (people["admin"].pk, str(people["user"].pk))
        assert event.details == {"before": "user", "role": "viewer"}

    def test_a_super_admin_makes_another_one(self, by_super_admin: Client, people: dict[str, User]) -> None:
        do(by_super_admin, people["admin"], "role", role="super_admin")
        people["admin"].refresh_from_db()
        assert people["admin"].role == Role.SUPER_ADMIN
        assert people["admin"].is_superuser

    def test_the_last_super_admin_stays_one(self, by_super_admin: Client, people: dict[str, User]) -> None:
        target = people["super_admin"]
        for response in (
            do(by_super_admin, target, "role", role="admin"),
            do(by_super_admin, target, "suspend"),
            choose(by_super_admin, "suspend", target),
        ):
            assert administration.LastSuperAdmin.sentence in response.content.decode()
        target.refresh_from_db()
        assert (target.role, target.is_active) == (Role.SUPER_ADMIN, True)

    def test_a_role_that_was_taken_away_a_moment_ago_gives_nothing(self, people: dict[str, User]) -> None:
        before = User.objects.get(pk=people["admin"].pk)
        User.objects.filter(pk=before.pk).update(role=Role.USER)
        with pytest.raises(administration.NotYours):
            administration.suspend(people["user"], by=before)
        with pytest.raises(administration.NotYours):
            administration.change_role(people["viewer"], Role.ADMIN, by=before)


class TestAsking:
    """Rights change only for whoever has lately shown to be themselves."""

    @pytest.fixture
    def long_ago(self, by_admin: Client) -> Client:
        session = by_admin.session
        session[CONFIRMED_AT] = 1
        session.save()
        return by_admin

    @pytest.mark.parametrize(
        "form", [{"do": "role", "role": "viewer"}, {"do": "suspend"}, {"do": "password_link"}, {"do": "profile"}]
    )
    def test_nothing_is_done_before_it(self, long_ago: Client, people: dict[str, User], form: dict[str, str]) -> None:
        before = User.objects.filter(pk=people["user"].pk).values().get()
        response = long_ago.post(page_of(people["user"]), form, HTTP_REFERER=page_of(people["user"]))
        assert response.status_code == 302
        assert "confirm" in response["Location"]
        assert User.objects.filter(pk=people["user"].pk).values().get() == before

    def test_several_at_once_need_it_too(self, long_ago: Client, people: dict[str, User]) -> None:
        form = {"action": "suspend", "_selected_action": [str(people["user"].pk)]}
        assert "confirm" in long_ago.post(LIST, form)["Location"]
        people["user"].refresh_from_db()
        assert people["user"].is_active

    def test_looking_needs_no_confirmation(self, long_ago: Client, people: dict[str, User]) -> None:
        assert long_ago.get(LIST).status_code == 200
        assert long_ago.get(page_of(people["user"])).status_code == 200


class TestActions:
    def test_suspending_ends_sessions_and_keeps_the_account(self, by_admin: Client, people: dict[str, User]) -> None:
        theirs = signed_in(people["user"])
        page = choose(by_admin, "suspend", people["user"], people["viewer"]).content.decode()
        assert "2 accounts suspended." in page
        assert not is_signed_in(theirs)
        assert User.objects.filter(is_active=False).count() == 2
        do(by_admin, people["user"], "reactivate")
        assert User.objects.filter(is_active=False).count() == 1
        assert len(recorded(audit.Action.USER_SUSPENDED)) == 2
        assert len(recorded(audit.Action.USER_REACTIVATED)) == 1

    def test_signing_out_everywhere(self, by_admin: Client, people: dict[str, User]) -> None:
        theirs = signed_in(people["user"])
        choose(by_admin, "sign_out_everywhere", people["user"])
        assert not is_signed_in(theirs)
        assert len(recorded(audit.Action.USER_SIGNED_OUT)) == 1

    def test_opening_the_way_in_after_failures(self, by_admin: Client, people: dict[str, User]) -> None:
        lock(people["user"])
        assert "Open the way in" in by_admin.get(page_of(people["user"])).content.decode()
        do(by_admin, people["user"], "unlock")
        assert not Failures.objects.locked().filter(kind=Kind.ACCOUNT).exists()
        assert len(recorded(audit.Action.UNLOCKED)) == 1

    def test_resetting_the_second_factor_ends_sessions(self, by_admin: Client, people: dict[str, User]) -> None:
        assert "Reset the second factor" not in by_admin.get(page_of(people["user"])).content.decode()
        person = with_second_factor(people["user"])
        epoch = person.session_epoch
        do(by_admin, person, "reset_second_factor")
        person.refresh_from_db()
        assert person.second_factor is None
        assert person.session_epoch > epoch
        with acting_as_system("look"):
            assert not Authenticator.objects.filter(user=person).exists()
        assert len(recorded(audit.Action.TOTP_RESET)) == 1

    def test_a_suspended_account_gets_no_password_link(self, by_admin: Client, people: dict[str, User]) -> None:
        administration.suspend(people["user"])
        page = do(by_admin, people["user"], "password_link").content.decode()
        assert administration.Suspended.sentence in page
        assert "/password/reset/key/" not in page


class TestInviting:
    ADD = "/admin/invitations/invitation/add/"
    LIST = "/admin/invitations/invitation/"

    def test_several_at_once_with_bad_ones_named(self, by_admin: Client) -> None:
        page = by_admin.post(self.ADD, {"addresses": "new@example.org, nobody", "role": "viewer"}).content.decode()
        assert "everybody else was" in page
        assert "This is not an e-mail address." in page
        assert len(re.findall(r"/invitation/[\w-]{40,}", page)) == 1
        assert len(recorded(audit.Action.USER_INVITED)) == 1

    def test_the_link_is_shown_once(self, by_admin: Client) -> None:
        response = by_admin.post(self.ADD, {"addresses": "new@example.org", "role": "user"})
        assert "no-store" in response["Cache-Control"]
        assert not re.search(r"/invitation/[\w-]{40,}", by_admin.get(self.LIST).content.decode())

    def test_with_mail_no_link_is_shown(self, by_admin: Client, settings, mailoutbox) -> None:
        settings.EMAIL_HOST = "mail.example.org"
        page = by_admin.post(self.ADD, {"addresses": "new@example.org", "role": "user"}).content.decode()
        assert "on its way" in page
        assert not re.search(r"/invitation/[\w-]{40,}", page)
        assert len(mailoutbox) == 1

    def test_an_admin_is_not_offered_super_admins(self, by_admin: Client) -> None:
        page = by_admin.get(self.ADD).content.decode()
        assert 'value="viewer"' in page
        assert 'value="super_admin"' not in page
        response = by_admin.post(self.ADD, {"addresses": "new@example.org", "role": "super_admin"})
        assert response.status_code == 422
        assert not recorded(audit.Action.USER_INVITED)

    def test_sending_again_and_withdrawing(self, by_admin: Client, client: Client) -> None:
        by_admin.post(self.ADD, {"addresses": "new@example.org", "role": "user"})
        key = re.search(r'name="_selected_action" value="([\w-]+)"', by_admin.get(self.LIST).content.decode())
        assert key
        form = {"action": "resend", "_selected_action": [key[1]]}
        found = re.search(r"(/invitation/[\w-]{40,})", by_admin.post(self.LIST, form).content.decode())
        assert found
        assert client.get(found[1]).status_code == 200
        page = by_admin.post(self.LIST, form | {"action": "withdraw"}, follow=True).content.decode()
        assert "1 invitation withdrawn." in page
        assert client.get(found[1]).status_code == 410
        assert len(recorded(audit.Action.INVITATION_REVOKED)) == 1

    def test_it_is_slowed_down(self, by_admin: Client) -> None:
        form = {"addresses": "new@example.org", "role": "user"}
        answers = [by_admin.post(self.ADD, form).status_code for _ in range(32)]
        assert answers == [200] * 30 + [429] * 2

    def test_it_asks_first_so_that_nothing_pasted_is_lost(self, by_admin: Client) -> None:
        session = by_admin.session
        session[CONFIRMED_AT] = 1
        session.save()
        assert "confirm" in by_admin.get(self.ADD)["Location"]

    def test_where_nobody_can_be_invited_the_page_says_so(self, by_admin: Client, settings) -> None:
        settings.SIGN_UP = "closed"
        assert "SIGN_UP" in by_admin.get(self.ADD).content.decode()
        by_admin.post(self.ADD, {"addresses": "new@example.org", "role": "user"})
        assert not recorded(audit.Action.USER_INVITED)


class TestLegalHolds:
    ADD = "/admin/rights/legalhold/add/"

    def test_is_set_by_address_and_lifted(self, by_admin: Client, people: dict[str, User]) -> None:
        by_admin.post(self.ADD, {"person": "USER@example.org", "reason": "file 12"})
        page = f"/admin/rights/legalhold/{people['user'].pk}"
        assert "file 12" in by_admin.get(f"{page}/change/").content.decode()
        assert (
            "is held already" in by_admin.post(self.ADD, {"person": "user@example.org", "reason": "x"}).content.decode()
        )
        assert "cannot be undone" in by_admin.get(f"{page}/delete/").content.decode()
        by_admin.post(f"{page}/delete/", {"post": "yes"})
        assert not LegalHold.objects.exists()
        assert len(recorded(audit.Action.LEGAL_HOLD_SET)) == len(recorded(audit.Action.LEGAL_HOLD_LIFTED)) == 1

    def test_somebody_unknown_is_named(self, by_admin: Client) -> None:
        response = by_admin.post(self.ADD, {"person": "nobody@example.org", "reason": "x"})
        assert "Nobody here has this address." in response.content.decode()
