"""Codes of an authenticator app: setting them up, signing in with them, and what happens when they are lost."""

import re
import threading
from collections.abc import Callable
from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from accounts.second_factor import enrolment, recovery
from accounts.second_factor.models import Authenticator, RecoveryCode
from accounts.tenancy import acting_as
from chatsite import env
from tests.accounts.conftest import is_signed_in, signed_in
from tests.accounts.phone import Phone, forget_codes
from tests.conftest import PASSWORD

STEP = "/accounts/second-step/"
ENROL = "/settings/second-factor"
CODES = "/settings/recovery-codes"


def sign_in(client: Client, user: User, **more: str):
    return client.post("/accounts/login/", {"login": user.email, "password": PASSWORD, **more})


def give(client: Client, code: str, **more: str):
    return client.post(STEP, {"code": code, **more})


def codes_on(page: str) -> list[str]:
    return re.findall(r"<li>([2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4})</li>", page)


def words(response) -> str:
    return response.content.decode()


@pytest.fixture
def phone(owner: User) -> Phone:
    return Phone.of(owner)


class TestSettingUp:
    def test_the_page_shows_a_picture_and_the_same_secret_to_type(self, owner: User) -> None:
        page = words(signed_in(owner).get(ENROL))
        with acting_as(owner):
            device = Authenticator.objects.get(user=owner)
            secret = device.base32
        assert '<svg viewBox="0 0' in page
        assert "<script>" not in page
        assert "data:image" not in page
        assert "".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page)) == secret
        assert device.address == (
            f"otpauth://totp/Chatsite:owner%40example.org?secret={secret}&issuer=Chatsite&algorithm=SHA1&digits=6&period=30"
        )

    def test_it_counts_only_after_its_first_code(self, owner: User, client: Client) -> None:
        page = signed_in(owner)
        page.get(ENROL)
        sign_in(client, owner)
        assert is_signed_in(client)
        done = page.post(ENROL, {"code": Phone.scanning(owner).code()})
        assert done.status_code == 200
        assert len(codes_on(words(done))) == 10
        owner.refresh_from_db()
        assert owner.second_factor is not None
        assert is_signed_in(page)

    def test_a_wrong_code_changes_nothing_and_keeps_the_secret(self, owner: User) -> None:
        client = signed_in(owner)
        client.get(ENROL)
        phone = Phone.scanning(owner)
        response = client.post(ENROL, {"code": phone.wrong_code()})
        assert response.status_code == 422
        assert "does not belong to this secret" in words(response)
        owner.refresh_from_db()
        assert owner.second_factor is None
        forget_codes(owner)
        assert client.post(ENROL, {"code": phone.code()}).status_code == 200

    def test_what_is_no_code_or_comes_too_soon_after_a_wrong_one_is_refused_in_words(self, owner: User) -> None:
        client = signed_in(owner)
        client.get(ENROL)
        phone = Phone.scanning(owner)
        for typed in ("abcdef", "12345", "1234567", "٣٤٥٦٧٨"):
            assert client.post(ENROL, {"code": typed}).status_code == 422
        client.post(ENROL, {"code": phone.wrong_code()})
        response = client.post(ENROL, {"code": phone.code()})
        assert response.status_code == 422
        assert "too quick" in words(response)

    def test_other_sessions_are_asked_for_a_code_from_then_on(self, owner: User) -> None:
        here, elsewhere = signed_in(owner), signed_in(owner)
        here.get(ENROL)
        here.post(ENROL, {"code": Phone.scanning(owner).code()})
        assert elsewhere.get("/settings")["Location"] == f"{STEP}?next=%2Fsettings"

    def test_the_secret_lies_sealed(self, owner: User, phone: Phone) -> None:
        with acting_as(owner):
            stored = bytes(Authenticator.objects.values_list("secret", flat=True).get(user=owner))
        assert phone.key not in stored
        assert phone.key.hex().encode() not in stored

    def test_another_app_replaces_the_first_one(self, owner: User, phone: Phone, client: Client) -> None:
        sign_in(client, owner)
        give(client, phone.code())
        assert "another authenticator app" in words(client.get(ENROL))
        new = Phone.scanning(owner)
        assert new.key != phone.key
        assert client.post(ENROL, {"code": new.code()}).status_code == 200
        forget_codes(owner)
        fresh = Client()
        sign_in(fresh, owner)
        assert give(fresh, phone.code()).status_code == 422
        forget_codes(owner)
        give(fresh, new.code())
        assert is_signed_in(fresh)

    def test_recovery_codes_are_never_shown_again_nor_kept(self, owner: User) -> None:
        client = signed_in(owner)
        client.get(ENROL)
        made = codes_on(words(client.post(ENROL, {"code": Phone.scanning(owner).code()})))
        assert len(set(made)) == 10
        for page in ("/settings", CODES, ENROL):
            assert not codes_on(words(client.get(page)))
        with acting_as(owner):
            stored = b"".join(bytes(row.digest) for row in RecoveryCode.objects.filter(owner=owner))
        assert all(code.replace("-", "").encode() not in stored for code in made)


