"""The command behind each part of the product, the same under the supervisor, in containers and under systemd."""

import sys
from collections.abc import Callable
from typing import Any

PYTHON = [sys.executable, "-m"]
_WORKER = [*PYTHON, "chatsite.worker", "--without-gossip", "--without-mingle"]
_BEAT_SCHEDULE_IN_MEMORY = ["--scheduler", "celery.beat:Scheduler"]


def web(settings: Any, *, fd: int | None = None) -> list[str]:
    """With `fd`, serve the listening socket of that number, which the parent keeps open over restarts."""
    where = (
        ["--fd", str(fd)] if fd is not None else ["--bind", settings.LISTEN_HOST, "--port", str(settings.LISTEN_PORT)]
    )
    return [
        *PYTHON,
        "chatsite.server",
        *where,
        # For the whole answer, and an answer may be a stream that takes many minutes.
        *("--http-timeout", "3600"),
        *("--ping-interval", "20"),
        *("--ping-timeout", "30"),
        # The limit is for both directions, and the state or the end of a long answer is one message.
        *("--websocket-max-message-size", str(16 * 1024 * 1024)),
        *("--application-close-timeout", "5"),
        *("--verbosity", "0"),
        "--no-server-name",
        "chatsite.asgi:application",
    ]


def answers(settings: Any) -> list[str]:
    # The threads only wait: one event loop per process carries all streams.
    pool = ["--pool", "threads", "--concurrency", str(settings.MAX_PARALLEL_ANSWERS)]
    return [*_WORKER, "--without-heartbeat", "--queues", "answers", "--hostname", "answers@%h", *pool]


def documents(settings: Any) -> list[str]:
    # One process more, for people none of whose documents is in work (documents.ingestion.turns).
    processes = settings.MAX_PARALLEL_DOCUMENTS + 1
    # A process is replaced after some documents: parsers keep memory.
    pool = ["--pool", "prefork", "--concurrency", str(processes), "--max-tasks-per-child", "50"]
    return [*_WORKER, "--without-heartbeat", "--queues", "documents", "--hostname", "documents@%h", *pool]


def documents_with_beat(settings: Any) -> list[str]:
    return [*documents(settings), "--beat", *_BEAT_SCHEDULE_IN_MEMORY]


def beat(_settings: Any) -> list[str]:
    return [*PYTHON, "celery", "--app", "chatsite", "--quiet", "beat", "--pidfile", "", *_BEAT_SCHEDULE_IN_MEMORY]


PROGRAMS: dict[str, Callable[[Any], list[str]]] = {
    "web": web,
    "answers": answers,
    "documents": documents,
    "beat": beat,
}
