"""What an export does when something is damaged, missing, late or large."""

import io
import json
import os
import time
import tracemalloc
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.models import Role, User
from accounts.rights import archive, own, requesting, tasks, working
from accounts.rights.holdings import UNREADABLE, Entry, every
from accounts.rights.models import DataRequest
from accounts.tenancy import acting_as, acting_as_system
from chats import conversation
from chats.models import Message
from documents import blobs, library
from documents.models import DocumentVersion
from jobs import requeue
from jobs.leases import claim, worker_name


@pytest.fixture
def person(transactional_db: None, owner: User) -> User:
    with acting_as(owner):
        conversation.post_message(conversation.start(owner), "Where is the heron?")
        library.add(owner, SimpleUploadedFile("one.txt", b"one copper kettle"))
        library.add(owner, SimpleUploadedFile("two.txt", b"two copper kettles"))
    return owner


def made(user: User) -> tuple[DataRequest, dict[str, bytes]]:
    request = requesting.export(user, by=user)
    working.do(request.pk)
    request.refresh_from_db()
    assert (request.status, request.error_text) == (DataRequest.Status.DONE, "")
    return request, unpacked(request)


def unpacked(request: DataRequest) -> dict[str, bytes]:
    with archive.open_archive(request.file, owner_id=request.owner_id) as file:
        packed = zipfile.ZipFile(io.BytesIO(file.read()))
    assert packed.testzip() is None
    return {name: packed.read(name) for name in packed.namelist()}


def archives() -> list[Path]:
    return [path for path in Path(default_storage.path("exports")).rglob("*") if path.is_file()]


class TestDamage:
    def test_a_missing_file_is_named_and_the_rest_is_there(self, person: User) -> None:
        blobs.delete(DocumentVersion.objects.order_by("created_at")[0].blob)
        _, found = made(person)
        assert found["documents/two.txt"] == b"two copper kettles"
        assert "documents/one.txt" not in found
        assert "documents/about/one.txt.json" in found
        assert b"documents/one.txt: its file is missing" in found[archive.LEFT_OUT]

    def test_a_damaged_file_is_named_and_the_rest_is_there(self, person: User) -> None:
        path = Path(default_storage.path(DocumentVersion.objects.order_by("created_at")[0].blob))
        raw = bytearray(path.read_bytes())
        raw[-1] ^= 1
        path.write_bytes(raw)
        _, found = made(person)
        assert b"documents/one.txt: it is damaged" in found[archive.LEFT_OUT]
        assert found["documents/two.txt"] == b"two copper kettles"

    def test_a_damaged_value_costs_only_itself(self, person: User) -> None:
        question = Message.objects.get(role=Message.Role.USER)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE chats_message SET content = set_byte(content, 20, get_byte(content, 20) # 1) WHERE id = %s",
                [question.pk],
            )
        _, found = made(person)
        (chat,) = [name for name in found if name.startswith("chats/") and name.endswith(".json")]
        messages = json.loads(found[chat])["messages"]
        assert messages[0]["content"] == UNREADABLE
        assert len(messages) == 2


class TestProgress:
    def test_every_step_is_counted(self, person: User) -> None:
        request, _ = made(person)
        with acting_as(person):
            steps = sum(holding.count(person.pk) for holding in every())
            ended = sum(entry.ends_step for holding in every() for entry in holding.export(person))
        assert (request.progress_done, request.progress_total) == (steps, steps)
        assert ended == steps

    def test_each_chat_costs_as_many_questions_as_the_one_before(self, person: User) -> None:
        def cost() -> int:
            with acting_as(person), CaptureQueriesContext(connection) as asked:
                for holding in every():
                    for _ in holding.export(person):
                        pass
            return len(asked)

        few = cost()
        with acting_as(person):
            for _ in range(10):
                conversation.post_message(conversation.start(person), "Again?")
        assert cost() - few <= 10 * 4


