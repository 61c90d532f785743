"""Guessing is stopped after five failures, without closing the door to the person at their own machine."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.account.adapter import get_adapter
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.audit.models import AuditEvent
from accounts.lock_out import attempts, browsers
from accounts.lock_out.models import Failures, Kind
from accounts.models import User
from accounts.second_factor import recovery
from accounts.second_factor.confirming import CONFIRMED_AT
from tests.accounts.conftest import is_signed_in, signed_in
from tests.accounts.phone import Phone, forget_codes
from tests.conftest import PASSWORD

LIST = "/admin/lock_out/failures/"
CLOSED = "Too many failed attempts. Try again in 15 minutes"


def sign_in(client: Client, email: str, password: str = PASSWORD, **extra: str):
    return client.post("/accounts/login/", {"login": email, "password": password}, **extra)


def fail(client: Client, email: str, times: int, **extra: str):
    for _ in range(times):
        response = sign_in(client, email, "wrong", **extra)
    return response


def at(address: str) -> dict[str, str]:
    return {"REMOTE_ADDR": address}


def words(response) -> str:
    return response.content.decode()


def known_browser(user: User) -> Client:
    """Where the person has signed in before, and out again."""
    client = Client()
    sign_in(client, user.email)
    client.get("/settings")
    client.post("/accounts/logout/")
    assert browsers.COOKIE in client.cookies
    return client


def later(minutes: int) -> None:
    """Time passes."""
    for row in Failures.objects.all():
        row.since -= timedelta(minutes=minutes)
        row.locked_until = row.locked_until and row.locked_until - timedelta(minutes=minutes)
        row.save()


class TestByAccount:
    def test_the_fifth_failure_closes_it_and_says_for_how_long(self, client: Client, owner: User) -> None:
        assert CLOSED not in words(fail(client, owner.email, 4))
        assert CLOSED in words(fail(client, owner.email, 1))
        response = sign_in(client, owner.email)
        assert CLOSED in words(response)
        assert not is_signed_in(client)

    def test_it_is_closed_from_other_addresses_too(self, owner: User) -> None:
        for number in range(5):
            fail(Client(), owner.email, 1, **at(f"198.51.100.{number}"))
        elsewhere = Client()
        assert CLOSED in words(sign_in(elsewhere, owner.email, **at("203.0.113.9")))
        assert not is_signed_in(elsewhere)

    def test_other_accounts_stay_open(self, owner: User, stranger: User, client: Client) -> None:
        for number in range(5):
            fail(Client(), owner.email, 1, **at(f"198.51.100.{number}"))
        sign_in(client, stranger.email)
        assert is_signed_in(client)

    def test_an_address_without_an_account_looks_the_same(self, owner: User) -> None:
        known = [words(fail(Client(), owner.email, 1, **at("198.51.100.1"))) for _ in range(7)]
        unknown = [words(fail(Client(), "nobody@example.org", 1, **at("198.51.100.2"))) for _ in range(7)]
        notices = [[CLOSED in page for page in pages] for pages in (known, unknown)]
        assert notices[0] == notices[1] == [False] * 4 + [True] * 3

    def test_case_and_spaces_make_no_second_account(self, owner: User, client: Client) -> None:
        fail(client, "owner@example.org", 3)
        assert CLOSED in words(fail(client, " OWNER@Example.org ", 2))

    def test_spellings_of_one_name_without_an_account_share_a_count(self, db: None, rf: RequestFactory) -> None:
        for spelling in ("ada strasse", " ADA  Strasse", "Ada straße", "\uff21da\u00a0strasse"):
            attempts.begin(rf.post("/"), account=spelling)
        assert [row.count for row in Failures.objects.filter(kind=Kind.ACCOUNT)] == [4]

    def test_it_opens_again_by_itself(self, owner: User, client: Client) -> None:
        fail(client, owner.email, 5)
        later(14)
        assert "Try again in a minute" in words(sign_in(client, owner.email))
        later(1)
        sign_in(client, owner.email)
        assert is_signed_in(client)

    def test_trying_while_it_is_closed_does_not_keep_it_closed(self, owner: User, client: Client) -> None:
        fail(client, owner.email, 5)
        until = set(Failures.objects.values_list("locked_until", flat=True))
        fail(client, owner.email, 5)
        assert set(Failures.objects.values_list("locked_until", flat=True)) == until

    def test_failures_of_long_ago_do_not_count(self, owner: User, client: Client) -> None:
        fail(client, owner.email, 4)
        later(16)
        assert CLOSED not in words(fail(client, owner.email, 4))

    def test_success_starts_the_count_anew_for_the_account(self, owner: User) -> None:
        fail(Client(), owner.email, 4, **at("198.51.100.1"))
        sign_in(Client(), owner.email, **at("198.51.100.2"))
        assert CLOSED not in words(fail(Client(), owner.email, 4, **at("198.51.100.3")))

    def test_a_new_password_opens_it(self, owner: User, client: Client, settings, mailoutbox) -> None:
        fail(client, owner.email, 5)
        get_adapter().set_password(owner, "a different long passphrase")
        elsewhere = Client()
        sign_in(elsewhere, owner.email, "a different long passphrase", **at("198.51.100.2"))
        assert is_signed_in(elsewhere)

    def test_nothing_that_was_typed_is_kept(self, client: Client, db: None) -> None:
        fail(client, "my-secret-password@example.org", 5)
        row = Failures.objects.get(kind=Kind.ACCOUNT)
        assert "secret" not in " ".join(str(value) for value in vars(row).values())


class TestByAddress:
    def test_five_failures_at_different_accounts_close_it(self, people: dict[str, User], client: Client) -> None:
        for number in range(5):
            fail(client, f"nobody{number}@example.org", 1)
        assert CLOSED in words(sign_in(client, "user@example.org"))
        assert not is_signed_in(client)
        elsewhere = Client()
        sign_in(elsewhere, "user@example.org", **at("203.0.113.9"))
        assert is_signed_in(elsewhere)

    def test_an_account_of_ones_own_in_between_does_not_help(self, owner: User) -> None:
        for number in range(5):
            fail(Client(), f"nobody{number}@example.org", 1)
            sign_in(Client(), owner.email)
        assert CLOSED in words(fail(Client(), "nobody9@example.org", 1))

    def test_many_right_sign_ins_from_one_office_close_nothing(self, owner: User) -> None:
        for _ in range(8):
            client = Client()
            sign_in(client, owner.email)
            assert is_signed_in(client)

    @pytest.mark.parametrize("address", ["", "no address", "/run/web.sock"])
    def test_who_has_none_is_counted_too(self, owner: User, rf: RequestFactory, address: str) -> None:
        attempt = attempts.begin(rf.post("/", **at(address)), account="nobody@example.org")
        assert attempt.failed() is None
        assert [row.address for row in Failures.objects.filter(kind=Kind.ADDRESS)] == [None]

    def test_a_network_of_ipv6_counts_as_one(self, owner: User) -> None:
        for number in range(5):
            fail(Client(), f"nobody{number}@example.org", 1, **at(f"2001:db8:1:2::{number}"))
        assert CLOSED in words(fail(Client(), "nobody9@example.org", 1, **at("2001:db8:1:2:ffff::1")))
        assert CLOSED not in words(fail(Client(), "nobody9@example.org", 1, **at("2001:db8:1:3::1")))

    @pytest.mark.parametrize(("trusted", "closed"), [(1, True), (0, False)])
    def test_behind_a_trusted_proxy_the_visitors_address_counts(
        self, settings, owner: User, trusted: int, closed: bool
    ) -> None:
        """Without one the header is anybody's claim: it neither closes another's address nor opens one's own."""
        settings.TRUST_PROXY, settings.ALLAUTH_TRUSTED_PROXY_COUNT = bool(trusted), trusted
        for number in range(5):
            fail(
                Client(), f"nobody{number}@example.org", 1, HTTP_X_FORWARDED_FOR="203.0.113.7", **at(f"10.0.0.{number}")
            )
        response = fail(Client(), "nobody9@example.org", 1, HTTP_X_FORWARDED_FOR="203.0.113.7", **at("10.0.0.99"))
        assert (CLOSED in words(response)) is closed


