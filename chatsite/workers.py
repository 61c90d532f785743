"""Two steps that every Celery worker runs beside its tasks: it says that it is alive, and it watches its beat."""

import logging
import os
import signal
import time
from collections import Counter
from typing import Any, cast

import redis
from celery import bootsteps
from django.conf import settings

logger = logging.getLogger(__name__)

# One sorted set: "queue host" -> when that worker was last alive, by the clock of Redis' clients.
KEY = "chatsite:workers"
BEAT_EVERY = 5.0
ALIVE_WITHIN = 16.0


def alive_queues(client: redis.Redis) -> set[str]:
    """The queues that somebody serves."""
    names = cast("list[bytes]", client.zrangebyscore(KEY, time.time() - ALIVE_WITHIN, "+inf"))
    return {name.decode().partition(" ")[0] for name in names}


def alive_workers(client: redis.Redis) -> dict[str, int]:
    """How many workers serve each queue."""
    names = cast("list[bytes]", client.zrangebyscore(KEY, time.time() - ALIVE_WITHIN, "+inf"))
    return dict(Counter(name.decode().partition(" ")[0] for name in names))


class Pulse(bootsteps.StartStopStep):
    """Cheaper than Celery's own remote control, which waits a second for answers that may not come."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
        self._entry: Any = None

    def start(self, worker: Any) -> None:
        queues = list(worker.app.amqp.queues.consume_from)
        self._beat(queues, worker.hostname)
        self._entry = worker.timer.call_repeatedly(BEAT_EVERY, self._beat, (queues, worker.hostname))

    def stop(self, _worker: Any) -> None:
        if self._entry:
            self._entry.cancel()

    def _beat(self, queues: list[str], hostname: str) -> None:
        now = time.time()
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.zadd(KEY, {f"{queue} {hostname}": now for queue in queues})
                pipeline.zremrangebyscore(KEY, 0, now - 3600)
                pipeline.execute()
        except redis.RedisError:
            logger.debug("Redis is away; it will hear of this worker when it is back.")


class BeatGuard(bootsteps.StartStopStep):
    """The beat process inside a worker is not replaced when it dies, and without it nothing is ever re-queued.

    So the worker ends too, and whoever supervises it starts both again.
    """

    requires = ("celery.worker.components:Timer", "celery.worker.components:Beat")

    def start(self, worker: Any) -> None:
        if worker.beat is not None:
            worker.timer.call_repeatedly(BEAT_EVERY, self._look, (worker,))

    def _look(self, worker: Any) -> None:
        from celery.worker import state  # the web process reads this module too, and needs no worker

        # At a stop the beat ends first, and is meant to.
        is_stopping = state.should_stop is not None or state.should_terminate is not None
        if not is_stopping and not worker.beat.is_alive():
            logger.error("The beat process died. Ending this worker, so that both are started again.")
            os.kill(os.getpid(), signal.SIGTERM)
