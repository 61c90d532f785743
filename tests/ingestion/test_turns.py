"""Whose document is read next: nobody waits for the many or the long ones of another."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from accounts.models import User
from documents import library, tasks
from documents.errors import EncryptedFile
from documents.ingestion import ingest_next, turns
from documents.ingestion.lease import Lease, LeaseLost
from documents.models import Document
from jobs.leases import release, settle, worker_name
from tests.files import samples
from tests.ingestion.conftest import Upload
from tests.ingestion.test_ingestion import in_thread
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

Queue = Callable[..., list[Document]]


@pytest.fixture(autouse=True)
def two_places(settings: Any) -> None:
    settings.MAX_PARALLEL_DOCUMENTS = 2


@pytest.fixture
def queue() -> Queue:
    """`queue("a", 3)`: so many documents of a person, who is made at the first."""

    def queue_(name: str, count: int = 1) -> list[Document]:
        owner, _ = User.objects.get_or_create(email=f"{name}@example.org")
        return [Document.objects.create(owner=owner, name=f"{name}{number}.txt") for number in range(count)]

    return queue_


def take() -> tuple[str, turns.Turn] | None:
    """(worker, turn)"""
    worker = worker_name()
    turn = turns.take(worker)
    return None if turn is None else (worker, turn)


def named(turn: tuple[str, turns.Turn] | None) -> str:
    return "" if turn is None else Document.objects.get(pk=turn[1].document_id).name


def end(taken: tuple[str, turns.Turn] | None) -> None:
    assert taken is not None
    worker, turn = taken
    assert settle(Document, turn.document_id, worker=worker, status=Document.Status.READY)


def read_all() -> list[str]:
    """One after the other, in the order they come."""
    names = []
    while (taken := take()) is not None:
        names.append(named(taken))
        end(taken)
    return names


def test_many_files_of_one_person_do_not_stand_before_one_of_another(queue: Queue) -> None:
    queue("many", 50)
    queue("few", 2)
    assert read_all()[:4] == ["many0.txt", "few0.txt", "many1.txt", "few1.txt"]


def test_each_person_s_files_are_read_in_the_order_they_came(queue: Queue) -> None:
    for name in "abc":
        queue(name, 3)
    assert read_all() == [f"{name}{number}.txt" for number in range(3) for name in "abc"]


def test_who_comes_later_waits_for_one_document_at_most(queue: Queue, settings: Any) -> None:
    settings.MAX_PARALLEL_DOCUMENTS = 1
    queue("many", 20)
    for _ in range(3):
        end(take())
    running = take()
    queue("late")
    end(running)
    assert "late0.txt" in read_all()[:2]


def test_one_person_alone_has_every_place_but_the_guest_s(queue: Queue) -> None:
    queue("many", 5)
    assert [named(take()) for _ in range(3)] == ["many0.txt", "many1.txt", ""]


def test_a_person_without_a_document_in_work_is_a_guest_of_the_others(queue: Queue) -> None:
    queue("many", 5)
    take(), take()
    queue("guest")
    taken = take()
    assert taken is not None
    assert taken[1].is_guest
    assert named(taken) == "guest0.txt"
    queue("third")
    assert take() is None  # no process is left
    end(taken)
    assert named(take()) == "third0.txt"


def test_a_place_that_is_free_again_goes_to_who_has_least_in_work(queue: Queue) -> None:
    queue("many", 5)
    first, _ = take(), take()
    queue("other", 2)
    end(first)
    taken = take()
    assert named(taken) == "other0.txt"
    assert taken is not None
    assert not taken[1].is_guest


def test_a_retried_document_has_its_turn(queue: Queue) -> None:
    (failed,) = queue("failed")
    Document.objects.filter(pk=failed.pk).update(status=Document.Status.FAILED, error_code=EncryptedFile.code)
    queue("many", 5)
    end(take())
    assert library.retry(failed)
    assert "failed0.txt" in read_all()[:2]


def test_what_a_dead_worker_left_comes_first(queue: Queue) -> None:
    lost, *_ = queue("lost", 2)
    take()
    queue("other", 2)
    Document.objects.filter(pk=lost.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert named(take()) == "lost0.txt"
    lost.refresh_from_db()
    assert lost.attempts == 2


def test_what_was_given_back_goes_to_the_end(queue: Queue) -> None:
    queue("given")
    taken = take()
    assert taken is not None
    queue("other")
    assert release(Document, taken[1].document_id, worker=taken[0])
    assert read_all() == ["other0.txt", "given0.txt"]


def test_a_document_that_is_being_deleted_is_passed_over(queue: Queue) -> None:
    (deleted,) = queue("deleted")
    queue("other")
    with transaction.atomic():
        list(Document.objects.select_for_update().filter(pk=deleted.pk))
        found: list[str] = []
        thread, errors = in_thread(lambda: found.append(named(take())))
        thread.join(timeout=30)
    assert (found, errors) == (["other0.txt"], [])


def test_two_who_ask_at_once_get_different_documents_within_the_places(queue: Queue) -> None:
    for name in "abcdef":
        queue(name, 2)
    taken: list[tuple[str, turns.Turn] | None] = []
    started = threading.Barrier(8)

    def ask() -> None:
        started.wait(timeout=30)
        taken.append(take())

    running = [in_thread(ask) for _ in range(8)]
    for thread, _ in running:
        thread.join(timeout=60)
    assert [errors for _, errors in running] == [[]] * 8
    got = [turn for each in taken if each is not None for turn in [each[1]]]
    assert len({turn.owner_id for turn in got}) == len(got) == 3
    assert Counter(turn.is_guest for turn in got) == {False: 2, True: 1}


def test_messages_for_one_document_take_in_whatever_waits(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.ingest_document, "delay", sent.append)
    documents = [upload(f"Words of number {number}.".encode(), f"{number}.txt") for number in range(7)]
    tasks.ingest_document(str(documents[-1].pk))
    assert Document.objects.filter(status=Document.Status.READY).count() == 5
    assert sent == [str(documents[-1].pk)]  # others have their turn in between
    tasks.ingest_document(sent.pop())
    assert Document.objects.filter(status=Document.Status.READY).count() == 7
    assert sent == []


def test_a_lost_message_is_made_up_for(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.ingest_document, "delay", sent.append)
    monkeypatch.setattr(tasks.requeue, "messages_in", lambda _queue: 0)
    waiting = queue("many", 10)
    tasks.requeue_overdue()
    assert sent == []  # their messages are on their way
    Document.objects.update(queued_at=Now() - timedelta(seconds=11))
    tasks.requeue_overdue()
    assert set(sent) < {str(document.pk) for document in waiting}
    assert len(sent) == 3  # as many as there are processes
    monkeypatch.setattr(tasks.requeue, "messages_in", lambda _queue: 3)
    tasks.requeue_overdue()
    assert len(sent) == 3


# --- Guests that take long ----------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns.Turn, "LONG", 0.0)
    monkeypatch.setattr(Lease, "ask_every", 0.05)
    monkeypatch.setattr(Lease, "look_every", 0.05)


@pytest.mark.usefixtures("impatient")
def test_a_guest_that_takes_long_gives_way_to_another(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.ingest_document, "delay", lambda _id: None)
    queue("many", 5)
    take(), take()
    queue("guest")
    taken = take()
    assert taken is not None
    worker, turn = taken
    with Lease(turn.document_id, worker, is_guest=turn.is_guest) as lease:
        lease.report(progress_done=1)
        queue("third")
        until(lambda: Document.objects.filter(pk=turn.document_id, status=Document.QUEUED).exists())
        with pytest.raises(LeaseLost):
            lease.check()
    assert Document.objects.get(pk=turn.document_id).attempts == 0
    assert named(take()) == "third0.txt"


@pytest.mark.usefixtures("impatient")
def test_a_guest_stays_while_nobody_else_waits_or_a_place_is_free(queue: Queue) -> None:
    queue("many", 5)
    first, _ = take(), take()
    queue("guest")
    taken = take()
    assert taken is not None
    assert taken[1].is_guest
    assert not turns.is_wanted_elsewhere()
    end(first)
    queue("third")
    assert not turns.is_wanted_elsewhere()


@pytest.mark.usefixtures("impatient")
def test_one_page_is_read_while_long_documents_hold_every_place(
    upload: Upload, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real job: the guest's long document is put back in the middle, and read in the end."""
    monkeypatch.setattr(tasks.ingest_document, "delay", lambda _id: None)
    held = [take(), take()] if queue("many", 2) else []
    long = upload(samples.handbook(200), "long.pdf")
    thread, errors = in_thread(ingest_next)
    until(lambda: Document.objects.filter(pk=long.pk, progress_done__gt=0).exists())
    (short,) = queue("short")
    until(lambda: Document.objects.filter(pk=long.pk, status=Document.QUEUED).exists())
    thread.join(timeout=60)
    assert errors == []
    taken = take()
    assert named(taken) == short.name
    end(taken)
    for place in held:
        end(place)
    assert ingest_next()
    long.refresh_from_db()
    assert (long.status, long.attempts) == (Document.Status.READY, 1)
    assert not ingest_next()