class TestALongAuditLog:
    def test_it_is_whole_in_order_and_in_little_memory(self, person: User) -> None:
        with acting_as_system("write many events"):
            words = "kettle " * 200
            AuditEvent.objects.bulk_create(
                AuditEvent(action=audit.Action.CHAT_ASKED, user_id=person.pk, details={"number": n, "words": words})
                for n in range(5_500)
            )
            AuditEvent.objects.create(action=audit.Action.CHAT_ASKED, user_id=uuid.uuid4(), details={"number": -1})
        tracemalloc.start()
        try:
            with acting_as(person), own._recorded(person) as file:
                _, most = tracemalloc.get_traced_memory()
                content = file.read()
        finally:
            tracemalloc.stop()
        numbers = [event["details"].get("number") for event in json.loads(content)]
        assert [number for number in numbers if number is not None] == list(range(5_500))
        assert most < len(content) / 2

    def test_where_somebody_else_was_is_not_told(self, person: User) -> None:
        there = {"action": audit.Action.ROLE_CHANGED, "resource_kind": "user", "resource_id": str(person.pk)}
        with acting_as_system("write events"):
            AuditEvent.objects.create(**there, user_id=uuid.uuid4(), address="192.0.2.7", agent="Theirs")
            AuditEvent.objects.create(**there, user_id=person.pk, address="192.0.2.8", agent="Own")
        with acting_as(person), own._recorded(person) as file:
            events = [event for event in json.loads(file.read()) if event["action"] == audit.Action.ROLE_CHANGED]
        assert [(event["address"], event["agent"]) for event in events] == [("", ""), ("192.0.2.8", "Own")]

    def test_nothing_is_a_list_too(self, person: User) -> None:
        with acting_as(person), own._recorded(User(email="nobody@example.org")) as file:
            assert json.loads(file.read()) == []


class TestWhoMay:
    @pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPER_ADMIN])
    def test_every_role(self, transactional_db: None, role: Role) -> None:
        user = User.objects.create_user("somebody@example.org", None, role=role)
        _, found = made(user)
        assert json.loads(found["account/profile.json"])["role"] == role

    def test_what_a_suspended_person_asked_for_is_made_and_waits(self, person: User) -> None:
        request = requesting.export(person, by=person)
        User.objects.filter(pk=person.pk).update(is_active=False)
        working.do(request.pk)
        request.refresh_from_db()
        assert request.status == DataRequest.Status.DONE


class TestWorkersThatDie:
    def test_a_request_is_queued_again_and_done(self, person: User, monkeypatch: pytest.MonkeyPatch) -> None:
        request = requesting.export(person, by=person)
        assert claim(DataRequest, request.pk, worker=worker_name(), status=DataRequest.Status.WORKING)
        ago = request.created_at - timedelta(minutes=1)
        DataRequest.objects.filter(pk=request.pk).update(queued_at=ago, lease_until=ago)
        queued: list[uuid.UUID] = []
        monkeypatch.setattr(requesting, "enqueue", queued.append)
        tasks.requeue_overdue()
        assert queued == [request.pk]
        assert requeue.abandoned(DataRequest, queue=tasks.QUEUE) == []  # it has been queued again
        working.do(request.pk)
        request.refresh_from_db()
        assert request.status == DataRequest.Status.DONE
        assert request.attempts == 2

    def test_what_kills_its_worker_every_time_is_given_up(self, person: User) -> None:
        request = requesting.export(person, by=person)
        DataRequest.objects.filter(pk=request.pk).update(attempts=working.MOST_ATTEMPTS)
        working.do(request.pk)
        request.refresh_from_db()
        assert request.status == DataRequest.Status.FAILED
        assert "Try again" in request.error_text

    def test_an_export_that_fails_leaves_nothing(self, person: User) -> None:
        before = archives()

        def broken() -> io.BytesIO:
            raise RuntimeError("the worker met an error")

        with pytest.raises(RuntimeError):
            archive.store([Entry("a", b"a" * 1_000_000), Entry("b", broken)], owner_id=person.pk)
        assert archives() == before

    def test_half_an_archive_that_a_kill_left_is_swept_and_nothing_else(self, person: User) -> None:
        request, _ = made(person)
        half = Path(default_storage.path("exports/ab/" + "ab" * 16))
        young = Path(default_storage.path("exports/ab/" + "ac" * 16))
        half.parent.mkdir(parents=True, exist_ok=True)
        for path in (half, young):
            path.write_bytes(b"half")
        long_ago = time.time() - 2 * 24 * 3600
        for path in (half, Path(default_storage.path(request.file))):
            os.utime(path, (long_ago, long_ago))
        tasks.sweep_archives()
        assert not half.exists()
        assert young.exists()
        assert default_storage.exists(request.file)
        young.unlink()


def test_thousands_of_equal_names_are_told_apart() -> None:
    taken: dict[str, int] = {}
    assert len({archive.unique("chats/Untitled.md", taken) for _ in range(20_000)}) == 20_000