class TestSigningIn:
    def test_the_password_alone_opens_nothing(self, owner: User, phone: Phone, client: Client) -> None:
        response = sign_in(client, owner, next="/documents/")
        assert response["Location"] == "/documents/"
        step = client.get(response["Location"])
        assert step["Location"] == f"{STEP}?next=%2Fdocuments%2F"
        assert "owner@example.org" in words(client.get(step["Location"]))
        assert not is_signed_in(client)

    def test_a_code_opens_the_page_that_was_wanted(self, owner: User, phone: Phone, client: Client) -> None:
        sign_in(client, owner)
        before = client.session.session_key
        response = give(client, phone.code(), next="/documents/")
        assert response["Location"] == "/documents/"
        assert is_signed_in(client)
        assert client.session.session_key != before

    @pytest.mark.parametrize("typed", [lambda code: f"{code[:3]} {code[3:]}", lambda code: f" {code}-"])
    def test_a_code_may_be_typed_with_spaces(
        self, owner: User, phone: Phone, client: Client, typed: Callable[[str], str]
    ) -> None:
        sign_in(client, owner)
        give(client, typed(phone.code()))
        assert is_signed_in(client)

    @pytest.mark.parametrize("steps", [-1, 1])
    def test_a_clock_may_be_one_step_off(self, owner: User, phone: Phone, client: Client, steps: int) -> None:
        sign_in(client, owner)
        give(client, phone.code(steps=steps))
        assert is_signed_in(client)

    @pytest.mark.parametrize("steps", [-3, -2, 2, 3])
    def test_and_no_more(self, owner: User, phone: Phone, client: Client, steps: int) -> None:
        sign_in(client, owner)
        assert give(client, phone.code(steps=steps)).status_code == 422
        assert not is_signed_in(client)

    def test_a_code_is_taken_once(self, owner: User, phone: Phone) -> None:
        code = phone.code()
        first, second = Client(), Client()
        sign_in(first, owner)
        sign_in(second, owner)
        give(first, code)
        response = give(second, code)
        assert "was used already" in words(response)
        assert is_signed_in(first)
        assert not is_signed_in(second)

    def test_after_a_code_earlier_ones_are_not_taken_either(self, owner: User, phone: Phone) -> None:
        first, second = Client(), Client()
        sign_in(first, owner)
        sign_in(second, owner)
        give(first, phone.code(steps=1))
        give(second, phone.code())
        assert is_signed_in(first)
        assert not is_signed_in(second)

    def test_the_code_that_finished_setting_up_signs_nobody_in(self, owner: User, client: Client) -> None:
        page = signed_in(owner)
        page.get(ENROL)
        code = Phone.scanning(owner).code()
        page.post(ENROL, {"code": code})
        sign_in(client, owner)
        give(client, code)
        assert not is_signed_in(client)

    def test_right_after_a_wrong_code_one_has_to_wait_a_moment(self, owner: User, phone: Phone, client: Client) -> None:
        sign_in(client, owner)
        give(client, phone.wrong_code())
        assert "too quick" in words(give(client, phone.code()))
        forget_codes(owner)
        give(client, phone.code())
        assert is_signed_in(client)

    def test_the_wait_does_not_grow_without_end(self, owner: User, phone: Phone) -> None:
        with acting_as(owner):
            device = Authenticator.objects.get(user=owner)
            for _ in range(40):
                device.throttle_increment()
            device.refresh_from_db()
        assert device.throttling_failure_count <= 5

    def test_the_code_of_somebody_else_is_worth_nothing(
        self, owner: User, phone: Phone, stranger: User, client: Client
    ) -> None:
        theirs = Phone.of(stranger)
        sign_in(client, owner)
        give(client, theirs.code())
        assert not is_signed_in(client)

    @pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\x00" * 6, "9" * 24])
    def test_what_is_no_code_is_refused_in_words(self, owner: User, phone: Phone, client: Client, code: str) -> None:
        sign_in(client, owner)
        response = give(client, code)
        assert response.status_code == 422
        assert not is_signed_in(client)

    def test_the_half_way_can_be_left(self, owner: User, phone: Phone, client: Client) -> None:
        sign_in(client, owner)
        assert client.post(STEP, {"cancel": "1"})["Location"] == "/accounts/login/"
        assert "_auth_user_id" not in client.session
        assert client.get("/settings")["Location"] == "/accounts/login/?next=/settings"

    def test_signing_out_half_way_ends_the_session(self, owner: User, phone: Phone, client: Client) -> None:
        sign_in(client, owner)
        client.post("/accounts/logout/")
        assert "_auth_user_id" not in client.session

    def test_the_step_is_only_for_who_is_half_way(self, owner: User, client: Client) -> None:
        assert client.get(STEP)["Location"] == "/"
        assert signed_in(owner).get(f"{STEP}?next=/documents/")["Location"] == "/documents/"

    @pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
    def test_it_leads_to_this_host_only(self, owner: User, phone: Phone, client: Client, target: str) -> None:
        sign_in(client, owner)
        assert give(client, phone.code(), next=target)["Location"] == "/"

    def test_a_fragment_sends_the_whole_page_to_the_step(self, owner: User, phone: Phone, client: Client) -> None:
        sign_in(client, owner)
        headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/documents/?page=2"}
        response = client.get("/documents/", headers=headers)
        assert response.status_code == 204
        assert response["HX-Redirect"] == f"{STEP}?next=%2Fdocuments%2F"


