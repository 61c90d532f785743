"""Whoever has a step of the sign-in to go is nobody: at every address, method and socket, for every role."""

import re
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.test import Client

from accounts import setup
from accounts.models import Role, User
from chatsite.asgi import application
from tests.accounts.conftest import is_signed_in, signed_in
from tests.accounts.phone import Phone
from tests.conftest import PASSWORD
from tests.routes import PRIVATE, PUBLIC, ROUTES, SECRET, SOCKETS, Route, World

STEP = "/accounts/second-step/"
ENROL = "/settings/second-factor"
# Where the missing step is taken.
OF_THE_STEP = {"second_factor:step", "second_factor:enrol"}


@pytest.fixture(params=list(Role.values))
def person(request: pytest.FixtureRequest, settings, db: None) -> User:
    """One of a role that needs a second factor."""
    settings.TOTP_REQUIRED_ROLES = [request.param]
    return User.objects.create_user("person@example.org", PASSWORD, role=request.param)


@pytest.fixture(params=["with a phone", "without one yet"])
def half(request: pytest.FixtureRequest, person: User) -> Client:
    """Signed in with the password only."""
    if request.param == "with a phone":
        Phone.of(person)
    client = Client()
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(person.pk)
    return client


def leads_to_the_step(response: Any) -> bool:
    return response.status_code == 302 and response["Location"].startswith((STEP, ENROL, "/accounts/login/"))


def test_no_address_opens_and_none_does_anything(half: Client, person: User) -> None:
    # What there is to see is the person's own: even that is closed.
    world = World.of(person)
    person.refresh_from_db()
    before = world.rows()
    for route in PRIVATE:
        if route.name in OF_THE_STEP:
            continue
        address = route.address(world)
        for method in (half.get, half.post, half.delete):
            response = method(address)
            assert leads_to_the_step(response), f"{method.__name__} {address} answered {response.status_code}"
            assert SECRET.encode() not in response.content
    assert world.rows() == before
    assert "_auth_user_id" in half.session


def test_pages_for_everybody_show_no_more_than_to_everybody(half: Client, person: User) -> None:
    world = World.of(person)
    for name in sorted(set(PUBLIC) - {"account_logout"}):
        route = next(route for route in ROUTES if route.name == name)
        response = half.get(route.address(world))
        assert SECRET.encode() not in response.content
        if response.status_code == 200 and name not in OF_THE_STEP:
            assert b"person@example.org" not in response.content, f"{name} knows who waits"


def test_unknown_addresses_say_nothing(half: Client) -> None:
    response = half.get("/no/such/page")
    assert response.status_code == 404
    assert b"person@example.org" not in response.content


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("route", SOCKETS, ids=str)
def test_no_socket_opens(route: Route, half: Client, person: User) -> None:
    world = World.of(person)
    address = "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(route.values(world)[found[1]]), route.pattern)

    async def attempt(cookie: str) -> bool:
        headers = [
            (b"cookie", f"sessionid={cookie}".encode()),
            (b"origin", b"http://localhost"),
            (b"host", b"localhost"),
        ]
        socket = WebsocketCommunicator(application, address, headers=headers)
        connected, code = await socket.connect(timeout=20)
        assert connected or code == 4403
        await socket.disconnect(timeout=20)
        return bool(connected)

    assert not async_to_sync(attempt)(half.session.session_key)


class TestEveryWayIn:
    """However a session began, it is asked for the same."""

    def test_signing_in_by_other_means(self, person: User) -> None:
        """As a session of any provider is: made by Django's own `login`."""
        client = signed_in(person)
        assert client.get("/")["Location"].startswith(ENROL)
        Phone.of(person)
        client = signed_in(person)
        assert client.get("/")["Location"].startswith(STEP)

    def test_a_new_password_by_mail(self, person: User, client: Client) -> None:
        from accounts import administration

        Phone.of(person)
        link = administration.password_link(User.objects.get(pk=person.pk))
        form_at = client.get("/" + link.split("/", 3)[3], follow=True).redirect_chain[-1][0]
        new = "a different long passphrase"
        client.post(form_at, {"password1": new, "password2": new})
        client.post("/accounts/login/", {"login": person.email, "password": new})
        assert not is_signed_in(client)
        assert client.get("/")["Location"].startswith(STEP)

    def test_the_first_administrator(self, client: Client, settings, db: None) -> None:
        settings.TOTP_REQUIRED_ROLES = ["super_admin"]
        form = {"email": "first@example.org", "password": PASSWORD, "password_again": PASSWORD}
        client.post(setup.new_link_path(), form)
        assert client.get("/")["Location"] == ENROL
        assert client.get("/admin/")["Location"].startswith(ENROL)

    def test_signing_up(self, client: Client, settings, db: None) -> None:
        settings.SIGN_UP, settings.TOTP_REQUIRED_ROLES = "open", ["user"]
        form = {"email": "new@example.org", "password1": PASSWORD, "password2": PASSWORD}
        client.post("/accounts/signup/", form)
        assert client.get("/")["Location"] == ENROL

    def test_a_session_from_before_it_was_required(self, owner: User, settings) -> None:
        client = signed_in(owner)
        assert is_signed_in(client)
        settings.TOTP_REQUIRED_ROLES = ["user"]
        assert client.get("/settings")["Location"].startswith(ENROL)

    def test_a_role_that_needs_one_given_to_somebody_without(self, owner: User, settings) -> None:
        settings.TOTP_REQUIRED_ROLES = ["admin"]
        client = signed_in(owner)
        assert is_signed_in(client)
        User.objects.filter(pk=owner.pk).update(role="admin")
        assert client.get("/settings")["Location"].startswith(ENROL)


class TestSettingItUp:
    def test_it_is_asked_for_and_opens_everything(self, person: User, client: Client) -> None:
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        page = client.get("/settings", follow=True)
        assert page.redirect_chain[-1][0] == f"{ENROL}?next=%2Fsettings"
        assert "Your role signs in with a password and a code" in page.content.decode()
        done = client.post(ENROL, {"code": Phone.scanning(person).code(), "next": "/settings"})
        assert 'href="/settings"' in done.content.decode()
        assert is_signed_in(client)

    def test_not_long_after_the_password(self, person: User) -> None:
        """Somebody else may sit there by now."""
        client = signed_in(person)
        session = client.session
        session["confirmed_at"] -= 15 * 60
        session.save()
        assert client.get(ENROL)["Location"].startswith("/accounts/login/?next=")
        assert "_auth_user_id" not in client.session

    def test_somebody_with_a_phone_cannot_set_up_another_with_the_password_alone(
        self, person: User, client: Client
    ) -> None:
        Phone.of(person)
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        assert client.get(ENROL)["Location"] == STEP
        assert client.post(ENROL, {"code": "123456"})["Location"] == STEP

    def test_one_who_may_go_without_is_not_asked(self, owner: User, settings) -> None:
        settings.TOTP_REQUIRED_ROLES = ["admin", "super_admin"]
        assert is_signed_in(signed_in(owner))