class TestAKnownBrowser:
    def test_strangers_cannot_lock_it_out(self, owner: User) -> None:
        own = known_browser(owner)
        for number in range(9):
            fail(Client(), owner.email, 1, **at(f"198.51.100.{number}"))
        fail(Client(), "nobody@example.org", 9)
        assert CLOSED in words(sign_in(Client(), owner.email))
        sign_in(own, owner.email)
        assert is_signed_in(own)

    def test_it_has_five_failures_of_its_own(self, owner: User) -> None:
        own = known_browser(owner)
        assert CLOSED in words(fail(own, owner.email, 5))
        assert CLOSED in words(sign_in(own, owner.email))
        elsewhere = Client()
        sign_in(elsewhere, owner.email)
        assert is_signed_in(elsewhere)

    def test_it_is_known_to_that_account_only(self, owner: User, stranger: User) -> None:
        own = known_browser(owner)
        for number in range(5):
            fail(Client(), stranger.email, 1, **at(f"198.51.100.{number}"))
        assert CLOSED in words(sign_in(own, stranger.email))

    def test_a_forged_cookie_is_no_acquaintance(self, owner: User) -> None:
        real = known_browser(owner).cookies[browsers.COOKIE].value
        for number in range(5):
            fail(Client(), owner.email, 1, **at(f"198.51.100.{number}"))
        forged = Client()
        forged.cookies[browsers.COOKIE] = real[:-2] + "xx"
        assert CLOSED in words(sign_in(forged, owner.email))

    def test_the_password_alone_makes_no_acquaintance(self, owner: User, client: Client) -> None:
        Phone.of(owner)
        sign_in(client, owner.email)
        client.get("/settings")
        client.get("/accounts/second-step/")
        assert browsers.COOKIE not in client.cookies


