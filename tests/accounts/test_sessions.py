"""Where a person is signed in: the list, ending one or all others, and pages that are open then."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import administration
from accounts.lock_out.models import Failures
from accounts.models import User
from accounts.second_factor import enrolment
from accounts.sessions import agents, signed_in, sockets, tasks
from accounts.sessions.engine import kept_as
from accounts.sessions.models import UserSession
from accounts.tenancy import acting_as
from chatsite.asgi import application
from tests.accounts.conftest import is_signed_in
from tests.accounts.phone import Phone
from tests.conftest import PASSWORD

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
DESK = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def sign_in(user: User, agent: str = DESK, address: str = "198.51.100.7") -> Client:
    client = Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert is_signed_in(client)
    return client


def words(client: Client) -> str:
    return client.get("/settings").content.decode()


def other(user: User, client: Client) -> UserSession:
    return next(row for row in signed_in.of(user) if row.session_key != kept_as(client.session.session_key))


class TestTheList:
    def test_it_names_devices_in_words_and_marks_this_one(self, owner: User) -> None:
        desk = sign_in(owner)
        sign_in(owner, PHONE, "203.0.113.9")
        page = words(desk)
        assert "Firefox on Linux" in page
        assert "Safari on iPhone" in page
        assert "198.51.100.7" in page
        assert "203.0.113.9" in page
        assert page.count("This one") == 1
        assert page.index("This one") < page.index("Safari on iPhone")

    def test_it_shows_nobody_elses(self, owner: User, stranger: User) -> None:
        sign_in(stranger, PHONE, "203.0.113.9")
        assert "203.0.113.9" not in words(sign_in(owner))

    def test_a_session_that_ended_is_not_on_it(self, owner: User) -> None:
        desk, phone = sign_in(owner), sign_in(owner, PHONE)
        phone.post("/accounts/logout/")
        assert "iPhone" not in words(desk)
        with acting_as(owner):
            assert UserSession.objects.count() == 1

    def test_a_sign_in_that_waits_for_its_code_is_not_on_it(self, owner: User) -> None:
        desk = sign_in(owner)
        Phone.of(User.objects.get(pk=owner.pk))
        half = Client(HTTP_USER_AGENT=PHONE)
        half.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
        half.get("/accounts/second-step/")
        owner.refresh_from_db()
        assert [row.system for row in signed_in.of(owner)] == ["Linux"]
        assert desk.get("/settings").status_code == 302

    def test_a_new_password_leaves_this_one_alone_on_it(self, owner: User) -> None:
        desk = sign_in(owner)
        sign_in(owner, PHONE)
        new = "a different long passphrase"
        desk.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
        page = words(desk)
        assert "Firefox on Linux" in page
        assert "iPhone" not in page

    def test_seeing_a_session_is_not_a_write_for_each_request(self, owner: User) -> None:
        client = sign_in(owner)
        client.get("/settings")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            for _ in range(5):
                client.get("/settings")
        writes = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        assert writes == []

    def test_a_long_or_odd_agent_breaks_nothing(self, owner: User) -> None:
        client = sign_in(owner, "x" * 5000)
        assert "A browser" in words(client)

    @pytest.mark.parametrize(
        ("agent", "browser", "system"),
        [
            (DESK, "Firefox", "Linux"),
            (PHONE, "Safari", "iPhone"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
                "Chrome",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
                "Chrome",
                "Android",
            ),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18 Safari/605", "Safari", "macOS"),
            ("", "A browser", ""),
        ],
    )
    def test_agents_in_words(self, agent: str, browser: str, system: str) -> None:
        assert (agents.browser(agent), agents.system(agent)) == (browser, system)


def test_what_lies_in_the_database_signs_nobody_in(owner: User) -> None:
    key = sign_in(owner).session.session_key
    kept = {Session.objects.get().session_key, UserSession.objects.get().session_key}
    assert kept == {kept_as(key)}
    thief = Client()
    thief.cookies["sessionid"] = kept_as(key)
    assert not is_signed_in(thief)


class TestEnding:
    def test_one_can_be_ended(self, owner: User) -> None:
        desk, phone = sign_in(owner), sign_in(owner, PHONE)
        key = phone.session.session_key
        response = desk.post(f"/settings/sessions/{other(owner, desk).pk}/end", follow=True)
        assert "That device is signed out." in response.content.decode()
        assert is_signed_in(desk)
        assert not is_signed_in(phone)
        assert not Session.objects.filter(session_key=kept_as(key)).exists()

    def test_not_with_a_get(self, owner: User) -> None:
        desk, phone = sign_in(owner), sign_in(owner, PHONE)
        assert desk.get(f"/settings/sessions/{other(owner, desk).pk}/end").status_code == 405
        assert is_signed_in(phone)

    def test_not_somebody_elses(self, owner: User, stranger: User) -> None:
        desk, theirs = sign_in(owner), sign_in(stranger)
        (row,) = signed_in.of(stranger)
        assert desk.post(f"/settings/sessions/{row.pk}/end").status_code == 404
        assert is_signed_in(theirs)

    def test_all_others_at_once(self, owner: User) -> None:
        desk, phone, tablet = sign_in(owner), sign_in(owner, PHONE), sign_in(owner, PHONE)
        page = desk.post("/settings/sign-out-everywhere", follow=True).content.decode()
        assert "signed out on all other devices" in page
        assert "iPhone" not in page
        assert is_signed_in(desk)
        assert not is_signed_in(phone)
        assert not is_signed_in(tablet)

    def test_a_request_on_its_way_does_not_bring_it_back(self, owner: User) -> None:
        phone = sign_in(owner, PHONE)
        at_work = phone.session
        assert at_work["_auth_user_id"] == str(owner.pk)  # read before it ends, written after
        (row,) = signed_in.of(owner)
        signed_in.end(owner, row.pk)
        at_work["something"] = 1
        with pytest.raises(UpdateError):
            at_work.save()
        assert not is_signed_in(phone)


def test_what_ran_out_is_forgotten(owner: User) -> None:
    sign_in(owner)
    kept = Failures.objects.create(key="a", kind="account")
    Failures.objects.create(key="b", kind="account", since=timezone.now() - timedelta(days=3))
    with acting_as(owner):
        (row,) = UserSession.objects.all()
        UserSession(
            owner=owner,
            session_key="old",
            signed_in_at=row.signed_in_at,
            last_seen_at=timezone.now() - timedelta(days=15),
        ).save()
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(hours=1))
    tasks.forget_ended()
    with acting_as(owner):
        assert list(UserSession.objects.all()) == [row]
    assert not Session.objects.filter(session_key="old").exists()
    assert list(Failures.objects.filter(pk__in=["a", "b"])) == [kept]
    assert [session.pk for session in signed_in.of(owner)] == [row.pk]


@pytest.mark.django_db(transaction=True)
class TestOpenPages:
    """Their sockets: closed within seconds when the session ends, by whatever way."""

    def closes(self, client: Client, act: Any) -> bool:
        """Whether the socket of this session's page closes after `act`."""
        headers = [
            (b"cookie", f"sessionid={client.session.session_key}".encode()),
            (b"origin", b"http://localhost"),
            (b"host", b"localhost"),
        ]

        async def watch() -> bool:
            socket = WebsocketCommunicator(application, "/ws/documents", headers=headers)
            connected, _ = await socket.connect(timeout=20)
            assert connected
            await sync_to_async(act)()
            try:
                message = await socket.receive_output(timeout=5)
            except TimeoutError:
                return False
            assert message == {"type": "websocket.close", "code": sockets.NOT_SIGNED_IN}
            await socket.wait(timeout=10)  # the consumer has left its groups and ended
            return True

        return bool(async_to_sync(watch)())

    def test_ending_the_session_closes_it(self, owner: User) -> None:
        desk, phone = sign_in(owner), sign_in(owner, PHONE)
        row = other(owner, desk)
        assert self.closes(phone, lambda: desk.post(f"/settings/sessions/{row.pk}/end"))

    def test_signing_out_everywhere_closes_it(self, owner: User) -> None:
        desk, phone = sign_in(owner), sign_in(owner, PHONE)
        assert self.closes(phone, lambda: desk.post("/settings/sign-out-everywhere"))

    def test_signing_out_on_the_same_device_closes_it(self, owner: User) -> None:
        desk = sign_in(owner)
        assert self.closes(desk, lambda: desk.post("/accounts/logout/"))

    def test_suspending_the_account_closes_it(self, owner: User) -> None:
        assert self.closes(sign_in(owner), lambda: administration.suspend(owner))

    def test_another_role_closes_it(self, owner: User) -> None:
        def change() -> None:
            user = User.objects.get(pk=owner.pk)
            user.role = "viewer"
            user.save()

        assert self.closes(sign_in(owner), change)

    def test_a_new_password_closes_it(self, owner: User) -> None:
        def change() -> None:
            user = User.objects.get(pk=owner.pk)
            user.set_password("a different long passphrase")
            user.save()

        assert self.closes(sign_in(owner), change)

    def test_a_second_factor_set_up_elsewhere_closes_it(self, owner: User) -> None:
        def enrol() -> None:
            user = User.objects.get(pk=owner.pk)
            enrolment.draft(user)
            assert enrolment.finish(user, Phone.scanning(user).code())

        assert self.closes(sign_in(owner), enrol)

    def test_what_concerns_others_does_not(self, owner: User, stranger: User) -> None:
        theirs = sign_in(stranger)
        assert not self.closes(sign_in(owner), lambda: theirs.post("/settings/sign-out-everywhere"))

    def test_another_session_of_the_same_person_going_does_not(self, owner: User) -> None:
        desk = sign_in(owner)
        sign_in(owner, PHONE)
        row = other(owner, desk)
        assert not self.closes(desk, lambda: desk.post(f"/settings/sessions/{row.pk}/end"))

    def test_without_being_told_it_is_noticed_later(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sockets, "LOOK_EVERY", 0.2)
        desk = sign_in(owner)
        assert self.closes(desk, lambda: User.objects.filter(pk=owner.pk).update(is_active=False))