class TestRecoveryCodes:
    @pytest.fixture
    def made(self, owner: User, phone: Phone) -> list[str]:
        return recovery.make(owner)

    def test_one_signs_in_once(self, owner: User, made: list[str]) -> None:
        first, second = Client(), Client()
        sign_in(first, owner)
        page = give(first, made[0], recovery="1")
        assert page.status_code == 302
        assert "You have 9 recovery codes left." in words(first.get("/settings"))
        sign_in(second, owner)
        give(second, made[0], recovery="1")
        assert not is_signed_in(second)
        give(second, made[1].upper().replace("-", " "), recovery="1")
        assert is_signed_in(second)

    def test_new_ones_end_the_old_ones(self, owner: User, phone: Phone, made: list[str], client: Client) -> None:
        sign_in(client, owner)
        give(client, phone.code())
        assert "10 unused codes" in words(client.get(CODES))
        new = codes_on(words(client.post(CODES)))
        assert len(new) == 10
        assert not set(new) & set(made)
        other = Client()
        sign_in(other, owner)
        give(other, made[0], recovery="1")
        assert not is_signed_in(other)
        give(other, new[0], recovery="1")
        assert is_signed_in(other)

    def test_those_of_somebody_else_are_worth_nothing(self, made: list[str], stranger: User, client: Client) -> None:
        Phone.of(stranger)
        sign_in(client, stranger)
        give(client, made[0], recovery="1")
        assert not is_signed_in(client)

    def test_they_are_hard_to_guess(self) -> None:
        assert len(set(recovery.ALPHABET)) ** recovery.LENGTH > 2**58

    def test_without_a_second_factor_there_are_none_to_make(self, owner: User) -> None:
        client = signed_in(owner)
        assert client.post(CODES)["Location"] == "/settings"
        assert recovery.left(owner) == 0