class TestCodes:
    def guess(self, client: Client, phone: Phone, owner: User, times: int):
        for _ in range(times):
            forget_codes(owner)
            response = client.post("/accounts/second-step/", {"code": phone.wrong_code()})
        return response

    def test_five_wrong_ones_close_it_and_the_right_one_does_not_help(self, owner: User, client: Client) -> None:
        phone = Phone.of(owner)
        sign_in(client, owner.email)
        assert CLOSED in words(self.guess(client, phone, owner, 5))
        forget_codes(owner)
        assert CLOSED in words(client.post("/accounts/second-step/", {"code": phone.code()}))
        assert not is_signed_in(client)

    def test_giving_the_password_again_in_between_does_not_help(self, owner: User) -> None:
        phone = Phone.of(owner)
        for number in range(5):
            client = Client(REMOTE_ADDR=f"198.51.100.{number}")
            sign_in(client, owner.email)
            response = self.guess(client, phone, owner, 1)
        assert CLOSED in words(response)

    def test_a_new_password_buys_no_new_guesses(self, owner: User, client: Client) -> None:
        phone = Phone.of(owner)
        sign_in(client, owner.email)
        self.guess(client, phone, owner, 5)
        new = "a different long passphrase"
        get_adapter().set_password(User.objects.get(pk=owner.pk), new)
        again = Client(REMOTE_ADDR="203.0.113.9")
        sign_in(again, owner.email, new)
        forget_codes(owner)
        assert CLOSED in words(again.post("/accounts/second-step/", {"code": phone.code()}))

    def test_recovery_codes_count_too(self, owner: User, client: Client) -> None:
        Phone.of(owner)
        made = recovery.make(owner)
        sign_in(client, owner.email)
        for _ in range(5):
            client.post("/accounts/second-step/", {"code": "2345-6789-abcd", "recovery": "1"})
        assert CLOSED in words(client.post("/accounts/second-step/", {"code": made[0], "recovery": "1"}))
        assert recovery.left(owner) == 10

    def test_each_time_it_is_closed_for_longer(self, owner: User) -> None:
        phone = Phone.of(owner)
        lengths = []
        for round_ in range(4):
            client = Client(REMOTE_ADDR=f"198.51.100.{round_}")
            sign_in(client, owner.email)
            self.guess(client, phone, owner, 5)
            row = Failures.objects.get(kind=Kind.CODE)
            lengths.append(round((row.locked_until - timezone.now()).total_seconds() / 60))
            later(lengths[-1] + 1)
        assert lengths == [15, 30, 60, 120]

    def test_the_page_that_asks_again_counts_too(self, owner: User) -> None:
        client = signed_in(owner)
        client.get("/settings")
        session = client.session
        session["confirmed_at"] = 0
        session.save()
        for _ in range(5):
            response = client.post("/settings/confirm", {"password": "wrong"})
        assert CLOSED in words(response)
        assert CLOSED in words(client.post("/settings/confirm", {"password": PASSWORD}))


