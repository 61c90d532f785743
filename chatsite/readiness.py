"""The state of everything the product stands on, for /ready: each part looked at by itself, within a short time."""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from accounts.audit import sealing
from chatsite import workers
from documents.reading import confine
from llms import catalogue

Status = Literal["ok", "degraded", "down"]

WITHIN = 3.0
# Without these no page can be shown or answered; without the others the product works in part.
ESSENTIAL = frozenset({"database", "redis"})
QUEUES = frozenset({"answers", "documents"})
DISK_LOW = 1024**3
# Seconds; it should be three.
SEALED_WITHIN = 60


@dataclass(frozen=True, slots=True)
class State:
    status: Status
    detail: str = ""


@dataclass
class _Shared:
    """One examination at a time. Who asks while one is under way gets the next one, together with all others who do:
    anybody may ask, and a thousand at once cost two.
    """

    turn: Lock = field(default_factory=Lock)
    began: float = 0.0
    states: dict[str, State] = field(default_factory=dict)

    def ask(self) -> dict[str, State]:
        asked = time.monotonic()
        with self.turn:
            if self.began <= asked:
                self.began = time.monotonic()
                self.states = _examine()
            return self.states


_shared = _Shared()


def examine() -> dict[str, State]:
    """Every component by name, as it is now. Takes a little over two times WITHIN seconds at the most."""
    return _shared.ask()


def _examine() -> dict[str, State]:
    pool = ThreadPoolExecutor(max_workers=len(_CHECKS), thread_name_prefix="ready")
    try:
        started = {name: pool.submit(check) for name, check in _CHECKS.items()}
        states = {}
        for name, future in started.items():
            try:
                states[name] = future.result(timeout=WITHIN)
            except TooLong:
                states[name] = State("down", f"No answer within {WITHIN:.0f} seconds.")
        return states
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def is_ready(states: dict[str, State]) -> bool:
    return all(states[name].status != "down" for name in ESSENTIAL)


def _database() -> State:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
            row = cursor.fetchone()
    except DatabaseError:
        return State("down", "PostgreSQL does not answer.")
    finally:
        # This thread ends here; its connection goes back to the pool.
        connection.close()
    if row is None:
        return State("down", "The extension pgvector is missing. Run: manage.py migrate")
    return State("ok", f"pgvector {row[0]}")


def _redis() -> State:
    try:
        with _client() as client:
            client.ping()
    except redis.RedisError:
        return State("down", "Redis does not answer.")
    return State("ok")


def _broker() -> State:
    try:
        with _client() as client:
            alive = workers.alive_queues(client)
            waiting = {queue: client.llen(queue) for queue in sorted(QUEUES)}
    except redis.RedisError:
        return State("down", "Redis does not answer.")
    if missing := sorted(QUEUES - alive):
        return State("down" if not alive else "degraded", f"No worker serves: {', '.join(missing)}.")
    return State("ok", "Waiting: " + ", ".join(f"{number} {queue}" for queue, number in waiting.items()))


def _models() -> State:
    state = catalogue.provider_state()
    # Without a model server the built-in pair answers, unless somebody asked for a server by name.
    lacking = bool(state.note) and settings.LLM_PROVIDER not in {"auto", "builtin"}
    return State("degraded" if lacking else "ok", state.note or f"{state.models} on {state.provider}")


def _disk() -> State:
    try:
        free = shutil.disk_usage(settings.DATA_DIR).free
    except OSError:
        return State("down", "The data folder cannot be reached.")
    return State("degraded" if free < DISK_LOW else "ok", f"{free / 1024**3:.1f} GiB free")


def _reading() -> State:
    """What confines the processes that read strangers' files, here where the web process runs."""
    layers = confine.examine()
    missing = [layer for layer, holds in layers.items() if not holds]
    if not missing:
        return State("ok", "Confined by " + ", ".join(layers))
    # Either of these two closes the network.
    closed = layers["system calls"] or layers["namespaces"]
    return State("ok" if closed else "degraded", f"Not confined by: {', '.join(missing)}.")


def _audit() -> State:
    try:
        waiting, contradiction = sealing.waiting_for(), sealing.contradiction()
    except DatabaseError:
        return State("down", "PostgreSQL does not answer.")
    finally:
        connection.close()
    if contradiction:
        # No number or path: anybody may ask.
        return State("degraded", "Events are not sealed: the log is shorter than it was. `verify_audit` says more.")
    if waiting > SEALED_WITHIN:
        return State("degraded", f"Events wait for their seal for {waiting:.0f} seconds.")
    return State("ok", "Events are sealed")


def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


_CHECKS: dict[str, Callable[[], State]] = {
    "database": _database,
    "redis": _redis,
    "broker": _broker,
    "models": _models,
    "disk": _disk,
    "reading": _reading,
    "audit": _audit,
}
