"""Row-level security: what PostgreSQL shows and takes when every filter of ours has been forgotten."""

import asyncio
import queue
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from celery import shared_task
from celery.contrib.testing.worker import start_worker
from channels.testing import HttpCommunicator
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models import Model
from django.utils import timezone

from accounts import audit
from accounts.audit import sealing
from accounts.limits.models import TokensSpent
from accounts.models import User
from accounts.rights.models import Consent, DataRequest
from accounts.second_factor.models import Authenticator, RecoveryCode
from accounts.sessions.models import UserSession
from accounts.tenancy import acting_as, acting_as_system, actor
from accounts.tenancy.postgresql.base import _is_alive
from accounts.tenancy.role import refuse_unbound_role
from chats.evaluation.models import Asked, Run
from chats.exchange.models import ExchangeJob, Origin
from chats.images.models import Picture
from chats.models import Citation, Conversation, ConversationTag, Folder, Message, Summary, Tag
from chats.prompting.models import OwnInstructions, Persona, PromptTemplate
from chats.searching.models import Indexed, Occurrences
from chats.sharing.models import Share
from chatsite.asgi import application as asgi
from chatsite.celery import app
from documents import models as documents
from documents.collections.models import CollectionShare
from documents.models import (
    Chunk,
    Collection,
    Document,
    DocumentVersion,
    Embedding,
    EmbeddingSpace,
    Page,
    Posting,
    Reindexing,
)
from documents.sources.models import Label, Publication, Source
from tests.routes import signed_in
from tests.waiting import until

INTERLEAVINGS = 10_000

# Rows of nobody's, which the system alone sees (accounts.audit.append_only).
OF_THE_SYSTEM = {"audit_event", "audit_seal"}


def catalogued(condition: str) -> set[str]:
    """Tables, as PostgreSQL knows them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') "
            f"AND relnamespace = 'public'::regnamespace AND {condition}"
        )
        return {name for (name,) in cursor.fetchall()}


def owned_tables() -> set[str]:
    has_owner = "SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'owner_id' AND NOT attisdropped"
    return catalogued(f"EXISTS ({has_owner})")


def rows_by_owner(table: str) -> dict[uuid.UUID, int]:
    """What whoever acts sees there."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT owner_id, count(*) FROM "{table}" GROUP BY owner_id')
        return dict(cursor.fetchall())


def furnish(user: User, phrase: str) -> None:
    """One row of every kind that belongs to a person."""
    collection = Collection.objects.create(owner=user, name=phrase)
    CollectionShare.objects.create(collection=collection, kind="person", address=f"{uuid.uuid4().hex}@example.org")
    document = Document.objects.create(owner=user, collection=collection, name=f"{phrase}.txt")
    version = DocumentVersion.objects.create(
        document=document,
        number=1,
        blob=f"aa/bb/{uuid.uuid4().hex}",
        fingerprint="0" * 64,
        size=1,
        media_type="text/plain",
    )
    Page.objects.create(version=version, number=1, text=phrase)
    chunk = Chunk.objects.create(version=version, index=0, page=1, start=0, content=phrase, length=1)
    Posting.objects.create(term=1, version=version, passages=[chunk.pk << 24])
    space, _ = EmbeddingSpace.objects.get_or_create(state=EmbeddingSpace.State.ACTIVE, model="m", dimension=2)
    Embedding.objects.create(space=space, chunk=chunk, version=version, vector=[1, 0])
    run = Run.objects.create(owner=user, set_name="set", set_fingerprint="f", state=Run.State.DONE)
    Asked.objects.create(run=run, number=1, identifier="1", milliseconds=1)
    document_tag = documents.Tag.objects.create(owner=user, name=phrase)
    documents.DocumentTag.objects.create(document=document, tag=document_tag)
    Source.objects.create(document=document, path=f"/{phrase}")
    Publication.objects.create(document=document, url=f"https://example.org/{phrase}")
    Label.objects.create(document=document, kind=Label.Kind.TAG, position=0, name=phrase, name_hash=b"x" * 32)
    Reindexing.objects.create(kind=Reindexing.Kind.PART, model="m", owner=user)
    chat = Conversation.objects.create(owner=user, title=phrase)
    question = Message.objects.create(conversation=chat, role=Message.Role.USER, content=phrase)
    answer = Message.objects.create(conversation=chat, parent=question, role=Message.Role.ASSISTANT, content=phrase)
    Citation.objects.create(
        message=answer, number=1, chunk=chunk, version=version, document_name=phrase, page=1, quoted=phrase, score=1
    )
    for message in (question, None):
        Picture.objects.create(
            owner=user,
            message=message,
            name=phrase,
            media_type="image/png",
            width=1,
            height=1,
            blob=f"pictures/aa/{uuid.uuid4().hex}",
            size=1,
        )
    Summary.objects.create(upto=answer, text=phrase, model="m")
    Folder.objects.create(owner=user, name=phrase)
    tag = Tag.objects.create(owner=user, name=phrase)
    ConversationTag.objects.create(conversation=chat, tag=tag)
    ExchangeJob.objects.create(owner=user, kind=ExchangeJob.Kind.IMPORT, status="done")
    Origin.objects.create(conversation=chat, fingerprint=uuid.uuid4().bytes)
    OwnInstructions.objects.get_or_create(owner=user, defaults={"text": phrase})
    PromptTemplate.objects.create(owner=user, name=phrase, text=phrase)
    Persona.objects.create(owner=user, name=phrase, system_prompt=phrase)
    Indexed.objects.create(conversation=chat, message=answer, length=1, language="english", written_at=timezone.now())
    Occurrences.objects.create(term=1, conversation=chat, places=[1 << 24])
    Share.objects.create(conversation=chat, kind=Share.Kind.PERSON, address=f"{uuid.uuid4().hex}@example.org")
    Authenticator.objects.get_or_create(user=user, confirmed=True, defaults={"secret": "00" * 20})
    RecoveryCode.objects.create(owner=user, digest=uuid.uuid4().bytes * 2)
    TokensSpent.objects.get_or_create(owner=user, day=timezone.now().date())
    DataRequest.objects.create(owner_id=user.pk, kind=DataRequest.Kind.EXPORT, status=DataRequest.Status.DONE)
    Consent.objects.get_or_create(owner=user, version="v1")
    UserSession.objects.create(
        owner=user, session_key=uuid.uuid4().hex, signed_in_at=timezone.now(), last_seen_at=timezone.now()
    )


