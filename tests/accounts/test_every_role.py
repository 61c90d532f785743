"""Every kind of visitor against everything there is, with the objects of somebody else: nothing leaks, nothing changes.

All of it is found, and none of it listed: routes and sockets by walking the URL table (tests/routes.py), tasks in
Celery, what must not change by asking the database which tables know an owner. What is new is covered without a line
here, or fails with the name of what is missing.
"""

import inspect
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.contrib.auth import HASH_SESSION_KEY
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import override_settings

from accounts.models import Role, User
from accounts.second_factor.models import Authenticator
from accounts.tenancy import acting_as, acting_as_system
from accounts.tenancy import middleware as tenancy_middleware
from chats.models import Message
from chatsite.asgi import application
from chatsite.celery import app as celery
from documents import progress
from documents.models import Chunk, Document
from tests.conftest import PASSWORD
from tests.routes import (
    FACTORIES,
    LINK_ROUTES,
    LINK_SOCKETS,
    PUBLIC,
    ROUTES,
    SECRET,
    SOCKETS,
    Route,
    World,
    as_before,
    connects,
    leads_to_sign_in,
    signed_in,
    undone,
)

OURS = ("accounts.", "chats.", "documents.", "llms.", "chatsite.", "jobs.")
OWN = "what the visitor wrote"
# What an administrator changes by right: the account, and what ends with its sessions. Never what a person keeps.
ADMINISTERED = {
    "accounts_user",
    "account_emailaddress",
    "lock_out_failures",
    "second_factor_authenticator",
    "second_factor_recoverycode",
    "user_sessions_usersession",
}
# Of what the administration lists, what a role changes or deletes by right.
MANAGED: dict[str, set[str]] = {
    Role.ADMIN: {"accounts_user", "rights_legalhold"},
    Role.SUPER_ADMIN: {"accounts_user", "rights_legalhold"},
}
# What a viewer changes of their own, and why: their rights over their data, and who may read it no longer.
A_VIEWER_CHANGES: dict[str, set[str]] = {
    "collections:end": {"collections_collectionshare"},
    "rights:delete_export": {"rights_datarequest"},
    "rights:export": {"rights_datarequest"},
    "rights:withdraw_consent": {"rights_consent"},
    "sharing:end": {"sharing_share"},
}
# Where a viewer may send something, and why. It changes nothing of what they keep.
A_VIEWER_MAY_SEND = {
    "account_change_password": "their own account",
    "account_confirm_email": "a way in",
    "account_login": "a way in",
    "account_logout": "the way out",
    "account_reset_password": "a way in",
    "account_reset_password_from_key": "a way in",
    "account_set_password": "their own account",
    "admin:logout": "the way out",
    "account_signup": "a way in",
    "accounts:end_session": "their own account",
    "accounts:set_up": "a way in",
    "accounts:settings": "their own account",
    "accounts:sign_out_everywhere": "their own account",
    "documents:library": "finds words of a name, which stand in no address",
    "invitations:accept": "a way in",
    "passage_search:search": "finds words, which stand in no address",
    "rights:consent": "their own account",
    "rights:delete": "their own account",
    "searching:search": "finds words, which stand in no address",
    "second_factor:confirm": "their own account",
    "second_factor:enrol": "their own account",
    "second_factor:recovery_codes": "their own account",
    "second_factor:remove": "their own account",
    "second_factor:sign_in_again": "their own account",
    "second_factor:step": "their own account",
}
# These tell what happened, whoever did it.
LOGS = {"audit_event", "audit_seal", "django_admin_log"}
# Where somebody who is half way in gives the code, or sets up what gives codes.
WAY_IN = "second_factor:"


@dataclass(frozen=True)
class Visitor:
    """Somebody who is not the owner. `sign_in` makes a browser of theirs."""

    name: str
    user: User | None
    sign_in: Callable[[], Client]
    # Half way in, or out again: for this visitor everything private is closed.
    is_outside: bool = False
    browsers: list[Client] = field(default_factory=list)

    def client(self) -> Client:
        """A browser as fresh as the first time: with the same session, unless somebody has signed out of it."""
        if not self.browsers or not _is_signed_in(self.browsers[-1], self.user):
            self.browsers.append(self.sign_in())
        return as_before(self.browsers[-1])