class TestOpening:
    def test_an_administrator_sees_what_is_closed_and_opens_it(self, people: dict[str, User], client: Client) -> None:
        fail(client, "user@example.org", 5)
        by_admin = signed_in(people["admin"])
        page = words(by_admin.get(LIST))
        assert "user@example.org" in page
        assert "127.0.0.1" in page
        rows = list(Failures.objects.values_list("pk", flat=True))
        done = by_admin.post(LIST, {"action": "open", "_selected_action": rows}, follow=True)
        assert "2 ways in opened." in words(done)
        sign_in(client, "user@example.org")
        assert is_signed_in(client)

    def test_what_is_not_closed_is_not_listed(self, people: dict[str, User], client: Client) -> None:
        fail(client, "user@example.org", 2)
        assert "user@example.org" not in words(signed_in(people["admin"]).get(LIST))

    def test_the_page_of_one_row_asks_first_too_and_is_recorded(self, people: dict[str, User]) -> None:
        fail(Client(), people["user"].email, 5)
        row = Failures.objects.locked().get(kind=Kind.ACCOUNT)
        by_admin = signed_in(people["admin"])
        session = by_admin.session
        session[CONFIRMED_AT] = 0
        session.save()
        address = f"{LIST}{row.pk}/delete/"
        assert by_admin.post(address, {"post": "yes"})["Location"].startswith("/settings/confirm")
        assert Failures.objects.filter(pk=row.pk).exists()
        session[CONFIRMED_AT] = int(time.time())
        session.save()
        by_admin.post(address, {"post": "yes"})
        assert not Failures.objects.filter(pk=row.pk).exists()
        assert AuditEvent.objects.filter(action="session.unlocked", resource_id=row.key).count() == 1

    @pytest.mark.parametrize("role", ["user", "viewer"])
    def test_others_may_not(self, people: dict[str, User], role: str) -> None:
        assert signed_in(people[role]).get(LIST, follow=True).status_code == 403


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """They come to the same server: each of its threads looks at the database, as several processes would."""

    def together(self, act: Callable[[int], str], count: int = 12) -> list[str]:
        at_once = threading.Barrier(count)
        pages: list[str] = []

        def one(number: int) -> None:
            at_once.wait(timeout=30)
            try:
                pages.append(act(number))
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert len(pages) == count
        return pages

    def test_many_get_no_more_guesses_than_one_after_the_other(self) -> None:
        user = User.objects.create_user("owner@example.org", PASSWORD)
        pages = self.together(lambda number: words(fail(Client(), user.email, 1, **at(f"198.51.100.{number}"))))
        assert sum("is wrong" in page or CLOSED in page for page in pages) >= 5
        assert sum("is wrong" in page for page in pages) <= 5
        assert CLOSED in words(sign_in(Client(), user.email, **at("203.0.113.9")))

    def test_an_office_may_sign_in_at_nine(self) -> None:
        """From one address, in browsers that nobody has used before."""
        people = [User.objects.create_user(f"person{number}@example.org", PASSWORD) for number in range(12)]
        pages = self.together(lambda number: sign_in(Client(), people[number].email).headers.get("Location", "no"))
        assert pages == ["/"] * 12