class TestTakingAway:
    def test_it_is_asked_first_and_done_once_confirmed(self, owner: User, phone: Phone, client: Client) -> None:
        sign_in(client, owner)
        give(client, phone.code())
        assert "Remove the second factor?" in words(client.get("/settings/second-factor/remove"))
        client.post("/settings/second-factor/remove")
        owner.refresh_from_db()
        assert owner.second_factor is None
        assert recovery.left(owner) == 0
        other = Client()
        sign_in(other, owner)
        assert is_signed_in(other)

    def test_a_role_that_needs_one_keeps_it(self, owner: User, phone: Phone, client: Client, settings) -> None:
        settings.TOTP_REQUIRED_ROLES = ["user"]
        sign_in(client, owner)
        give(client, phone.code())
        response = client.post("/settings/second-factor/remove")
        assert response.status_code == 409
        assert "Your role needs a second factor" in words(response)
        owner.refresh_from_db()
        assert owner.second_factor is not None

    def test_an_administrator_resets_it_and_the_persons_sessions_end(
        self, owner: User, phone: Phone, admin_user: User, client: Client
    ) -> None:
        sign_in(client, owner)
        give(client, phone.code())
        assert is_signed_in(client)
        enrolment.reset(owner, by=admin_user)
        assert not is_signed_in(client)
        sign_in(client, owner)
        assert is_signed_in(client)
        with acting_as(owner):
            assert not Authenticator.objects.exists()
            assert not RecoveryCode.objects.exists()

    def test_the_operator_resets_that_of_the_last_administrator(self, admin_user: User) -> None:
        Phone.of(admin_user)
        call_command("reset_second_factor", "Admin@example.org", stdout=StringIO())
        admin_user.refresh_from_db()
        assert admin_user.second_factor is None
        with pytest.raises(CommandError, match="Nothing was changed"):
            call_command("reset_second_factor", "admin@example.org")
        with pytest.raises(CommandError, match="no account"):
            call_command("reset_second_factor", "nobody@example.org")

    def test_a_session_that_knew_the_old_app_needs_the_new_one(self, owner: User, phone: Phone, client: Client) -> None:
        sign_in(client, owner)
        give(client, phone.code())
        enrolment.draft(owner)
        assert enrolment.finish(User.objects.get(pk=owner.pk), Phone.scanning(owner).code())
        assert not is_signed_in(client)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Two requests that bring the same code in the same moment."""

    def race(self, owner: User, code: str, **more: str) -> int:
        pages = [Client() for _ in range(4)]
        for page in pages:
            sign_in(page, owner)
        at_once = threading.Barrier(len(pages))
        answers: list[int] = []

        def send(page: Client) -> None:
            at_once.wait(timeout=30)
            try:
                answers.append(give(page, code, **more).status_code)
            finally:
                connection.close()

        threads = [threading.Thread(target=send, args=(page,)) for page in pages]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert len(answers) == len(pages)
        return answers.count(302)

    def test_one_code_of_the_app_signs_in_one(self, owner: User) -> None:
        phone = Phone.of(owner)
        assert self.race(owner, phone.code()) == 1

    def test_one_recovery_code_signs_in_one(self, owner: User) -> None:
        Phone.of(owner)
        made = recovery.make(owner)
        assert self.race(owner, made[0], recovery="1") == 1
        assert recovery.left(owner) == 9


def test_the_roles_that_need_one_are_words_of_this_product(monkeypatch: pytest.MonkeyPatch) -> None:
    assert django_settings.TOTP_REQUIRED_ROLES == []
    monkeypatch.setenv("TOTP_REQUIRED_ROLES", "admin, super_admin")
    assert env.choices("TOTP_REQUIRED_ROLES", ["super_admin", "admin"]) == ["admin", "super_admin"]
    monkeypatch.setenv("TOTP_REQUIRED_ROLES", "admin,boss")
    with pytest.raises(ImproperlyConfigured, match="boss"):
        env.choices("TOTP_REQUIRED_ROLES", ["super_admin", "admin"])
