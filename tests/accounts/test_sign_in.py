"""Sign-in, sign-out, sign-up, and the ways to a new password, through the pages a person uses."""

import html
import re
import uuid
from typing import ClassVar

import pytest
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher
from django.test import Client

from accounts import administration, sharing
from accounts.audit.actions import Action
from accounts.audit.models import AuditEvent
from accounts.models import User
from tests.accounts.conftest import is_signed_in, signed_in
from tests.conftest import PASSWORD

NEW = "a different long passphrase"


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str):
    return client.post("/accounts/login/", {"login": email, "password": password, **more})


def test_the_right_password_signs_in(client: Client, owner: User) -> None:
    response = sign_in(client, "owner@example.org")
    assert response.status_code == 302
    assert response["Location"] == "/"
    assert is_signed_in(client)


@pytest.mark.parametrize("email", ["OWNER@EXAMPLE.ORG", "Owner@Example.org", " owner@example.org "])
def test_the_address_is_the_same_in_any_case(client: Client, owner: User, email: str) -> None:
    sign_in(client, email)
    assert is_signed_in(client)


def test_addresses_are_kept_in_lower_case_and_once(owner: User) -> None:
    with pytest.raises(Exception, match="unique"):
        User.objects.create_user("OWNER@example.org", PASSWORD)


def test_a_wrong_password_and_an_unknown_address_look_the_same(client: Client, owner: User) -> None:
    known = sign_in(client, "owner@example.org", "wrong")
    unknown = sign_in(client, "nobody@example.org", "wrong")
    assert known.status_code == unknown.status_code == 200
    assert known.context["form"].errors == unknown.context["form"].errors != {}
    assert not is_signed_in(client)


def test_failures_are_limited_and_the_right_password_does_not_help_then(client: Client, owner: User) -> None:
    for _ in range(5):
        sign_in(client, "owner@example.org", "wrong")
    response = sign_in(client, "owner@example.org")
    assert "Too many failed attempts. Try again in 15 minutes" in response.content.decode()
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/settings", "/settings"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("x", "/"),
        ("http://127.0.0.1:9/", "/"),
    ],
)
def test_next_leads_only_to_this_host(client: Client, owner: User, target: str, leads_to: str) -> None:
    assert sign_in(client, "owner@example.org", next=target)["Location"] == leads_to


def test_an_anonymous_visitor_comes_back_to_the_page_they_wanted(client: Client, owner: User) -> None:
    response = client.get("/settings")
    assert response["Location"] == "/accounts/login/?next=/settings"
    page = client.get(response["Location"]).content.decode()
    assert re.search(r'<input type="hidden" name="next" value="/settings">', page)


def test_a_fragment_asked_for_without_a_session_sends_the_whole_page_to_sign_in(client: Client, db: None) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/documents/?page=2"}
    response = client.get("/documents/", headers=headers)
    assert response.status_code == 204
    assert response["HX-Redirect"] == "/accounts/login/?next=%2Fdocuments%2F%3Fpage%3D2&ended=1"
    assert response.content == b""


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("/", "A question that you had begun is kept."),
        (f"/chats/{uuid.UUID(int=1)}", "A question that you had begun is kept."),
        ("/chats/all?tag=1", "Sign in again to go on where you were."),
        ("/nowhere", "Sign in again to go on where you were."),
    ],
)
def test_the_sign_in_page_says_why_it_is_there_and_what_was_kept(
    client: Client, owner: User, where: str, said: str
) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{where}"}
    form_at = client.get("/documents/", headers=headers)["HX-Redirect"]
    page = client.get(form_at).content.decode()
    assert "Your session has ended. Sign in again" in page
    assert said in page
    back = html.unescape(re.search(r'name="next" value="([^"]*)"', page)[1])
    assert back == where
    # A wrong password is what there is to say then. Who came by themselves has had no session.
    wrong = client.post(form_at, {"login": owner.email, "password": "wrong", "next": back}).content.decode()
    assert "session has ended" not in wrong
    assert "session has ended" not in client.get(f"/accounts/login/?next={back}").content.decode()


