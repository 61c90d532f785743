"""One event loop per worker process carries all its streams; the Celery threads only wait for it.

So a Stop, a time-out or a fallback cancels at once, even while the model still reads the prompt.
"""

import asyncio
import contextlib
import contextvars
import logging
import threading
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chats import live
from chats.answering import records
from chats.answering.delivery import Delivery
from jobs import leases

if TYPE_CHECKING:
    from chats.answering.attempt import Attempt

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_BEGIN_AGAIN_AFTER = 0.5
# Threads for database work and for rendering and retrieval. Few: they share the interpreter with the streams.
_THREADS = 6


class Runner:
    """The loop, its thread, and what all answers of the process share."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="answer-work")
        self._running: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._stops: dict[uuid.UUID, asyncio.Event] = {}
        self._attempts: dict[uuid.UUID, Attempt] = {}
        self._background: set[asyncio.Task[None]] = set()
        self.redis: Redis
        self.delivery: Delivery
        self._announcing: set[asyncio.Task[None]] = set()
        self._closing = False
        threading.Thread(target=self.loop.run_forever, name="answers", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._set_up(), self.loop).result()

    async def _set_up(self) -> None:
        self.redis = live.connect()
        self.delivery = Delivery(self.redis)
        for work in (self.delivery.run, self._keep_leases, self._listen_for_stops):
            self._in_background(self._forever(work))

    async def _forever(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What all answers depend on is begun again whatever ends it."""
        while True:
            try:
                await work()
            except Exception:
                logger.exception("%s failed and is begun again.", work.__name__)
            await asyncio.sleep(_BEGIN_AGAIN_AFTER)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_ended)
        return task

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("A background task of the answers worker failed.", exc_info=error)

    def after_end(self, work: Coroutine[Any, Any, None]) -> None:
        """What remains to be done for a settled answer, such as telling its pages."""
        task = self._in_background(work)
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    def submit(self, message_id: uuid.UUID) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(self._answer(message_id), self.loop)

    async def _answer(self, message_id: uuid.UUID) -> None:
        from chats.answering.attempt import Attempt

        if message_id in self._running or self._closing:
            return
        stop = self._stops.setdefault(message_id, asyncio.Event())
        task = asyncio.ensure_future(Attempt(self, message_id, stop).run())
        self._running[message_id] = task
        try:
            await task
        finally:
            self._running.pop(message_id, None)
            self._stops.pop(message_id, None)

    async def in_thread(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run blocking work. Its database connection goes back to the pool with the call, never held by a stream."""

        def call() -> R:
            try:
                return function(*args, **kwargs)
            finally:
                connection.close()

        return await self.loop.run_in_executor(self._threads, contextvars.copy_context().run, call)

    def release_all(self, timeout: float) -> None:
        """The process is going down: let every answer keep its text and be taken over by another worker."""

        async def cancel() -> None:
            self._closing = True
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, *self._announcing, return_exceptions=True)

        try:
            asyncio.run_coroutine_threadsafe(cancel(), self.loop).result(timeout)
        except TimeoutError:
            logger.warning("Some answers could not be released in time; their leases will run out.")

    def keep(self, attempt: "Attempt") -> None:
        self._attempts[attempt.message_id] = attempt

    def let_go(self, attempt: "Attempt") -> None:
        if self._attempts.get(attempt.message_id) is attempt:
            del self._attempts[attempt.message_id]

    async def _keep_leases(self) -> None:
        """Checkpoint and renew all that this process writes in one statement. An absent database is waited for."""
        while True:
            await asyncio.sleep(leases.RENEW_EVERY.total_seconds())
            attempts = list(self._attempts.values())
            if not attempts:
                continue
            checkpoints = [attempt.checkpoint() for attempt in attempts]
            try:
                kept = await self.in_thread(records.renew_all, checkpoints)
            except (OperationalError, InterfaceError):
                logger.warning("The database is away; %d answers go on in memory.", len(attempts))
                continue
            for attempt in attempts:
                if attempt.message_id not in kept:
                    attempt.lose()
                elif kept[attempt.message_id] and (stop := self._stops.get(attempt.message_id)):
                    stop.set()
            await self._keep_states(attempts)

    async def _keep_states(self, attempts: "list[Attempt]") -> None:
        # Delivery notices a Redis that is away, and says so.
        with contextlib.suppress(RedisError, OSError):
            async with self.redis.pipeline(transaction=False) as pipe:
                for attempt in attempts:
                    attempt.refresh(pipe)
                await pipe.execute()

    async def _listen_for_stops(self) -> None:
        while True:
            try:
                async with self.redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(live.STOP_CHANNEL)
                    async for message in channel.listen():
                        if event := self._stops.get(uuid.UUID(message["data"].decode())):
                            event.set()
            except (RedisError, OSError, ValueError):
                # Stops also stand in the rows, which every attempt reads as it renews its lease.
                await asyncio.sleep(0.5)


_runner: Runner | None = None
_lock = threading.Lock()


def runner() -> Runner:
    """The process's own, made at first use: never at import, never in a process that does not answer."""
    global _runner  # noqa: PLW0603 - one loop per process is the point
    with _lock:
        if _runner is None:
            _runner = Runner()
        return _runner