@pytest.fixture
def furnished(owner: User, stranger: User) -> None:
    furnish(owner, "The owner's phrase")
    furnish(stranger, "The stranger's phrase")


def owned_models() -> Iterator[type[Model]]:
    """By the column: what the program calls it is its own business."""
    for model in apps.get_models():
        if any(field.column == "owner_id" for field in model._meta.concrete_fields):
            yield model


OWNED = sorted(model._meta.db_table for model in owned_models())


def test_every_table_of_owned_rows_is_protected_and_looked_at_here(db: None) -> None:
    assert owned_tables() == set(OWNED), "a table with an owner has no model"
    assert catalogued("relrowsecurity") == catalogued("relforcerowsecurity") == {*OWNED, *OF_THE_SYSTEM}


@pytest.mark.parametrize("table", OWNED)
class TestWithoutAnyFilter:
    """Straight to the tables, as if `visible_to` had been forgotten everywhere."""

    def test_only_ones_own_rows_are_there(self, table: str, furnished: None, owner: User, stranger: User) -> None:
        everything = rows_by_owner(table)
        assert everything.keys() == {owner.pk, stranger.pk}, f"furnish() makes no row of {table} for each of the two"
        for person in (owner, stranger):
            with acting_as(person):
                assert rows_by_owner(table) == {person.pk: everything[person.pk]}

    @pytest.mark.parametrize("who", [None, AnonymousUser(), uuid.UUID(int=0)], ids=["nobody", "anonymous", "unknown"])
    def test_nobody_sees_nothing(self, table: str, furnished: None, who: object) -> None:
        assert rows_by_owner(table)
        with acting_as(who):  # type: ignore[arg-type]
            assert rows_by_owner(table) == {}

    def test_anothers_rows_can_be_neither_changed_nor_deleted(
        self, table: str, furnished: None, owner: User, stranger: User
    ) -> None:
        before = rows_by_owner(table)
        assert before[owner.pk]
        with acting_as(stranger), connection.cursor() as cursor:
            cursor.execute(f'UPDATE "{table}" SET owner_id = %s WHERE owner_id = %s', [stranger.pk, owner.pk])
            assert cursor.rowcount == 0
            cursor.execute(f'DELETE FROM "{table}" WHERE owner_id = %s', [owner.pk])
            assert cursor.rowcount == 0
        assert rows_by_owner(table) == before

    def test_nothing_can_be_given_to_another(self, table: str, furnished: None, owner: User, stranger: User) -> None:
        assert rows_by_owner(table)[stranger.pk]
        refused = pytest.raises(ProgrammingError, match="row-level security")
        with refused, transaction.atomic(), acting_as(stranger), connection.cursor() as cursor:
            cursor.execute(f'UPDATE "{table}" SET owner_id = %s', [owner.pk])


