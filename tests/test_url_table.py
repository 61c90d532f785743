"""Every route of the product, found by walking the URL table: a new route is covered without a line here.

Anonymous visitors are sent to sign-in, and another person's objects are not there (404). The routes, and an object for
each of their parameters, come from tests/routes.py.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from accounts.models import User
from tests.routes import (
    LINK_ROUTES,
    OWNED,
    OWNED_ROUTES,
    PLAIN_ROUTES,
    PRIVATE,
    PUBLIC,
    ROUTES,
    SECRET,
    SOCKETS,
    Route,
    World,
    as_before,
    connects,
    leads_to_sign_in,
    nameless,
    signed_in,
    undone,
)

Apart = Callable[[Route], AbstractContextManager[None]]


@pytest.fixture
def world(owner: User) -> World:
    return World.of(owner)


@pytest.fixture
def apart(subtests: pytest.Subtests) -> Apart:
    """For each route what is a test of its own in the report, and finds everything as it was."""

    @contextmanager
    def begun(route: Route) -> Iterator[None]:
        with subtests.test(str(route)), undone():
            yield

    return begun


# --- The table itself ---


@pytest.mark.parametrize("route", [*ROUTES, *SOCKETS], ids=str)
def test_every_parameter_is_known_here(route: Route) -> None:
    missing = route.missing()
    assert not missing, f"Add a factory for {', '.join(missing)} (route {route}) to FACTORIES in tests/routes.py."


def test_every_route_has_a_name() -> None:
    # Django's admin has two of its own: a redirect, and one that answers 404 to everything else.
    assert set(nameless(get_resolver())) <= {"<path:object_id>/", "(?P<url>.*)$"}


def test_every_public_route_is_a_route() -> None:
    assert set(PUBLIC) <= {route.name for route in ROUTES}, "PUBLIC names a route that does not exist"


def test_the_table_was_found() -> None:
    names = {route.name for route in ROUTES}
    assert {"chats:conversation", "documents:detail", "accounts:settings", "admin:index", "health"} <= names
    assert len(OWNED_ROUTES) >= 10
    assert len(SOCKETS) >= 2


# --- A visitor without an account ---


def test_an_anonymous_visitor_is_sent_to_sign_in(apart: Apart, world: World) -> None:
    before = world.rows()
    for route in PRIVATE:
        with apart(route):
            client, address = Client(), route.address(world)
            for response in (client.get(address), client.post(address)):
                assert leads_to_sign_in(response), f"{address} answered {response.status_code} without an account"
                assert SECRET.encode() not in response.content
            assert world.rows() == before


def test_a_public_page_opens_without_an_account(apart: Apart, world: World) -> None:
    for route in [route for route in ROUTES if route.name in PUBLIC]:
        with apart(route):
            response = Client().get(route.address(world))
            assert not leads_to_sign_in(response)
            assert response.status_code in {200, 302, 410, 503}
            assert SECRET.encode() not in response.content


# --- Another person ---


def test_what_is_not_yours_is_not_there(apart: Apart, world: World, stranger: User) -> None:
    session, before = signed_in(stranger), world.rows()
    for route in OWNED_ROUTES:
        with apart(route):
            address, client = route.address(world), as_before(session)
            answers = {}
            for method in (client.get, client.post):
                response = method(address)
                answers[method.__name__] = response.status_code
                assert SECRET.encode() not in response.getvalue()
            # 405 comes before anything is looked up, so it says nothing about the object; one of the two has to look.
            assert set(answers.values()) <= {404, 405}, f"{address} answered {answers} to a stranger"
            assert 404 in answers.values()
            changed = [index for index, (now, then) in enumerate(zip(world.rows(), before, strict=True)) if now != then]
            assert changed in ([], [0]), "a stranger's request changed the owner's rows"


def test_what_is_yours_is_there(apart: Apart, world: World) -> None:
    """Otherwise the 404 that a stranger gets would prove nothing."""
    session = signed_in(world.owner)
    # A file that is deleted does not come back with the rows.
    for route in sorted(OWNED_ROUTES, key=lambda route: "delete" in route.name):
        with apart(route):
            address, client = route.address(world), as_before(session)
            # Required queries are the view's own business: a 400 comes after the object was found.
            got = client.get(address).status_code
            assert got != 404
            if got == 405:
                posted = client.post(address).status_code
                assert posted != 404
                assert posted < 500


def test_an_identifier_that_does_not_exist_answers_like_a_stranger_s(apart: Apart, world: World) -> None:
    session = signed_in(world.owner)
    for route in OWNED_ROUTES:
        with apart(route):
            values = {p: uuid.uuid4() if p in OWNED else value for p, value in route.values(world).items()}
            client, address = as_before(session), reverse(route.name, kwargs=values)
            answers = {client.get(address).status_code, client.post(address).status_code}
            assert answers <= {404, 405}
            assert 404 in answers


def test_no_page_shows_what_is_not_yours(apart: Apart, world: World, stranger: User) -> None:
    session = signed_in(stranger)
    # Whoever has a link may read by it: tests/accounts/test_every_role.py.
    for route in [route for route in PLAIN_ROUTES if route not in LINK_ROUTES]:
        with apart(route):
            response = as_before(session).get(route.address(world))
            assert response.status_code < 500
            assert SECRET.encode() not in response.content


# --- The administration ---


@pytest.mark.parametrize("role", ["user", "viewer"])
def test_the_administration_is_closed_to_others(apart: Apart, world: World, role: str) -> None:
    session = signed_in(User.objects.create_user("other@example.org", role=role))
    before = world.rows()
    for route in [route for route in PRIVATE if route.name.startswith("admin:")]:
        with apart(route):
            client, address = as_before(session), route.address(world)
            for response in (client.get(address), client.post(address)):
                closed = response.status_code == 403 or leads_to_sign_in(response)
                ended = route.name == "admin:logout" and response.status_code in {200, 302, 405}
                assert closed or ended, f"{route} answered {response.status_code} to a {role}"
            assert world.rows()[1:] == before[1:]


# --- Sockets ---


@pytest.mark.parametrize("route", SOCKETS, ids=str)
class TestSockets:
    def test_the_owner_is_let_in(self, route: Route, world: World) -> None:
        assert connects(route, world, world.owner)

    def test_an_anonymous_visitor_is_refused(self, route: Route, world: World) -> None:
        assert not connects(route, world, None)

    def test_a_stranger_is_refused(self, route: Route, world: World, stranger: User) -> None:
        # A socket that names no object shows the person's own things only.
        assert connects(route, world, stranger) is not route.is_owned

    def test_a_suspended_person_is_refused(self, route: Route, world: World) -> None:
        session = signed_in(world.owner)
        User.objects.filter(pk=world.owner.pk).update(is_active=False)
        assert session.get("/settings").status_code == 302
        assert not connects(route, world, world.owner)

    def test_a_page_from_elsewhere_is_refused(self, route: Route, world: World) -> None:
        assert not connects(route, world, world.owner, origin="https://evil.example")
