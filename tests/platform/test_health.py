import re
import threading
import time
from collections.abc import Iterator

import pytest
import redis
from django.conf import LazySettings
from django.test import Client

from chatsite import readiness, workers


@pytest.fixture
def live() -> Iterator[redis.Redis]:
    """The Redis of the test run, without workers before and after."""
    with readiness._client() as client:
        client.delete(workers.KEY)
        yield client
        client.delete(workers.KEY)


def _serve(client: redis.Redis, queue: str, *, seconds_ago: float = 0) -> None:
    client.zadd(workers.KEY, {f"{queue} {queue}@here": time.time() - seconds_ago})


def test_health_asks_nobody(client: Client, settings: LazySettings) -> None:
    # The database is closed to this test as it is, and Redis is away.
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "components": {"server": {"status": "ok"}}}


@pytest.mark.django_db(transaction=True)
def test_ready_names_the_state_of_every_component(client: Client, live: redis.Redis) -> None:
    _serve(live, "answers")
    _serve(live, "documents")
    answer = client.get("/ready")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ok"
    assert set(body["components"]) == {"server", "database", "redis", "broker", "models", "disk", "reading", "audit"}
    assert body["components"]["database"]["detail"].startswith("pgvector ")
    assert re.fullmatch(r"Waiting: \d+ answers, \d+ documents", body["components"]["broker"]["detail"])
    assert "free" in body["components"]["disk"]["detail"]


@pytest.mark.django_db(transaction=True)
def test_a_missing_worker_is_named_and_people_may_still_come(client: Client, live: redis.Redis) -> None:
    _serve(live, "answers")
    answer = client.get("/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["components"]["broker"] == {"status": "degraded", "detail": "No worker serves: documents."}


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_fell_silent_counts_as_missing(client: Client, live: redis.Redis) -> None:
    _serve(live, "answers", seconds_ago=60)
    _serve(live, "documents", seconds_ago=60)
    assert client.get("/ready").json()["components"]["broker"]["status"] == "down"


@pytest.mark.django_db(transaction=True)
def test_without_redis_nobody_is_sent_here(client: Client, settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/ready")
    assert answer.status_code == 503
    body = answer.json()
    assert body["status"] == "down"
    assert body["components"]["redis"] == {"status": "down", "detail": "Redis does not answer."}
    assert body["components"]["database"]["status"] == "ok"


def test_a_database_that_is_away_is_down() -> None:
    assert not readiness.is_ready({"database": readiness.State("down"), "redis": readiness.State("ok")})
    assert readiness.is_ready({"database": readiness.State("ok"), "redis": readiness.State("degraded")})


@pytest.mark.django_db(transaction=True)
def test_a_component_that_hangs_is_down_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang() -> readiness.State:
        time.sleep(1)
        return readiness.State("ok")

    monkeypatch.setattr(readiness, "WITHIN", 0.2)
    monkeypatch.setitem(readiness._CHECKS, "models", hang)
    assert readiness.examine()["models"].status == "down"


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_they_are_only_read(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_health_is_never_cached(client: Client) -> None:
    assert "no-store" in client.get("/health")["Cache-Control"]


def test_a_crowd_that_asks_is_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may ask, so asking must not cost more than looking."""
    looked, going_on = [], threading.Event()

    def look() -> readiness.State:
        looked.append(1)
        going_on.wait(timeout=20)
        return readiness.State("ok")

    monkeypatch.setattr(readiness, "_CHECKS", {"part": look})
    answers: list[object] = []
    crowd = [threading.Thread(target=lambda: answers.append(readiness.examine())) for _ in range(30)]
    for thread in crowd:
        thread.start()
    going_on.set()
    for thread in crowd:
        thread.join()
    assert answers == [{"part": readiness.State("ok")}] * 30
    assert len(looked) < 30
    readiness.examine()
    assert len(looked) >= 2