@pytest.mark.parametrize("table", sorted(OF_THE_SYSTEM))
@pytest.mark.parametrize("who", ["owner", "nobody"])
def test_what_is_nobody_s_is_the_system_s_alone(table: str, who: str, owner: User) -> None:
    audit.record(audit.Action.CHAT_ASKED, user=owner)
    sealing.seal_pending()
    table = connection.ops.quote_name(table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        before = cursor.fetchall()
        assert before
        with acting_as(owner if who == "owner" else None):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,)
            # Triggers would refuse what policies let through.
            for change in (
                f"UPDATE {table} SET {'action' if 'event' in table else 'hash'} = 'x'",
                f"DELETE FROM {table}",
            ):
                cursor.execute(change)
                assert cursor.rowcount == 0
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                cursor.execute(
                    "INSERT INTO audit_seal (number, event_ids, count, content, previous, hash, sealed_at) "
                    "VALUES (9, ARRAY[9], 1, 'x', 'x', 'x', now())"
                )
        cursor.execute(f"SELECT * FROM {table}")
        assert cursor.fetchall() == before


# What a viewer may read of a conversation that is shared with them: the rows that say it, and the share itself.
READABLE = {Conversation, Message, Citation, Picture, Share}
# How a share of the owner's conversation can name a viewer, and who then acts.
WAYS = {
    "by name": lambda viewer: ({"kind": "person", "viewer": viewer, "address": viewer.email}, viewer.pk),
    "by role": lambda viewer: ({"kind": "role", "role": viewer.role}, viewer.pk),
    "by link": lambda viewer: (
        {
            "id": (link := uuid.uuid4()),
            "kind": "link",
            "secret_sha256": b"0" * 32,
            "expires_at": timezone.now() + timedelta(1),
        },
        link,
    ),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def share(request: pytest.FixtureRequest, furnished: None, owner: User) -> tuple[Share, uuid.UUID]:
    """One of the owner's two conversations is shared with a viewer who has nothing of their own."""
    furnish(owner, "The owner's other phrase")
    values, acts = request.param(User.objects.create_user("viewer@example.org", role="viewer"))
    shared = Conversation.objects.filter(owner=owner).first()
    return Share.objects.create(conversation=shared, **values), acts


class TestWithAShare:
    """Shared rows are the only foreign rows, and they can be read, not written."""

    def seen(self, model: type[Model], who: uuid.UUID) -> set[object]:
        with acting_as(who):
            return set(model._default_manager.values_list("pk", flat=True))

    def expected(self, model: type[Model], share: Share) -> set[object]:
        below = "message__conversation"
        path = {Conversation: "pk", Message: "conversation", Citation: below, Picture: below}.get(model)
        if model is Share:
            return {share.pk}
        rows = model._default_manager
        return set(rows.filter(**{path: share.conversation_id}).values_list("pk", flat=True)) if path else set()

    @pytest.mark.parametrize("model", list(owned_models()), ids=lambda model: model._meta.db_table)
    def test_exactly_the_shared_rows_are_there(self, model: type[Model], share: tuple[Share, uuid.UUID]) -> None:
        given, who = share
        expected = self.expected(model, given)
        assert bool(expected) is (model in READABLE)
        assert self.seen(model, who) == expected

    def test_others_see_what_they_saw_before(self, share: tuple[Share, uuid.UUID], owner: User, stranger: User) -> None:
        for model in READABLE:
            for person in (owner, stranger):
                own = set(model._default_manager.filter(owner_id=person.pk).values_list("pk", flat=True))
                assert self.seen(model, person.pk) == own
            assert not self.seen(model, uuid.UUID(int=0))

    @pytest.mark.parametrize("model", [Conversation, Message, Citation, Picture, Share])
    def test_they_can_be_neither_changed_nor_deleted(
        self, model: type[Model], share: tuple[Share, uuid.UUID], owner: User
    ) -> None:
        table = connection.ops.quote_name(model._meta.db_table)
        before = list(model._default_manager.order_by("pk").values())
        with acting_as(share[1]), connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone()[0] > 0
            cursor.execute(f"UPDATE {table} SET owner_id = owner_id")
            assert cursor.rowcount == 0
            cursor.execute(f"DELETE FROM {table}")
            assert cursor.rowcount == 0
            cursor.execute(f"SELECT * FROM {table} FOR UPDATE")
            assert cursor.fetchall() == []
        assert list(model._default_manager.order_by("pk").values()) == before

    def test_nothing_can_be_added_to_them(self, share: tuple[Share, uuid.UUID], owner: User) -> None:
        given, who = share
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for owner_id in (owner.pk, who):
            with acting_as(who), pytest.raises((ProgrammingError, IntegrityError)), transaction.atomic():
                Message.objects.create(conversation_id=given.conversation_id, owner_id=owner_id, role="user")

    @pytest.mark.parametrize("end", ["revoked", "expired", "deleted", "suspended owner"])
    def test_nothing_is_there_any_more_once_it_ends(
        self, share: tuple[Share, uuid.UUID], owner: User, end: str
    ) -> None:
        given, who = share
        shared = Conversation.objects.filter(pk=given.conversation_id)
        assert self.seen(Conversation, who)
        if end == "revoked":
            given.delete()
        elif end == "expired":
            Share.objects.filter(pk=given.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        elif end == "deleted":
            shared.update(deleted_at=timezone.now())
        else:
            User.objects.filter(pk=owner.pk).update(is_active=False)
        for model in READABLE:
            assert not self.seen(model, who)

    def test_a_deleted_conversation_that_comes_back_is_shared_again(
        self, share: tuple[Share, uuid.UUID], owner: User
    ) -> None:
        given, who = share
        with acting_as(owner):
            Conversation.objects.filter(pk=given.conversation_id).update(deleted_at=timezone.now())
            Conversation.objects.filter(pk=given.conversation_id).update(deleted_at=None)
        assert self.seen(Conversation, who) == {given.conversation_id}

    def test_a_suspended_viewer_sees_nothing(self, share: tuple[Share, uuid.UUID]) -> None:
        """A link reads for whoever holds it, and no account stands behind it."""
        given, who = share
        User.objects.filter(pk=who).update(is_active=False)
        assert bool(self.seen(Message, who)) is (given.kind == "link")


class TestTheApplicationsRole:
    """It owns nothing, so nothing that runs as the product can switch the policies off."""

    def test_it_cannot_bypass_policies(self, db: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
            assert cursor.fetchone() == (False, False, False)
            cursor.execute(
                "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
            )
            assert cursor.fetchone() == (0,)

    @pytest.mark.parametrize(
        "sql",
        [
            "ALTER TABLE chats_message DISABLE ROW LEVEL SECURITY",
            "DROP POLICY owner ON chats_message",
            "TRUNCATE chats_message CASCADE",
            "CREATE POLICY open ON chats_message USING (true)",
            "ALTER POLICY owner ON chats_message USING (true)",
            "SET ROLE chatsite_owner",
            "CREATE TABLE mine (id int)",
        ],
    )
    def test_it_cannot_change_what_binds_it(self, db: None, sql: str) -> None:
        with (
            pytest.raises(ProgrammingError, match=r"must be owner|permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)

    def test_the_owner_of_the_tables_is_bound_too(self, transactional_db: None, owner: User) -> None:
        Conversation.objects.create(owner=owner)
        from django.db import connections

        parameters = connections["owner"].get_connection_params()
        with psycopg.connect(**parameters) as raw:
            assert raw.execute("SELECT count(*) FROM chats_conversation").fetchone() == (0,)


def test_a_row_has_the_owner_of_the_row_it_belongs_to(db: None, owner: User, stranger: User) -> None:
    chat = Conversation.objects.create(owner=owner)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.create(conversation=chat, owner=stranger, role=Message.Role.USER)


def test_acting_is_undone_in_order(owner: User, stranger: User) -> None:
    with acting_as(owner):
        with acting_as_system("a reason"):
            with acting_as(stranger):
                assert actor().user_id == stranger.pk
            assert actor().is_system
        assert actor().user_id == owner.pk
    with pytest.raises(ValueError, match="reason"), acting_as_system(""):
        pass


@shared_task(bind=True, max_retries=3)
def _look_again(self: object, user_id: str, tries: int) -> list[str]:
    """A job that fails and is tried again, as whoever it is for; between the tries it is for nobody."""
    before = [str(pk) for pk in Conversation.objects.values_list("owner_id", flat=True)]
    with acting_as(uuid.UUID(user_id)):
        seen = [str(pk) for pk in Conversation.objects.values_list("owner_id", flat=True)]
        if tries:
            raise self.retry(args=[user_id, tries - 1], countdown=0)  # type: ignore[attr-defined]
    return before + seen


class Interleaving:
    """One thread's or task's part: something random, as somebody random, looking every time at whose rows are there."""

    def __init__(self, people: list[uuid.UUID], seed: int) -> None:
        self.people = people
        self.random = random.Random(seed)
        self.ways: list[Callable[[uuid.UUID], None]] = [
            self.look,
            self.roll_back,
            self.roll_back_to_savepoint,
            self.change_hands_after_savepoint,
            self.change_hands_inside,
            self.fail_inside,
            self.give_connection_back,
            self.look_as_system_in_between,
            self.read_in_parts,
            self.retry_a_job,
            self.end_the_transaction_in_a_text,
            self.fail_to_commit,
        ]

    def step(self) -> None:
        with acting_as(None):
            self.random.choice(self.ways)(self.random.choice(self.people))

    def see(self, who: uuid.UUID) -> None:
        assert set(Conversation.objects.values_list("owner_id", flat=True)) == {who}

    def look(self, who: uuid.UUID) -> None:
        with acting_as(who):
            self.see(who)
        assert not Conversation.objects.exists()

    def roll_back(self, who: uuid.UUID) -> None:
        other = self.random.choice(self.people)
        with acting_as(other):
            self.see(other)
        with acting_as(who), transaction.atomic():
            self.see(who)
            transaction.set_rollback(True)
        # Who acted last looks first: what they told was undone, and must not count as told.
        for person in (who, other):
            with acting_as(person):
                self.see(person)
        assert not Conversation.objects.exists()

    def roll_back_to_savepoint(self, who: uuid.UUID) -> None:
        other = self.random.choice(self.people)
        with transaction.atomic():
            with acting_as(who):
                self.see(who)
                with transaction.atomic(), acting_as(other):
                    self.see(other)
                    transaction.set_rollback(True)
                self.see(who)
            assert not Conversation.objects.exists()

    def change_hands_after_savepoint(self, who: uuid.UUID) -> None:
        """Who acts when the savepoint is made is told before it; who acts when it is gone back to, after it."""
        other = self.random.choice(self.people)
        with transaction.atomic():
            with acting_as(who):
                savepoint = transaction.savepoint()
            with acting_as(other):
                self.see(other)
                transaction.savepoint_rollback(savepoint)
                self.see(other)
            with acting_as(who):
                self.see(who)

    def change_hands_inside(self, who: uuid.UUID) -> None:
        with transaction.atomic():
            for person in self.random.sample(self.people, 2):
                with acting_as(person):
                    self.see(person)
        with acting_as(who):
            self.see(who)

    def fail_inside(self, who: uuid.UUID) -> None:
        try:
            with acting_as(who), transaction.atomic(), connection.cursor() as cursor:
                self.see(who)
                cursor.execute("SELECT 1 / 0")
        except DataError:
            assert not Conversation.objects.exists()
        # Swallowed inside, so that the commit is a rollback nobody hears of.
        with transaction.atomic(), acting_as(who), connection.cursor() as cursor:
            self.see(who)
            with pytest.raises(psycopg.errors.DivisionByZero):
                cursor.cursor.execute("SELECT 1 / 0")
        other = self.random.choice(self.people)
        with acting_as(other):
            self.see(other)
        # The statement that fails is the one that tells.
        with acting_as(who), connection.cursor() as cursor:
            with pytest.raises(DataError):
                cursor.execute("SELECT 1 / 0")
            self.see(who)
            with acting_as(other), pytest.raises(DataError), transaction.atomic():
                cursor.execute("SELECT 1 / 0")
            with acting_as(other):
                self.see(other)

    def end_the_transaction_in_a_text(self, who: uuid.UUID) -> None:
        self.look(self.random.choice(self.people))
        with acting_as(who), connection.cursor() as cursor:
            cursor.execute(self.random.choice(["SELECT 1; ROLLBACK", "BEGIN; SELECT 1; ROLLBACK", "DISCARD ALL"]))
            self.see(who)

    def fail_to_commit(self, who: uuid.UUID) -> None:
        """At the commit, because that is when the database looks for the message that this one follows."""
        self.look(self.random.choice(self.people))
        with acting_as(who):
            transaction.set_autocommit(False)
            try:
                chat = Conversation.objects.create(owner_id=who)
                Message.objects.create(
                    conversation=chat, owner_id=who, parent_id=uuid.uuid4(), role=Message.Role.USER, content="?"
                )
                with pytest.raises(IntegrityError):
                    transaction.commit()
                self.see(who)
            finally:
                transaction.rollback()
                transaction.set_autocommit(True)

    def give_connection_back(self, who: uuid.UUID) -> None:
        with acting_as(who):
            self.see(who)
            connection.close()
            self.see(who)
        close_old_connections()
        connection.close()
        assert not Conversation.objects.exists()

    def look_as_system_in_between(self, who: uuid.UUID) -> None:
        with acting_as(who):
            with acting_as_system("a test of interleavings"):
                assert set(Conversation.objects.values_list("owner_id", flat=True)) == set(self.people)
            self.see(who)

    def read_in_parts(self, who: uuid.UUID) -> None:
        other = self.random.choice(self.people)
        with transaction.atomic(), acting_as(who):
            rows = Conversation.objects.values_list("owner_id", flat=True).iterator(chunk_size=1)
            first = next(rows)
            with acting_as(other):
                self.see(other)
                second = next(rows)
            with acting_as_system("a test of interleavings"):
                assert Conversation.objects.exists()
                if self.random.random() < 0.5:
                    second = next(rows)
            rest = list(rows)
            self.see(who)
        assert {first, second, *rest} == {who}
        # Nothing of it was fetched while they acted.
        with transaction.atomic(), connection.chunked_cursor() as cursor:
            with acting_as(who):
                cursor.execute("SELECT owner_id FROM chats_conversation")
            with acting_as(other):
                self.see(other)
                assert {owner for (owner,) in cursor} == {who}
                self.see(other)

    def retry_a_job(self, who: uuid.UUID) -> None:
        result = _look_again.apply(args=[str(who), self.random.randint(0, 2)])
        assert set(result.get()) == {str(who)}


def _people(number: int) -> list[uuid.UUID]:
    people = [User.objects.create_user(f"person{i}@example.org", None) for i in range(number)]
    for user in people:
        for _ in range(3):
            Conversation.objects.create(owner=user)
    return [user.pk for user in people]


async def _asynchronously(people: list[uuid.UUID], seed: int, steps: int) -> None:
    """As asynchronous views and sockets do: many on one loop, their database work in shared threads."""

    async def page(number: int) -> None:
        part = Interleaving(people, seed + number)
        for _ in range(steps):
            who = part.random.choice(people)
            with acting_as(who):
                await asyncio.sleep(0)
                await sync_to_async(part.see, thread_sensitive=number % 2 == 0)(who)
            await sync_to_async(part.step, thread_sensitive=False)()

    pool = ThreadPoolExecutor(threads := 6)
    asyncio.get_running_loop().set_default_executor(pool)
    await asyncio.gather(*(page(number) for number in range(8)))
    _give_connections_back(pool, threads)


def _give_connections_back(pool: ThreadPoolExecutor, threads: int) -> None:
    """Each of its threads its own. One that died with it would keep its place among those that all tests share."""
    together = threading.Barrier(threads, timeout=30)

    def give_back() -> None:
        together.wait()
        connection.close()

    for given in [pool.submit(give_back) for _ in range(threads)]:
        given.result()


def test_no_interleaving_carries_an_identity_over(transactional_db: None) -> None:
    """Rollbacks, savepoints, swallowed errors, pooled connections, threads, asynchronous code and retried jobs."""
    people = _people(4)
    seed = random.randrange(1 << 32)
    done = threading.Semaphore(0)
    threads, in_async = 6, 100

    def thread(number: int) -> None:
        part = Interleaving(people, seed + number)
        try:
            for _ in range(-(-(INTERLEAVINGS - 16 * in_async) // threads)):
                part.step()
                done.release()
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(thread, number) for number in range(threads)]
        asyncio.run(_asynchronously(people, seed, in_async))
        for future in running:
            future.result()  # the seed is in the locals that a failure prints
    assert done._value + 16 * in_async >= INTERLEAVINGS


def test_somebody_else_s_statement_that_fails_takes_back_no_more_than_their_part(owner: User, stranger: User) -> None:
    for user in (owner, stranger):
        Conversation.objects.create(owner=user)
    with acting_as(owner), transaction.atomic(), connection.cursor() as cursor:
        assert set(Conversation.objects.values_list("owner_id", flat=True)) == {owner.pk}
        with pytest.raises(DataError), transaction.atomic(), acting_as(stranger):
            cursor.execute("SELECT 1 / 0")
        assert set(Conversation.objects.values_list("owner_id", flat=True)) == {owner.pk}


class TestTelling:
    def _owners(self) -> set[uuid.UUID]:
        return set(Conversation.objects.values_list("owner_id", flat=True))

    def test_it_goes_in_one_message_with_the_next_statement(
        self, owner: User, stranger: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for user in (owner, stranger):
            Conversation.objects.create(owner=user)
        sent: list[str] = []
        execute = psycopg.Cursor.execute
        noted = lambda self, query, *args, **kwargs: sent.append(query) or execute(self, query, *args, **kwargs)  # noqa: E731
        monkeypatch.setattr(psycopg.Cursor, "execute", noted)
        for user in (owner, stranger):
            with acting_as(user):
                assert self._owners() == self._owners() == {user.pk}
        assert ["set_config" in query for query in sent] == [True, False, True, False]

    def test_what_the_statement_answers_is_what_comes_back(self, owner: User, stranger: User) -> None:
        with acting_as(owner):
            made = Conversation.objects.create(owner=owner, title="50% of {}")
        with acting_as(stranger):
            assert Conversation.objects.filter(pk=made.pk).update(model="%s") == 0
        with acting_as(owner):
            assert Conversation.objects.filter(pk=made.pk).update(model="%s") == 1
        with acting_as(stranger), connection.cursor() as cursor:
            cursor.execute("SELECT '100%%' AS share, %s AS other", ["%s"])
            assert [column.name for column in cursor.description] == ["share", "other"]
            assert (cursor.rowcount, cursor.fetchall(), cursor.nextset()) == (1, [("100%", "%s")], None)

    def test_cursors_that_the_server_keeps(self, owner: User, stranger: User) -> None:
        for user in (owner, stranger):
            Conversation.objects.create(owner=user)
        for user in (owner, stranger, owner):
            with acting_as(user):
                assert [chat.owner_id for chat in Conversation.objects.iterator(chunk_size=1)] == [user.pk]

    def test_a_statement_that_fails_takes_back_what_came_with_it(self, transactional_db: None) -> None:
        one, other = _people(2)
        for pk in (one, other):
            with acting_as(pk):
                Conversation.objects.create(owner_id=pk)
        for pk in (one, other, one):
            for then in (pk, other if pk == one else one):
                with acting_as(pk), connection.cursor() as cursor, pytest.raises(DataError):
                    cursor.execute("SELECT 1 / 0")
                with acting_as(then):
                    assert self._owners() == {then}

    def test_a_cursor_of_a_connection_that_was_given_back_is_refused(self, transactional_db: None) -> None:
        (one,) = _people(1)
        with acting_as(one):
            cursor = connection.cursor()
            cursor.execute("SELECT 1")
            connection.close()
            assert self._owners() == {one}
            with pytest.raises(InterfaceError):
                cursor.execute("SELECT owner_id FROM chats_conversation")
            with pytest.raises(InterfaceError):
                next(cursor.stream("SELECT owner_id FROM chats_conversation"))
            with pytest.raises(InterfaceError), cursor.copy("COPY (SELECT owner_id FROM chats_conversation) TO STDOUT"):
                pass
            assert self._owners() == {one}

    def test_what_is_sent_later_is_sent_for_whoever_asked(self, transactional_db: None) -> None:
        one, other = _people(2)
        with acting_as(one), connection.cursor() as cursor, connection.cursor() as another:
            rows = cursor.stream("SELECT owner_id FROM chats_conversation")
            copied = another.copy("COPY (SELECT owner_id FROM chats_conversation) TO STDOUT")
            with acting_as(other):
                assert self._owners() == {other}
                assert {owner for (owner,) in rows} == {one}
                assert self._owners() == {other}
                with copied as copy:
                    assert {bytes(row).decode().strip() for row in copy} == {str(one)}
                assert self._owners() == {other}

    def test_nothing_of_a_kept_cursor_is_left_to_the_next_of_the_connection(self, transactional_db: None) -> None:
        """It would be rows of somebody else, and closing it late would break the next one's transaction."""
        (one,) = _people(1)
        with acting_as(one):
            cursor = connection.chunked_cursor()
            cursor.execute("SELECT owner_id FROM chats_conversation")
            assert cursor.fetchmany(size=1) == [(one,)]
            given_back = connection.connection
            connection.close()
        with given_back.transaction():
            assert given_back.execute("SELECT count(*) FROM pg_cursors WHERE is_holdable").fetchone() == (0,)
            with pytest.raises(InterfaceError):
                cursor.fetchone()
            cursor.close()
            assert given_back.execute("SELECT 1").fetchone() == (1,)

    def test_a_kept_cursor_is_read_in_pages(self, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        (one,) = _people(1)
        sizes: list[int] = []
        fetch = psycopg.ServerCursor.fetchmany
        noted = lambda self, size=0: sizes.append(size) or fetch(self, size)  # noqa: E731
        monkeypatch.setattr(psycopg.ServerCursor, "fetchmany", noted)
        with acting_as(one), connection.chunked_cursor() as cursor:
            cursor.execute("SELECT owner_id FROM chats_conversation")
            assert list(cursor) == [(one,)] * 3
        assert sizes == [100, 100]

    def test_who_acts_is_told_after_what_must_come_first(self, transactional_db: None) -> None:
        (one,) = _people(1)
        with acting_as(one), connection.cursor() as cursor:
            cursor.execute("SET work_mem TO '5MB'")
            with transaction.atomic():
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                assert self._owners() == {one}

    def test_what_may_stand_in_no_transaction_goes_alone(self, transactional_db: None, owner: User) -> None:
        connection.close()
        with acting_as(owner), connection.cursor() as cursor:
            cursor.execute("VACUUM chats_tag")


_tries: queue.SimpleQueue[tuple[str, int, list[str]]] = queue.SimpleQueue()


@shared_task(bind=True, max_retries=2, name="tests.look_and_fail")
def _look_and_fail(self: Any, user_id: str) -> None:
    """Fails in the middle of its work, every time. What it finds before, it was left by whoever was there last."""
    found = [str(pk) for pk in Conversation.objects.values_list("owner_id", flat=True)]
    try:
        with acting_as(uuid.UUID(user_id)), transaction.atomic(), connection.cursor() as cursor:
            found += [str(pk) for pk in Conversation.objects.values_list("owner_id", flat=True)]
            cursor.execute("SELECT 1 / 0")
    except DataError as error:
        _tries.put((user_id, threading.get_ident(), found))
        raise self.retry(exc=error, countdown=0) from error


def test_a_thread_that_tries_again_was_somebody_else_s_in_between(transactional_db: None) -> None:
    """A real worker with two threads, each of which works for four people in turn and closes no connection."""
    people = _people(4)
    name = f"test-{uuid.uuid4().hex[:8]}"
    for _ in range(5):
        for pk in people:
            _look_and_fail.apply_async(args=[str(pk)], queue=name)
    started = {"pool": "threads", "concurrency": 2, "queues": [name], "loglevel": "CRITICAL"}
    with start_worker(app, perform_ping_check=False, **started) as worker:
        tries = [_tries.get(timeout=60) for _ in range(4 * 5 * 3)]
        _give_connections_back(worker.pool.executor, 2)
    for user_id, _, found in tries:
        assert found == [user_id] * 3
    for thread in {thread for _, thread, _ in tries}:
        assert threading.get_ident() != thread
        order = [user_id for user_id, where, _ in tries if where == thread]
        assert any(a != b for a, b in pairwise(order))


def test_pages_of_two_people_at_once(transactional_db: None) -> None:
    """Through the server's own entrance, where requests share the loop and their threads."""
    titles, cookies = {}, {}
    for pk in _people(2):
        titles[pk] = f"Chat of {pk}"
        Conversation.objects.create(owner_id=pk, title=titles[pk])
        cookies[pk] = signed_in(User.objects.get(pk=pk)).session.session_key

    async def look(pk: uuid.UUID) -> str:
        headers = [(b"host", b"localhost"), (b"cookie", f"sessionid={cookies[pk]}".encode())]
        browser = HttpCommunicator(asgi, "GET", "/", headers=headers)
        browser.scope["client"] = ("127.0.0.1", 1)
        answer = await browser.get_response(timeout=30)
        await browser.wait(30)  # until the connection has been given back
        assert answer["status"] == 200
        return str(answer["body"].decode())

    async def look_often() -> list[tuple[uuid.UUID, str]]:
        at_once, seen = [*titles] * 3, []
        for _ in range(5):
            seen += zip(at_once, await asyncio.gather(*map(look, at_once)), strict=True)
        return seen

    for pk, page in asyncio.run(look_often()):
        assert {owner for owner, title in titles.items() if title in page} == {pk}


class TestAtTheStart:
    def test_an_ordinary_role_is_taken(self, db: None) -> None:
        refuse_unbound_role()

    def test_a_role_that_policies_do_not_bind_is_refused(self, db: None) -> None:
        """Seen through the eyes of a superuser: the carried cluster lets none in, so its catalogue is covered up."""
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path TO pg_temp, public, pg_catalog")
            cursor.execute(
                "CREATE TEMP VIEW pg_roles AS SELECT current_user AS rolname, true AS rolsuper, false AS rolbypassrls"
            )
        with pytest.raises(ImproperlyConfigured, match="bypasses row-level security"):
            refuse_unbound_role()


def test_connections_whose_server_went_are_passed_by(transactional_db: None) -> None:
    def process() -> int:
        connection.close()  # back to the pool, and another comes out of it
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    gone = {process() for _ in range(12)}
    connection.close()
    with psycopg.connect(**connection.get_connection_params()) as other:
        for pid in gone:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert not gone & {process() for _ in range(12)}


@pytest.mark.parametrize("setting", ["idle_session_timeout", "idle_in_transaction_session_timeout"])
def test_whatever_the_server_says_when_it_takes_leave(transactional_db: None, setting: str) -> None:
    """The words of the second are no OperationalError."""
    parameters = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    with closing(psycopg.connect(**parameters, autocommit=True)) as idle:
        assert _is_alive(idle)
        idle.execute("SELECT set_config(%s, '50', false)", [setting])
        if "transaction" in setting:
            idle.execute("BEGIN")
        until(lambda: not _is_alive(idle))