def test_signing_out_takes_a_post(owner: User) -> None:
    client = signed_in(owner)
    assert client.get("/accounts/logout/").status_code == 200
    assert is_signed_in(client)
    assert client.post("/accounts/logout/").status_code == 302
    assert not is_signed_in(client)


def test_signing_in_needs_the_csrf_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client, "owner@example.org").status_code == 403


class TestSignUp:
    FORM: ClassVar = {"email": "New@Example.org", "password1": NEW, "password2": NEW}

    def test_it_is_closed_unless_opened(self, client: Client, db: None) -> None:
        assert "Ask the administrator" in client.get("/accounts/signup/").content.decode()
        client.post("/accounts/signup/", self.FORM)
        assert not User.objects.exists()
        assert "/accounts/signup/" not in client.get("/accounts/login/").content.decode()

    def test_opened_it_makes_a_plain_user(self, client: Client, settings, db: None) -> None:
        settings.SIGN_UP = "open"
        assert "/accounts/signup/" in client.get("/accounts/login/").content.decode()
        assert client.get("/accounts/signup/").status_code == 200
        client.post("/accounts/signup/", self.FORM | {"role": "super_admin", "is_superuser": "1"})
        user = User.objects.get()
        assert (user.email, user.role, user.is_superuser) == ("new@example.org", "user", False)
        assert is_signed_in(client)

    def test_a_weak_password_is_refused(self, client: Client, settings, db: None) -> None:
        settings.SIGN_UP = "open"
        client.post("/accounts/signup/", self.FORM | {"password1": "qwerty", "password2": "qwerty"})
        assert not User.objects.exists()

    def test_the_mailed_link_confirms_the_address(self, client: Client, db: None, settings, mailoutbox) -> None:
        settings.SIGN_UP = "open"
        settings.BASE_URL = "https://chat.example.org"
        client.post("/accounts/signup/", self.FORM)
        link = re.search(r"https://chat\.example\.org(/accounts/confirm-email/\S+)", mailoutbox[0].body)
        assert link
        assert "new@example.org" in client.get(link[1]).content.decode()
        client.post(link[1])
        user = User.objects.get()
        assert user.emailaddress_set.get().verified
        assert user.address_confirmed

    def test_until_then_the_address_may_be_somebody_elses(self, client: Client, db: None, settings) -> None:
        settings.SIGN_UP = "open"
        client.post("/accounts/signup/", self.FORM)
        assert sharing.viewer_of("new@example.org") is None
        user = User.objects.get()
        administration.confirm_address(user)
        assert sharing.viewer_of("new@example.org") == user
        assert user.emailaddress_set.get().verified

    def test_where_mail_is_set_up_nobody_comes_in_before(self, client: Client, db: None, settings, mailoutbox) -> None:
        settings.SIGN_UP, settings.ACCOUNT_EMAIL_VERIFICATION = "open", "mandatory"
        response = client.post("/accounts/signup/", self.FORM, follow=True)
        assert "Confirm your e-mail address" in response.content.decode()
        assert not is_signed_in(client)
        sign_in(client, "new@example.org", NEW)
        assert not is_signed_in(client)
        link = re.search(r"(/accounts/confirm-email/\S+)", mailoutbox[0].body)
        assert link
        client.post(link[1])
        sign_in(client, "new@example.org", NEW)
        assert is_signed_in(client)

    @pytest.mark.usefixtures("owner")
    def test_who_did_not_sign_up_has_nothing_to_confirm(self, client: Client, settings, mailoutbox) -> None:
        settings.SIGN_UP, settings.ACCOUNT_EMAIL_VERIFICATION = "open", "mandatory"
        sign_in(client, "owner@example.org")
        assert is_signed_in(client)
        assert not mailoutbox

    def test_a_broken_confirmation_link_is_explained(self, client: Client, db: None) -> None:
        assert "does not work" in client.get("/accounts/confirm-email/made-up/").content.decode()
        assert client.get("/accounts/confirm-email/").status_code == 200


