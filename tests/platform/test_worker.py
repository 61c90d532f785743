"""What every Celery worker does beside its tasks, with a real worker on the Redis of the test run."""

import queue
import uuid
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from celery.contrib.testing.worker import start_worker
from celery.worker import state
from django.test import Client, RequestFactory

from chatsite import logs, middleware, readiness, workers
from chatsite.celery import app
from tests.waiting import until

seen: queue.Queue[str] = queue.Queue()


@app.task(name="tests.note_request_id")
def note_request_id() -> None:
    seen.put(logs.request_id.get())


@pytest.fixture(scope="module")
def queue_name() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    with start_worker(app, pool="solo", queues=[name], perform_ping_check=False, loglevel="ERROR"):
        yield name


def test_the_name_of_a_request_follows_its_task_into_the_worker(queue_name: str) -> None:
    def view(_request):
        from django.http import HttpResponse

        note_request_id.apply_async(queue=queue_name)
        return HttpResponse()

    response = middleware.request_id(view)(RequestFactory().get("/"))
    assert seen.get(timeout=20) == response["X-Request-ID"]


def test_a_task_without_a_request_goes_by_its_own_name(queue_name: str) -> None:
    sent = note_request_id.apply_async(queue=queue_name)
    assert seen.get(timeout=20) == sent.id


def test_a_worker_says_which_queues_it_serves(queue_name: str) -> None:
    with readiness._client() as client:
        until(lambda: queue_name in workers.alive_queues(client))


def test_a_worker_ends_when_its_beat_died(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(workers.os, "kill", lambda pid, number: ended.append(number))
    beat = SimpleNamespace(is_alive=lambda: True)
    guard = workers.BeatGuard(SimpleNamespace())
    guard._look(SimpleNamespace(beat=beat))
    assert ended == []
    beat.is_alive = lambda: False
    with monkeypatch.context() as stopping:
        stopping.setattr(state, "should_stop", 0)
        guard._look(SimpleNamespace(beat=beat))
    assert ended == []
    guard._look(SimpleNamespace(beat=beat))
    assert ended == [workers.signal.SIGTERM]


def test_requests_do_not_leave_their_name_behind(client: Client) -> None:
    client.get("/health", headers={"x-request-id": "question-4712"})
    assert logs.request_id.get() == ""