def _is_signed_in(client: Client, user: User | None) -> bool:
    if user is None:
        return True
    session = client.session
    # Both are in the hash, and signing in goes by this instance too.
    user.refresh_from_db(fields=["password", "session_epoch"])
    return session.get(HASH_SESSION_KEY) == user.get_session_auth_hash()


def visitor(name: str) -> Visitor:
    if name == "anonymous":
        return Visitor(name, None, Client, is_outside=True)
    role = name if name in Role.values else Role.SUPER_ADMIN
    user = User.objects.create_user("visitor@example.org", PASSWORD, role=role)
    World.of(user, secret=OWN)
    if name == "suspended":

        def suspended() -> Client:
            User.objects.filter(pk=user.pk).update(is_active=True)
            client = signed_in(user)
            User.objects.filter(pk=user.pk).update(is_active=False)
            return client

        return Visitor(name, user, suspended, is_outside=True)
    if name == "without the code":
        user.second_factor = Authenticator.objects.create(user=user, secret="00" * 20, confirmed=True).pk
        user.save()
        return Visitor(name, user, lambda: signed_in(user), is_outside=True)
    if name == "without the required second factor":
        return Visitor(name, user, lambda: signed_in(user), is_outside=True)
    return Visitor(name, user, lambda: signed_in(user))


VISITORS = [
    "anonymous",
    "suspended",
    "without the code",
    "without the required second factor",
    *(str(role) for role in Role.values),
]


@pytest.fixture(params=VISITORS)
def who(request: pytest.FixtureRequest, db: None) -> Iterable[Visitor]:
    required = [Role.SUPER_ADMIN] if request.param == "without the required second factor" else []
    with override_settings(TOTP_REQUIRED_ROLES=required):
        yield visitor(request.param)


@pytest.fixture
def world(owner: User) -> World:
    return World.of(owner)


# --- What must not change -----------------------------------------------------------------------------------------


def owned_tables() -> dict[str, str]:
    """Every table that says whose a row is, and the column that says it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (columns.table_name) columns.table_name, column_name
            FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
            WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND data_type = 'uuid' AND (
                column_name IN ('owner_id', 'user_id')
                OR (columns.table_name = 'accounts_user' AND column_name = 'id')
            )
            ORDER BY columns.table_name, column_name
            """
        )
        return {table: column for table, column in cursor.fetchall() if table not in LOGS}


def protected_tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relforcerowsecurity")
        return {row[0] for row in cursor.fetchall()}


def fingerprint(owner: User, tables: dict[str, str]) -> dict[str, tuple[int, str]]:
    """For each table: how many rows the owner has there, and a digest of all that is in them."""
    parts = " UNION ALL ".join(
        f"""SELECT '{table}', count(*), coalesce(md5(string_agg(row::text, '\n' ORDER BY row::text)), '')
        FROM "{table}" AS row WHERE "{column}" = %(owner)s"""
        for table, column in sorted(tables.items())
    )
    with connection.cursor() as cursor:
        cursor.execute(parts, {"owner": owner.pk})
        return {table: (count, digest) for table, count, digest in cursor.fetchall()}


def test_every_protected_table_is_watched(db: None) -> None:
    watched = owned_tables()
    assert protected_tables() - LOGS <= set(watched)
    assert {"chats_message", "documents_chunk", "accounts_user"} <= set(watched)


def test_the_fingerprint_sees_a_change_and_only_the_owner_s(world: World, stranger: User) -> None:
    World.of(stranger, secret=OWN)
    before, tables = fingerprint(world.owner, owned_tables()), owned_tables()
    assert all(before[table][0] for table in ("chats_message", "documents_chunk", "accounts_user"))
    User.objects.filter(pk=stranger.pk).update(name="Other")
    assert fingerprint(world.owner, tables) == before
    world.document.status = "failed"
    world.document.save(update_fields=["status"])
    assert [table for table in tables if fingerprint(world.owner, tables)[table] != before[table]] == [
        "documents_document"
    ]


