"""Invitations: who may send them, what the link does, and that it does it once."""

import dataclasses
import re
import smtplib
import threading
from datetime import timedelta

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import administration
from accounts.invitations import accepting, inviting
from accounts.invitations.models import Invitation
from accounts.invitations.tasks import forget_over
from accounts.models import Role, User
from tests.accounts.conftest import is_signed_in, signed_in

PASSWORD = "a different passphrase"
FORM = {"name": "Ada", "password": PASSWORD, "password_again": PASSWORD}


def link_for(inviter: User, email: str = "new@example.org", role: str = "user") -> str:
    """The path that an invitation leads to; no mail server is set up."""
    (sent,) = inviting.invite(inviter, [email], role).sent
    return "/invitation/" + sent.link.rsplit("/", 1)[1]


class RefusesOneAddress(EmailBackend):
    def send_messages(self, messages):
        if messages[0].to == ["refused@example.org"]:
            raise smtplib.SMTPRecipientsRefused({})
        return super().send_messages(messages)


class TestThePersonInvited:
    def test_chooses_name_and_password_and_is_in(self, client: Client, people: dict[str, User]) -> None:
        link = link_for(people["admin"], role="viewer")
        assert "new@example.org" in client.get(link).content.decode()
        response = client.post(link, FORM | {"role": "super_admin", "email": "other@example.org"})
        assert (response.status_code, response["Location"]) == (302, "/")
        user = User.objects.get(email="new@example.org")
        assert (user.name, user.role, user.is_superuser) == ("Ada", Role.VIEWER, False)
        assert is_signed_in(client)
        assert user.emailaddress_set.get().verified

    def test_signs_in_afterwards_with_that_password(self, client: Client, people: dict[str, User]) -> None:
        Client().post(link_for(people["admin"]), FORM)
        client.post("/accounts/login/", {"login": "new@example.org", "password": PASSWORD})
        assert is_signed_in(client)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"password_again": "something else entirely"}, "The two passwords differ."),
            ({"password": "short", "password_again": "short"}, "This password is too short."),
            ({"password": "new@example.org", "password_again": "new@example.org"}, "too similar"),
        ],
    )
    def test_a_weak_password_leaves_the_link_as_it_was(
        self, client: Client, people: dict[str, User], change: dict[str, str], words: str
    ) -> None:
        link = link_for(people["admin"])
        response = client.post(link, FORM | change)
        assert response.status_code == 422
        assert words in response.content.decode()
        assert client.post(link, FORM).status_code == 302

    def test_who_is_signed_in_does_not_become_somebody_else(self, people: dict[str, User]) -> None:
        link, client = link_for(people["admin"]), signed_in(people["user"])
        for response in (client.get(link), client.post(link, FORM)):
            assert response.status_code == 409
            assert "signed in as" in response.content.decode()
        assert not User.objects.filter(email="new@example.org").exists()
        assert Client().post(link, FORM).status_code == 302

    def test_an_address_that_got_an_account_meanwhile_is_not_touched(
        self, client: Client, people: dict[str, User]
    ) -> None:
        link = link_for(people["admin"])
        there = User.objects.create_user("new@example.org", "what it was before")
        response = client.post(link, FORM)
        assert response.status_code == 409
        assert "Nothing was changed" in response.content.decode()
        there.refresh_from_db()
        assert there.check_password("what it was before")
        assert Invitation.objects.usable().exists()

    def test_many_tries_are_slowed_down(self, client: Client, db: None) -> None:
        answers = [client.post("/invitation/made-up", FORM).status_code for _ in range(22)]
        assert answers == [410] * 20 + [429] * 2