class TestNewPassword:
    @pytest.fixture(autouse=True)
    def _mail(self, settings) -> None:
        settings.EMAIL_HOST = "mail.example.org"
        settings.BASE_URL = "https://chat.example.org"

    def link(self, client: Client, mailoutbox, email: str = "Owner@example.org") -> str:
        response = client.post("/accounts/password/reset/", {"email": email}, headers={"host": "localhost"})
        assert response["Location"] == "/accounts/password/reset/done/"
        assert client.get(response["Location"]).status_code == 200
        found = re.search(r"https://chat\.example\.org(/accounts/password/reset/key/\S+)", mailoutbox[-1].body)
        assert found, "the link leads to BASE_URL, whatever host was asked"
        return found[1]

    def test_the_mailed_link_sets_it_once(self, client: Client, owner: User, mailoutbox) -> None:
        link = self.link(client, mailoutbox)
        page = client.get(link, follow=True)
        form_at = page.redirect_chain[-1][0]
        assert client.post(form_at, {"password1": NEW, "password2": NEW}).status_code == 302
        assert client.get("/accounts/password/reset/key/done/").status_code == 200
        sign_in(client, "owner@example.org", NEW)
        assert is_signed_in(client)
        assert "does not work any more" in Client().get(link, follow=True).content.decode()

    def test_it_ends_other_sessions(self, client: Client, owner: User, mailoutbox) -> None:
        elsewhere = signed_in(owner)
        form_at = client.get(self.link(client, mailoutbox), follow=True).redirect_chain[-1][0]
        client.post(form_at, {"password1": NEW, "password2": NEW})
        assert not is_signed_in(elsewhere)

    def test_an_unknown_address_gets_the_same_page_and_no_mail(self, client: Client, db: None, mailoutbox) -> None:
        response = client.post("/accounts/password/reset/", {"email": "nobody@example.org"})
        assert response["Location"] == "/accounts/password/reset/done/"
        assert mailoutbox == []

    def test_a_suspended_person_gets_no_link(self, client: Client, owner: User, mailoutbox) -> None:
        User.objects.update(is_active=False)
        client.post("/accounts/password/reset/", {"email": "owner@example.org"})
        assert mailoutbox == []

    def test_a_mail_server_that_is_away_breaks_no_page(self, client: Client, owner: User, settings) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        assert client.post("/accounts/password/reset/", {"email": "owner@example.org"}).status_code == 302

    def test_without_a_mail_server_the_page_promises_no_mail(self, client: Client, db: None, settings) -> None:
        settings.EMAIL_HOST = ""
        page = client.get("/accounts/password/reset/").content.decode()
        assert "sends no mail" in page
        assert "An administrator can hand you a link" in page
        assert 'name="email"' not in page

    @pytest.mark.parametrize("email", ["owner@example.org", "nobody@example.org"])
    def test_without_a_mail_server_a_reset_says_the_same_to_everybody_and_prints_nothing(
        self, client: Client, owner: User, settings, capfd: pytest.CaptureFixture[str], email: str
    ) -> None:
        settings.EMAIL_HOST, settings.EMAIL_BACKEND = "", "django.core.mail.backends.dummy.EmailBackend"
        response = client.post("/accounts/password/reset/", {"email": email})
        page = client.get(response["Location"]).content.decode()
        assert "An administrator can hand you a link" in page
        assert "on its way" not in page
        assert "/password/reset/key/" not in "".join(capfd.readouterr())

    def test_it_is_changed_with_the_old_one(self, owner: User) -> None:
        client, elsewhere = signed_in(owner), signed_in(owner)
        assert client.get("/accounts/password/change/").status_code == 200
        wrong = client.post("/accounts/password/change/", {"oldpassword": "no", "password1": NEW, "password2": NEW})
        assert wrong.status_code == 200
        right = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
        assert client.post("/accounts/password/change/", right)["Location"] == "/settings"
        owner.refresh_from_db()
        assert owner.check_password(NEW)
        assert is_signed_in(client)
        assert not is_signed_in(elsewhere)

    def test_wrong_old_ones_are_recorded_and_counted_until_the_way_is_closed(self, owner: User, settings) -> None:
        # The first comes from a browser that the account does not know yet, and is counted apart.
        settings.LOCK_OUT_AFTER = 3
        client, form = signed_in(owner), {"oldpassword": "no", "password1": NEW, "password2": NEW}
        pages = [client.post("/accounts/password/change/", form).content.decode() for _ in range(4)]
        assert "Too many failed attempts" not in pages[0]
        assert "Too many failed attempts" in pages[-1]
        failed = AuditEvent.objects.filter(action=Action.CONFIRMATION_FAILED, user_id=owner.pk)
        assert {event.details["by"] for event in failed} == {"password"}
        closed = AuditEvent.objects.get(action=Action.LOCKED_OUT, user_id=owner.pk)
        assert closed.id > max(event.id for event in failed)
        right = client.post("/accounts/password/change/", {**form, "oldpassword": PASSWORD})
        assert "Too many failed attempts" in right.content.decode()
        owner.refresh_from_db()
        assert owner.check_password(PASSWORD)

    def test_a_person_without_one_can_set_one(self, owner: User) -> None:
        owner.set_unusable_password()
        owner.save()
        client = signed_in(owner)
        assert client.get("/accounts/password/set/").status_code == 200
        client.post("/accounts/password/set/", {"password1": NEW, "password2": NEW})
        owner.refresh_from_db()
        assert owner.check_password(NEW)