# --- Routes -------------------------------------------------------------------------------------------------------


def words(world: World) -> dict[str, Any]:
    """What a guess would put into a query or a form: identifiers of the owner's under every name that might be read."""
    chunk = Chunk.objects.get(version=world.version)
    ids = {
        "conversation": world.conversation.pk,
        "message": world.answer.pk,
        "parent": world.answer.pk,
        "document": world.document.pk,
        "documents": world.document.pk,
        "version": world.version.pk,
        "session": world.session.pk,
        "user": world.owner.pk,
        "owner": world.owner.pk,
    }
    return {
        **ids,
        **{f"{name}_id": value for name, value in ids.items()},
        "id": world.document.pk,
        "pk": world.document.pk,
        "before": world.answer.pk,
        "chunk": chunk.pk,
        "page": "1",
        "content": "changed by a visitor",
        "title": "changed by a visitor",
        "name": "changed by a visitor",
        "email": "elsewhere@example.org",
        "is_active": "",
        "role": "viewer",
        "do": "role",
        "action": "suspend",
        "_selected_action": world.owner.pk,
        "post": "yes",
        "confirm": "yes",
    }


def requests(client: Callable[[], Client], route: Route, world: World) -> Iterable[tuple[str, Any]]:
    """What changes something comes from a fresh browser: a request before may have signed out."""
    address, guess = route.address(world), words(world)
    browser = client()
    yield "GET", browser.get(address)
    yield "GET with guesses", browser.get(address, guess)
    yield "POST", client().post(address, guess)
    if route.is_owned:
        browser = client()
        yield "POST by htmx", browser.post(address, guess, headers={"HX-Request": "true"})
        for method in ("put", "patch", "delete"):
            yield method.upper(), getattr(browser, method)(address)


def leaks(response: Any, *forbidden: str) -> list[str]:
    text = response.getvalue() + str(dict(response.headers)).encode()
    return [phrase for phrase in forbidden if phrase.encode() in text]


