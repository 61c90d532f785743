"""The end of an account: what is stopped, what is late, and what is left nowhere."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections, transaction
from django.test import Client
from redis import Redis

from accounts import administration
from accounts.encryption import keys
from accounts.encryption.errors import SealingError
from accounts.invitations import inviting
from accounts.invitations.models import Invitation
from accounts.limits import buckets
from accounts.models import Role, User
from accounts.rights import archive, requesting, working
from accounts.rights.models import DataRequest, LegalHold
from accounts.tenancy import acting_as
from chats import conversation, live
from chats.answering import records, title
from chats.models import Conversation, Message
from documents import library
from documents.errors import Held
from documents.ingestion import ingest
from documents.models import Document, DocumentVersion, Page
from documents.renaming import index_again
from jobs.leases import claim, worker_name

PHRASE = "the otter below the weir"


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture
def person(transactional_db: None, owner: User) -> User:
    """With a chat whose answer waits, and a document that was read."""
    with acting_as(owner):
        conversation.post_message(conversation.start(owner), f"Where is {PHRASE}?")
        document = library.add(owner, SimpleUploadedFile("otter.txt", f"Notes on {PHRASE}.".encode()))
    ingest(document.pk)
    return owner


def erased(user: User) -> DataRequest:
    request = requesting.erase(user)
    working.do(request.pk)
    request.refresh_from_db()
    assert (request.status, request.error_text) == (DataRequest.Status.DONE, "")
    return request


class TestAtOnce:
    def test_answers_and_readings_are_stopped(self, person: User) -> None:
        waiting = Message.objects.get(role=Message.Role.ASSISTANT)
        with acting_as(person):
            writing = conversation.post_message(conversation.start(person), "And now?").answer
            read = library.add(person, SimpleUploadedFile("late.txt", b"something else"))
        assert claim(Message, writing.pk, worker=worker_name(), status=Message.Status.WRITING)
        reader = worker_name()
        assert claim(Document, read.pk, worker=reader, status=Document.Status.PARSING)
        requesting.erase(person)
        waiting.refresh_from_db()
        writing.refresh_from_db()
        read.refresh_from_db()
        assert waiting.status == Message.Status.STOPPED
        assert writing.stop_requested
        assert (read.status, read.claimed_by) == (Document.Status.FAILED, "")

    def test_a_copy_that_is_being_made_is_not_finished(self, person: User) -> None:
        copy = requesting.export(person, by=person)
        entry = archive.store
        stored: list[str] = []

        def meanwhile(*args: Any, **kwargs: Any) -> tuple[str, int]:
            key, size = entry(*args, **kwargs)
            stored.append(key)
            requesting.erase(person)
            return key, size

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(archive, "store", meanwhile)
            working.do(copy.pk)
        copy.refresh_from_db()
        assert (copy.status, copy.file) == (DataRequest.Status.FAILED, "")
        with pytest.raises(FileNotFoundError):
            archive.open_archive(stored[0], owner_id=person.pk)

    def test_opening_the_account_again_is_refused(self, person: User) -> None:
        requesting.erase(person)
        with pytest.raises(administration.BeingErased):
            administration.reactivate(person)

    def test_a_hold_that_is_set_before_it_begins_keeps_everything(self, person: User) -> None:
        request = requesting.erase(person)
        LegalHold.objects.create(user=person, reason="file 7")
        working.do(request.pk)
        request.refresh_from_db()
        assert request.status == DataRequest.Status.FAILED
        assert "legal hold" in request.error_text
        assert PHRASE in Message.objects.filter(role=Message.Role.USER).get().content

    def test_it_is_tried_until_it_is_done(self, person: User, monkeypatch: pytest.MonkeyPatch) -> None:
        request = requesting.erase(person)
        DataRequest.objects.filter(pk=request.pk).update(attempts=50)
        with monkeypatch.context() as patched:
            patched.setattr(keys, "destroy", _fails)
            working.do(request.pk)
        request.refresh_from_db()
        assert request.status == DataRequest.Status.WORKING
        DataRequest.objects.filter(pk=request.pk).update(lease_until=request.created_at)
        working.do(request.pk)
        request.refresh_from_db()
        assert request.status == DataRequest.Status.DONE


def _fails(*_: Any) -> None:
    raise OSError("the disk is full")


class TestNothingIsLeft:
    def test_in_redis(self, person: User, redis: Redis, admin_user: User) -> None:
        answer = Message.objects.get(role=Message.Role.ASSISTANT)
        place = live.Place(answer.conversation_id, answer.pk)
        for part in ("", ":done", ":open", ":text"):
            redis.set(place.key(part), "sealed")
        buckets.take([buckets.Bucket.of(f"change:person:{person.pk}", per_minute=1, burst=60, cost=10)])
        cache.set(f"allauth:rl:login:user:{person.pk}", [1], 600)
        cache.set("somebody-else", 1, 600)
        mine = {str(person.pk), str(answer.conversation_id)}
        assert _in_redis(redis, mine)
        erased(person)
        assert _in_redis(redis, mine) == []
        # What others rely on stays: a SAML assertion that was used must stay used.
        assert cache.get("somebody-else") == 1

    @pytest.mark.django_db(transaction=True, databases=["default", "owner"])
    def test_a_copy_of_all_tables_can_be_read_no_more(self, person: User, admin_user: User) -> None:
        version = DocumentVersion.objects.get(owner=person)
        page = Page.objects.get(version=version)
        message = Message.objects.get(role=Message.Role.USER)
        assert PHRASE in page.text
        yesterday = _dump()
        assert PHRASE.encode() not in b"".join(yesterday.values())
        erased(person)
        keys.forget_cached()
        assert not User.objects.filter(pk=person.pk).exists()
        _restore(yesterday)
        assert User.objects.filter(pk=person.pk).exists()
        rows = (Page.objects.get(pk=page.pk), Message.objects.get(pk=message.pk), Document.objects.get(owner=person))
        for row, name in zip(rows, ("text", "content", "name"), strict=True):
            with pytest.raises(SealingError):
                getattr(row, name)

    def test_invitations_to_others_stay_open(self, transactional_db: None, admin_user: User) -> None:
        boss = User.objects.create_user("boss@example.org", None, role=Role.SUPER_ADMIN)
        inviting.invite(boss, ["new@example.org"], Role.USER)
        erased(boss)
        assert Invitation.objects.get(email="new@example.org").invited_by is None


class TestWhoIsLate:
    def test_jobs_that_come_later_do_nothing(self, person: User) -> None:
        answer = Message.objects.get(role=Message.Role.ASSISTANT)
        document = Document.objects.get()
        chat = answer.conversation_id
        erased(person)
        assert records.claim(answer.pk, worker_name()) is None
        ingest(document.pk)
        index_again(document.pk)
        with pytest.raises(SealingError), acting_as(person.pk):
            title._store(chat, person.pk, "A late title")
        assert not Conversation.objects.exists()
        assert not Document.objects.exists()

    def test_no_key_is_made_again(self, person: User) -> None:
        erased(person)
        keys.forget_cached()
        for _ in range(2):
            with pytest.raises(keys.KeyErased):
                keys.of(person.pk, make=True)

    def test_a_session_from_before_is_nobodys(self, person: User, client: Client) -> None:
        client.force_login(person)
        erased(person)
        assert client.get("/settings/data").status_code == 302


def test_a_request_for_nobody_is_harmless(db: None) -> None:
    working.do(uuid.uuid4())


def _in_redis(redis: Redis, words: set[str]) -> list[str]:
    """Every key and value that has one of the words in it. The queue is left out: its messages are row numbers."""
    found = []
    for key in redis.scan_iter():
        kind = redis.type(key)
        if key in {b"answers", b"documents"}:
            continue
        if kind == b"string":
            value: Any = redis.get(key)
        elif kind == b"hash":
            value = redis.hgetall(key)
        elif kind == b"list":
            value = redis.lrange(key, 0, -1)
        elif kind == b"zset":
            value = redis.zrange(key, 0, -1)
        else:
            value = redis.smembers(key)
        text = f"{key!r} {value!r}"
        if any(word in text for word in words):
            found.append(text)
    return found


def _tables() -> list[str]:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'audit_%'")
        return [name for (name,) in cursor.fetchall()]


def _dump() -> dict[str, bytes]:
    found = {}
    with connection.cursor() as cursor:
        for table in _tables():
            with cursor.copy(f'COPY (SELECT * FROM "{table}") TO STDOUT') as rows:
                found[table] = b"".join(bytes(row) for row in rows)
    return found


def _restore(dump: dict[str, bytes]) -> None:
    """As a restored backup does it: without asking whose rows they are."""
    tables = ", ".join(f'"{name}"' for name in dump)
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relforcerowsecurity")
        protected = [name for (name,) in cursor.fetchall()]
        for name in protected:
            cursor.execute(f'ALTER TABLE "{name}" NO FORCE ROW LEVEL SECURITY')
        cursor.execute(f"TRUNCATE {tables}")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for name, rows in dump.items():
            with cursor.copy(f'COPY "{name}" FROM STDIN') as target:
                target.write(rows)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in protected:
            cursor.execute(f'ALTER TABLE "{name}" FORCE ROW LEVEL SECURITY')


def test_a_document_under_a_legal_hold_is_not_deleted_by_its_owner(person: User, client: Client) -> None:
    LegalHold.objects.create(user=person, reason="file 7")
    client.force_login(person)
    document = Document.objects.get()
    answer = client.post(f"/documents/{document.pk}/delete", headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == f"/documents/{document.pk}"
    shown = client.get(answer["HX-Redirect"]).content.decode()
    assert "Nothing was deleted" in shown
    assert Document.objects.filter(pk=document.pk).exists()
    with pytest.raises(Held):
        library.delete(document)