class TestTheLink:
    def gone(self, link: str) -> bool:
        answers = {Client().get(link).status_code, Client().post(link, FORM).status_code}
        return answers == {410}

    def test_works_once(self, people: dict[str, User]) -> None:
        link = link_for(people["admin"])
        assert Client().post(link, FORM).status_code == 302
        assert self.gone(link)

    def test_works_for_seven_days(self, people: dict[str, User]) -> None:
        link = link_for(people["admin"])
        (invitation,) = Invitation.objects.all()
        assert timedelta(days=6, hours=23) < invitation.expires_at - timezone.now() < timedelta(days=7, hours=1)
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert self.gone(link)

    def test_is_kept_nowhere(self, people: dict[str, User]) -> None:
        token = link_for(people["admin"]).rsplit("/", 1)[1]
        row = Invitation.objects.values().get()
        assert token not in str(row)
        assert len(row["token_sha256"]) == 64

    def test_can_be_withdrawn(self, people: dict[str, User]) -> None:
        link = link_for(people["admin"])
        inviting.revoke(people["admin"], Invitation.objects.get())
        assert self.gone(link)
        with pytest.raises(inviting.Refused, match="used or withdrawn"):
            inviting.resend(people["admin"], Invitation.objects.get())

    def test_sent_again_replaces_the_earlier_one(self, people: dict[str, User]) -> None:
        earlier = link_for(people["admin"])
        later = inviting.resend(people["admin"], Invitation.objects.get()).link
        assert self.gone(earlier)
        assert Client().post("/invitation/" + later.rsplit("/", 1)[1], FORM).status_code == 302

    def test_inviting_the_same_address_again_replaces_the_earlier_one(self, people: dict[str, User]) -> None:
        earlier, later = link_for(people["admin"], role="user"), link_for(people["admin"], role="viewer")
        assert self.gone(earlier)
        assert Client().post(later, FORM).status_code == 302
        assert User.objects.get(email="new@example.org").role == Role.VIEWER

    @pytest.mark.parametrize("change", [{"is_active": False}, {"role": "viewer"}])
    def test_is_worth_no_more_than_who_sent_it(self, people: dict[str, User], change: dict[str, object]) -> None:
        link = link_for(people["admin"], role="user")
        User.objects.filter(pk=people["admin"].pk).update(**change)
        assert self.gone(link)
        sent = inviting.resend(people["super_admin"], Invitation.objects.get())
        assert Client().post("/invitation/" + sent.link.rsplit("/", 1)[1], FORM).status_code == 302

    def test_dies_with_the_account_that_sent_it(self, people: dict[str, User]) -> None:
        link = link_for(people["admin"])
        people["admin"].delete()
        assert self.gone(link)

    def test_stops_when_the_installation_is_closed(self, people: dict[str, User], settings) -> None:
        link = link_for(people["admin"])
        settings.SIGN_UP = "closed"
        assert self.gone(link)

    @pytest.mark.django_db(transaction=True)
    def test_of_many_at_once_one_gets_an_account(self) -> None:
        link = link_for(User.objects.create_superuser("admin@example.org"))
        at_once = threading.Barrier(6)
        answers: list[int] = []

        def submit() -> None:
            at_once.wait(timeout=20)
            try:
                answers.append(Client().post(link, FORM).status_code)
            finally:
                connection.close()

        threads = [threading.Thread(target=submit) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert sorted(answers) == [302, 410, 410, 410, 410, 410]
        assert User.objects.filter(email="new@example.org").count() == 1


class TestInviting:
    def test_a_pasted_list_is_understood(self) -> None:
        text = 'a@example.org, B@Example.org;\n"Ada" <ada@example.org>\nLin <lin@example.org>, a@example.org\tc@d.org'
        expected = ["a@example.org", "b@example.org", "ada@example.org", "lin@example.org", "c@d.org"]
        assert inviting.addresses(text) == expected

    def test_bad_addresses_are_named_and_the_rest_is_invited(self, people: dict[str, User]) -> None:
        wanted = ["new@example.org", "nobody", "user@example.org", "other@example.org"]
        outcome = inviting.invite(people["admin"], wanted, "user")
        assert [sent.invitation.email for sent in outcome.sent] == ["new@example.org", "other@example.org"]
        assert dict(outcome.refused) == {
            "nobody": "This is not an e-mail address.",
            "user@example.org": "There is an account with this address already.",
        }

    def test_with_a_mail_server_each_gets_a_mail_and_no_link_is_shown(
        self, people: dict[str, User], settings, mailoutbox
    ) -> None:
        settings.EMAIL_HOST, settings.BASE_URL = "mail.example.org", "https://chat.example.org"
        outcome = inviting.invite(people["admin"], ["new@example.org", "other@example.org"], "user")
        assert [sent.link for sent in outcome.sent] == ["", ""]
        assert [mail.to for mail in mailoutbox] == [["new@example.org"], ["other@example.org"]]
        link = re.search(r"https://chat\.example\.org(/invitation/\S+)", mailoutbox[0].body)
        assert link
        assert Client().post(link[1], FORM).status_code == 302
        assert Invitation.objects.filter(was_mailed=True).count() == 2

    def test_an_address_the_mail_server_refuses_costs_the_others_nothing(
        self, people: dict[str, User], settings, mailoutbox
    ) -> None:
        settings.EMAIL_HOST = "mail.example.org"
        settings.EMAIL_BACKEND = f"{__name__}.RefusesOneAddress"
        outcome = inviting.invite(people["admin"], ["refused@example.org", "new@example.org"], "user")
        assert [bool(sent.link) for sent in outcome.sent] == [True, False]
        assert len(mailoutbox) == 1

    def test_a_mail_server_that_is_away_makes_the_links_visible(self, people: dict[str, User], settings) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        outcome = inviting.invite(people["admin"], ["new@example.org"], "user")
        assert "/invitation/" in outcome.sent[0].link

    @pytest.mark.parametrize(
        ("inviter", "role"),
        [("admin", "super_admin"), ("admin", "admin"), ("user", "viewer"), ("viewer", "viewer"), ("user", "user")],
    )
    def test_nobody_invites_above_what_they_manage(self, people: dict[str, User], inviter: str, role: str) -> None:
        with pytest.raises(inviting.Refused):
            inviting.invite(people[inviter], ["new@example.org"], role)
        assert not Invitation.objects.exists()

    def test_an_admin_does_not_touch_a_super_admin_s_invitation(self, people: dict[str, User]) -> None:
        inviting.invite(people["super_admin"], ["new@example.org"], "super_admin")
        invitation = Invitation.objects.get()
        assert inviting.invite(people["admin"], ["new@example.org"], "viewer").refused
        with pytest.raises(inviting.Refused):
            inviting.resend(people["admin"], invitation)
        with pytest.raises(inviting.Refused):
            inviting.revoke(people["admin"], invitation)
        invitation.refresh_from_db()
        assert (invitation.role, invitation.revoked_at) == ("super_admin", None)

    def test_too_many_at_once_are_refused(self, people: dict[str, User]) -> None:
        with pytest.raises(inviting.Refused, match="at most 50"):
            inviting.invite(people["admin"], [f"p{n}@example.org" for n in range(51)], "user")

    def test_closed_means_closed(self, people: dict[str, User], settings) -> None:
        settings.SIGN_UP = "closed"
        with pytest.raises(inviting.Refused, match="SIGN_UP"):
            inviting.invite(people["super_admin"], ["new@example.org"], "user")


def test_somebody_invited_through_a_provider_is_found_by_address(people: dict[str, User]) -> None:
    link_for(people["admin"], role="viewer")
    found = accepting.for_address("NEW@example.org")
    assert found is not None
    assert found.role == Role.VIEWER
    accepting.spend(found)
    assert accepting.for_address("new@example.org") is None
    with pytest.raises(accepting.NotUsable):
        accepting.spend(found)


def test_suspending_the_sender_ends_what_they_sent(people: dict[str, User]) -> None:
    link = link_for(people["admin"], role="user")
    administration.suspend(people["admin"])
    assert Client().post(link, FORM).status_code == 410


class TestWherePasswordsAreOff:
    @pytest.fixture(autouse=True)
    def _off(self, settings) -> None:
        settings.SSO = dataclasses.replace(settings.SSO, passwords=False)

    def test_nobody_gets_in_with_one(self, client: Client, people: dict[str, User]) -> None:
        link = link_for(people["admin"])
        assert 'name="password"' not in client.get(link).content.decode()
        client.post(link, FORM)
        assert not User.objects.filter(email="new@example.org").exists()
        assert Invitation.objects.usable().count() == 1

    def test_a_super_admin_still_has_one(self, client: Client, people: dict[str, User]) -> None:
        client.post(link_for(people["super_admin"], role="super_admin"), FORM)
        assert is_signed_in(client)


def test_what_is_over_is_forgotten_after_a_month(people: dict[str, User]) -> None:
    inviting.invite(people["admin"], [f"{name}@example.org" for name in ("new", "late", "withdrawn")], "user")
    Invitation.objects.filter(email="late@example.org").update(expires_at=timezone.now() - timedelta(days=31))
    Invitation.objects.filter(email="withdrawn@example.org").update(revoked_at=timezone.now() - timedelta(days=29))
    forget_over()
    assert {invitation.email for invitation in Invitation.objects.all()} == {"new@example.org", "withdrawn@example.org"}