@pytest.fixture(params=[*VISITORS, "user without policies"])
def whom(request: pytest.FixtureRequest, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterable[Visitor]:
    """As `who`, and once more somebody whose requests act as the system: nothing but the filters of the views is left,
    which row-level security covers up otherwise."""
    name = request.param.removesuffix(" without policies")
    if name != request.param:
        monkeypatch.setattr(tenancy_middleware, "acting_as", lambda _person: acting_as_system("a test of the filters"))
    required = [Role.SUPER_ADMIN] if name == "without the required second factor" else []
    with override_settings(TOTP_REQUIRED_ROLES=required):
        yield visitor(name)


def test_no_route_shows_or_changes_anything_of_somebody_else(whom: Visitor, world: World) -> None:
    who = whom
    tables = owned_tables()
    if who.name in {Role.ADMIN, Role.SUPER_ADMIN}:
        watched = {table: column for table, column in tables.items() if table not in ADMINISTERED}
        forbidden = [SECRET]
    else:
        watched, forbidden = tables, [SECRET, world.owner.email]
    before, complaints, opened = fingerprint(world.owner, watched), [], set[str]()
    listed = {table: _values(row) for table, row in world.records.items()}
    # Administrators suspend the owner and delete: last, when everything has been looked at.
    for route in sorted(ROUTES, key=lambda route: (route.name.startswith("admin:"), route.name.endswith("_delete"))):
        if missing := route.missing():
            complaints.append(f"{route} needs a factory for {', '.join(missing)} in tests/routes.py")
            continue
        for method, response in requests(who.client, route, world):
            at = f"{method} {route}: {response.status_code}"
            if response.status_code >= 500 and route.name != "ready":
                complaints.append(f"{at}, which is a fault")
            shown = leaks(response, *forbidden)
            if route in LINK_ROUTES and not who.is_outside and SECRET in shown:
                opened.add(route.name)
                shown.remove(SECRET)
            complaints += [f"{at}, and shows {phrase!r}" for phrase in shown]
            is_open = route.name in PUBLIC or route.name.startswith(WAY_IN)
            if who.is_outside and not is_open and response.status_code == 200:
                complaints.append(f"{at}, to somebody who is not in")
        now = fingerprint(world.owner, watched)
        complaints += [f"{route} changed {table}" for table in watched if now[table] != before[table]]
        before = now
    assert complaints == [], "\n".join(complaints)
    # What nobody can open, nobody is kept out of. These come late: whoever is in has stayed in.
    assert opened == (set() if who.is_outside else {route.name for route in LINK_ROUTES})
    changed = {table for table, row in world.records.items() if _values(row) != listed[table]}
    assert changed == MANAGED.get(who.name, set())


def _values(row: Model) -> dict[str, Any] | None:
    return type(row)._default_manager.filter(pk=row.pk).values().first()


def test_a_link_opens_nothing_where_links_are_off(who: Visitor, world: World, settings: Any) -> None:
    settings.SHARE_LINKS = "off"
    for route in LINK_ROUTES:
        for method, response in requests(who.client, route, world):
            assert leaks(response, SECRET) == [], f"{method} {route}"


def test_an_admin_changes_nothing_of_a_super_admin(db: None) -> None:
    boss = User.objects.create_superuser("boss@example.org", PASSWORD)
    world, who, tables = World.of(boss), visitor(Role.ADMIN), owned_tables()
    before, complaints = fingerprint(boss, tables), []
    for route in [route for route in ROUTES if route.is_owned or route.name.startswith("admin:")]:
        for method, response in requests(who.client, route, world):
            complaints += [f"{method} {route} shows {phrase!r}" for phrase in leaks(response, SECRET)]
        now = fingerprint(boss, tables)
        complaints += [f"{route} changed {table}" for table in tables if now[table] != before[table]]
        before = now
    assert complaints == []


def test_a_viewer_s_every_attempt_to_change_something_is_refused_in_words(world: World) -> None:
    """Not only of others: what a viewer has from earlier days can be read, and stays as it is."""
    mine = User.objects.create_user("viewer@example.org", PASSWORD, role=Role.VIEWER)
    own, tables = World.of(mine, secret=OWN), owned_tables()
    tables = {table: column for table, column in tables.items() if table in protected_tables() - ADMINISTERED}
    complaints = []
    for route in ROUTES:
        with undone():
            before = fingerprint(mine, tables)
            response = signed_in(mine).post(route.address(own), words(own))
            changed = [table for table in tables if fingerprint(mine, tables)[table] != before[table]]
        if set(changed) != A_VIEWER_CHANGES.get(route.name, set()):
            complaints.append(f"{route} changed {', '.join(changed) or 'nothing'}")
        in_words = response.status_code == 403 and "may not" in response.content.decode()
        refused = in_words or response.status_code == 405 or leads_to_sign_in(response)
        if not refused and route.name not in A_VIEWER_CHANGES | A_VIEWER_MAY_SEND:
            complaints.append(f"POST {route}: {response.status_code}")
    assert complaints == [], "\n".join(complaints)


# --- Sockets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("socket", SOCKETS, ids=str)
def test_no_socket_opens_for_somebody_else_s(who: Visitor, world: World, socket: Route) -> None:
    if who.user is None:
        assert not connects(socket, world, None)
        return
    client = who.client()
    opened = _opens(_address(socket, world), client)
    assert opened is not (socket.is_owned or who.is_outside)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("socket", LINK_SOCKETS, ids=str)
def test_a_socket_behind_a_link_opens_to_who_is_in_and_has_it(who: Visitor, world: World, socket: Route) -> None:
    client = who.client()
    assert _opens(_address(socket, world), client) is not who.is_outside
    assert not _opens("".join(_filled(f"/{socket.pattern}", "token", "made-up")), client)


@pytest.mark.django_db(transaction=True)
def test_a_socket_of_one_s_own_says_nothing_of_somebody_else_s(world: World, stranger: User) -> None:
    own = World.of(stranger, secret=OWN)
    asked = {"resume": str(world.answer.pk)}
    heard: list[str] = []

    async def listen(address: str) -> None:
        socket = WebsocketCommunicator(application, address, headers=_headers(signed_in_key))
        connected, _ = await socket.connect(timeout=20)
        assert connected
        await socket.send_json_to(asked)
        while not await socket.receive_nothing(timeout=0.3):
            heard.append(str(await socket.receive_from()))
        await socket.disconnect()

    signed_in_key = signed_in(stranger).session.session_key
    for route in SOCKETS:
        async_to_sync(listen)(_address(route, own))
    progress.publish(world.document.pk)
    assert not any(SECRET in frame or str(world.answer.pk) in frame for frame in heard)


def _address(route: Route, world: World) -> str:
    address = route.pattern
    for name, value in route.values(world).items():
        address = "".join(_filled(address, name, value))
    return f"/{address}"


def _filled(pattern: str, name: str, value: object) -> Iterable[str]:
    before, _, rest = pattern.partition("<")
    while rest:
        parameter, _, after = rest.partition(">")
        yield before
        yield str(value) if parameter.rpartition(":")[2] == name else f"<{parameter}>"
        before, _, rest = after.partition("<")
    yield before


def _headers(session_key: str | None) -> list[tuple[bytes, bytes]]:
    cookie = f"sessionid={session_key}".encode()
    return [(b"origin", b"http://localhost"), (b"host", b"localhost"), (b"cookie", cookie)]


def _opens(address: str, client: Client) -> bool:
    key = client.session.session_key

    async def attempt() -> bool:
        socket = WebsocketCommunicator(application, address, headers=_headers(key))
        connected, _ = await socket.connect(timeout=20)
        await socket.disconnect(timeout=20)
        return bool(connected)

    return bool(async_to_sync(attempt)())


# --- Tasks --------------------------------------------------------------------------------------------------------


def parameters(name: str) -> list[str]:
    return list(inspect.signature(celery.tasks[name].run).parameters)


celery.loader.import_default_modules()
TASKS = sorted(name for name in celery.tasks if name.startswith(OURS) and parameters(name))


def test_the_tasks_were_found() -> None:
    assert {"chats.tasks.answer_message", "documents.tasks.ingest_document"} <= set(TASKS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", TASKS)
def test_a_task_with_a_guessed_identifier_shows_and_changes_nothing(name: str, capfd: Any) -> None:
    missing = [parameter for parameter in parameters(name) if parameter not in FACTORIES]
    assert not missing, f"Add what stands for {', '.join(missing)} (task {name}) to FACTORIES in tests/routes.py."
    owner, stranger = (User.objects.create_user(f"{who}@example.org") for who in ("owner", "stranger"))
    world = World.of(owner)
    real = [str(FACTORIES[parameter](world)) for parameter in parameters(name)]
    made_up = [str(uuid.uuid4()) for _ in real]
    # The row decides what there is to do. Once that is done, nothing is left for whoever knows the identifier.
    celery.tasks[name].apply(args=real)
    before = meaning(world)
    with acting_as(stranger):
        results = [celery.tasks[name].apply(args=arguments) for arguments in (real, made_up)]
    assert meaning(world) == before
    assert not any(SECRET in str(result.result) + str(result.traceback) for result in results)
    assert SECRET not in "".join(capfd.readouterr())


def meaning(world: World) -> list[Any]:
    """What the owner has, as it reads: a task that writes the same again seals it anew."""
    messages = Message.objects.filter(owner=world.owner).order_by("created_at", "pk")
    documents = Document.objects.filter(owner=world.owner).order_by("pk")
    chunks = Chunk.objects.filter(owner=world.owner).order_by("index")
    return [
        {table: count for table, (count, _) in fingerprint(world.owner, owned_tables()).items()},
        [(row.pk, row.content, row.html, row.status, row.attempts) for row in messages],
        [(row.pk, row.name, row.status, row.current_version_id) for row in documents],
        [(row.content, row.heading, row.page) for row in chunks],
        list(User.objects.filter(pk=world.owner.pk).values()),
    ]