@pytest.mark.parametrize("path", ["email/", "reauthenticate/", "login/code/", "login/code/confirm/", "3rdparty/"])
def test_what_this_product_does_not_offer_is_not_there(owner: User, path: str) -> None:
    assert signed_in(owner).get(f"/accounts/{path}").status_code == 404


WEAK = {
    "eleven char": "at least 12 characters",
    "qwertyqwerty": "too common",
    "830174926501": "entirely numeric",
    "owner@example.org": "too similar to the e-mail address",
}


class TestWeakPasswords:
    """Refused wherever a password is chosen, with the reason."""

    @pytest.mark.parametrize(("password", "reason"), WEAK.items())
    def test_when_it_is_changed(self, owner: User, password: str, reason: str) -> None:
        form = {"oldpassword": PASSWORD, "password1": password, "password2": password}
        assert reason in signed_in(owner).post("/accounts/password/change/", form).content.decode()
        owner.refresh_from_db()
        assert owner.check_password(PASSWORD)

    @pytest.mark.parametrize(("password", "reason"), WEAK.items())
    def test_when_it_is_set_by_a_mailed_link(self, owner: User, client: Client, password: str, reason: str) -> None:
        link = administration.password_link(owner)
        form_at = client.get("/" + link.split("/", 3)[3], follow=True).redirect_chain[-1][0]
        assert reason in client.post(form_at, {"password1": password, "password2": password}).content.decode()
        owner.refresh_from_db()
        assert owner.check_password(PASSWORD)

    @pytest.mark.parametrize(("password", "reason"), list(WEAK.items())[:3])
    def test_when_an_account_is_made(self, client: Client, settings, db: None, password: str, reason: str) -> None:
        settings.SIGN_UP = "open"
        form = {"email": "new@example.org", "password1": password, "password2": password}
        assert reason in client.post("/accounts/signup/", form).content.decode()
        assert not User.objects.exists()


def test_passwords_are_kept_with_bcrypt(settings, db: None) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]
    user = User.objects.create_user("slow@example.org", PASSWORD)
    assert user.password.startswith(BCryptSHA256PasswordHasher.algorithm)
    assert user.check_password(PASSWORD)
