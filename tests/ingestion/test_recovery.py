"""A worker that is killed costs time, never work."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psutil
import pytest
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count
from django.db.models.functions import Now

from documents import stopping, tasks
from documents.ingestion import ingest
from documents.models import Chunk, Document, Embedding, EmbeddingSpace, Page
from tests.files import samples
from tests.ingestion.conftest import Upload
from tests.ingestion.test_ingestion import blocked, in_thread
from tests.waiting import until

WORKER = "import sys, django; django.setup(); from documents.ingestion import ingest; ingest(sys.argv[1])"


@contextmanager
def worker(document: Document) -> Iterator[subprocess.Popen[bytes]]:
    """Ingestion in a process of its own, on the database of the tests."""
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(settings.DATA_DIR)}
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(document.pk)], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    readers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(readers, timeout=30)
    assert alive == []  # no reader outlives its worker


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the broker, which belongs to somebody else here."""
    with current_app.connection_for_write() as broker:
        broker.default_channel.client.delete(tasks.QUEUE)
    sent: list[str] = []

    def delay(document_id: str) -> Any:
        sent.append(document_id)

    monkeypatch.setattr(tasks.ingest_document, "delay", delay)
    return sent


def assert_complete_and_once(document: Document, pages: int) -> None:
    document.refresh_from_db()
    assert document.status == Document.Status.READY
    assert list(Page.objects.order_by("number").values_list("number", flat=True)) == list(range(1, pages + 1))
    twice = Chunk.objects.values("page", "start").annotate(times=Count("id")).filter(times__gt=1)
    assert not twice.exists()
    assert Embedding.objects.count() == Chunk.objects.count() > pages
    contents = [" ".join(chunk.content.split()) for chunk in Chunk.objects.all()]
    for number in (1, pages // 2, pages):
        assert any(samples.fact(number) in content for content in contents)


def requeue() -> None:
    """As beat does, ten seconds later."""
    Document.objects.update(queued_at=Now() - timedelta(seconds=11))
    tasks.requeue_overdue()


def test_a_worker_killed_while_reading_is_replaced(upload: Upload, queued: list[str]) -> None:
    document = upload(samples.handbook(80), "handbook.pdf")
    with worker(document) as process:
        until(lambda: Document.objects.filter(pk=document.pk, progress_done__gt=0).exists())
        kill(process)
    requeue()
    assert queued == [str(document.pk)]
    ingest(document.pk)
    assert_complete_and_once(document, 80)


def test_a_worker_killed_while_storing_is_replaced(upload: Upload, queued: list[str]) -> None:
    EmbeddingSpace.objects.create(model="builtin/wordllama", dimension=256, state=EmbeddingSpace.State.ACTIVE)
    document = upload(samples.handbook(30), "handbook.pdf")
    with worker(document) as process, transaction.atomic():
        # The index waits for this row in the middle of its transaction.
        EmbeddingSpace.objects.select_for_update().get()
        until(lambda: blocked() == 1)
        kill(process)
    # The server notices that its client is gone when it next looks.
    until(lambda: blocked() == 0)
    assert Page.objects.count() == 0
    requeue()
    assert queued == [str(document.pk)]
    ingest(document.pk)
    assert_complete_and_once(document, 30)


def test_a_worker_that_is_stopped_gives_the_document_back(upload: Upload, queued: list[str]) -> None:
    document = upload(samples.handbook(200), "handbook.pdf")
    try:
        thread, errors = in_thread(lambda: ingest(document.pk))
        until(lambda: Document.objects.filter(pk=document.pk, progress_done__gt=0).exists())
        stopping.ask()
        until(lambda: queued == [str(document.pk)])
        thread.join(timeout=60)
        ingest(document.pk)  # by a worker that is stopping
    finally:
        stopping._asked[0] = 0
    assert errors == []
    document.refresh_from_db()
    assert (document.status, document.attempts, document.claimed_by) == (Document.Status.QUEUED, 0, "")
    ingest(document.pk)
    assert_complete_and_once(document, 200)


def test_a_database_that_drops_its_sessions_costs_no_attempt(upload: Upload, queued: list[str]) -> None:
    EmbeddingSpace.objects.create(model="builtin/wordllama", dimension=256, state=EmbeddingSpace.State.ACTIVE)
    document = upload(samples.handbook(30), "handbook.pdf")
    with transaction.atomic():
        EmbeddingSpace.objects.select_for_update().get()
        thread, errors = in_thread(lambda: ingest(document.pk))
        until(lambda: blocked() == 1)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
    thread.join(timeout=60)
    assert errors == []
    assert queued == [str(document.pk)]
    document.refresh_from_db()
    assert (document.status, document.attempts) == (Document.Status.QUEUED, 0)
    ingest(document.pk)
    assert_complete_and_once(document, 30)


def test_an_error_of_ours_is_said_at_once(upload: Upload, caplog: pytest.LogCaptureFixture) -> None:
    document = upload(b"Words.", "a.txt")
    # A space whose vectors are not of the length that its model makes.
    EmbeddingSpace.objects.create(model="builtin/wordllama", dimension=3, state=EmbeddingSpace.State.ACTIVE)
    ingest(document.pk)
    document.refresh_from_db()
    assert (document.status, document.error_code) == (Document.Status.FAILED, "ingestion_failed")
    assert "ValueError" in caplog.text


def test_rows_that_are_held_or_done_are_not_queued(upload: Upload, queued: list[str]) -> None:
    ready, held = upload(b"Words.", "a.txt"), upload(b"Words.", "b.txt")
    ingest(ready.pk)
    Document.objects.filter(pk=held.pk).update(
        status=Document.Status.PARSING, claimed_by="elsewhere:1:x", lease_until=Now() + timedelta(seconds=15)
    )
    requeue()
    assert queued == []


def test_the_tasks_load_nothing_heavy() -> None:
    heavy = "{'numpy', 'llama_index', 'unstructured', 'pypdfium2', 'spacy', 'nltk', 'wordllama'}"
    code = (
        "import sys, django; django.setup(); import documents.tasks, documents.ingestion, documents.library;"
        f"found = {heavy} & set(sys.modules); sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
