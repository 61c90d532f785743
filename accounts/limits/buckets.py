"""Token buckets in Redis: a bucket holds `room` tokens at most and gains one every `every` milliseconds.

A bucket is kept as one number: the moment at which it will be full again. So it needs no clean-up (it expires at that
moment), no second field, and no clock but the server's.
"""

import functools
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

# Takes from all buckets or from none, and answers with the milliseconds to wait. Half a millisecond is rounding.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local wait, full = 0, {}
for i, key in ipairs(KEYS) do
    local every, room, cost = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
    full[i] = math.max(now, tonumber(redis.call('GET', key)) or 0) + every * cost
    wait = math.max(wait, full[i] - every * room - now)
end
if wait > 0.5 then
    return math.ceil(wait)
end
for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.3f', full[i]), 'PX', math.max(1, math.ceil(full[i] - now)))
end
return 0
"""
_PREFIX = "chatsite:limit:"
_TIMEOUT = 0.5
# After a failure Redis is not asked for so long: one that hangs must not cost every request the time-out.
_PAUSE = 2.0
# Of the buckets that are kept in memory while Redis is away.
_MOST_IN_MEMORY = 10_000


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    # Milliseconds for one token.
    every: float
    room: float
    cost: float

    @classmethod
    def of(cls, name: str, *, per_minute: float, burst: float, cost: float) -> "Bucket":
        """Room for one such request at least: a cost above the burst would never be granted."""
        return cls(name, every=60_000 / per_minute, room=max(burst, cost), cost=cost)


class Away(Exception):
    """Redis does not answer."""


@dataclass
class _Line:
    """To Redis, with a pause after each failure."""

    silent_until: float = 0.0

    def ask(self, buckets: Sequence[Bucket]) -> float:
        keys = [_PREFIX + bucket.name for bucket in buckets]
        numbers = [number for bucket in buckets for number in (bucket.every, bucket.room, bucket.cost)]
        with self._open():
            return cast("int", _script()(keys=keys, args=numbers)) / 1000

    def is_first(self, name: str, seconds: int) -> bool:
        with self._open():
            return bool(_redis().set(f"{_PREFIX}{name}", 1, nx=True, ex=seconds))

    @contextmanager
    def _open(self) -> Iterator[None]:
        if time.monotonic() < self.silent_until:
            raise Away
        try:
            yield
        except (RedisError, OSError) as error:
            self.silent_until = time.monotonic() + _PAUSE
            logger.warning("Redis is away, so requests are not counted: %s.", type(error).__name__)
            raise Away from error


@dataclass
class _Memory:
    """The same in this process alone: each web process then grants as much again."""

    full_at: dict[str, float] = field(default_factory=dict)

    def ask(self, buckets: Sequence[Bucket]) -> float:
        now = time.monotonic() * 1000
        if len(self.full_at) > _MOST_IN_MEMORY:
            self.full_at = {name: full for name, full in self.full_at.items() if full > now}
            if len(self.full_at) > _MOST_IN_MEMORY:
                self.full_at = {}
        full = {b.name: max(now, self.full_at.get(b.name, 0.0)) + b.every * b.cost for b in buckets}
        wait = max(full[bucket.name] - bucket.every * bucket.room - now for bucket in buckets)
        if wait > 0.5:
            return math.ceil(wait) / 1000
        self.full_at |= full
        return 0.0


@dataclass
class _Asked:
    """What was asked in this process alone, and until when it is not asked again."""

    until: dict[str, float] = field(default_factory=dict)

    def is_first(self, name: str, seconds: int) -> bool:
        now = time.monotonic()
        if self.until.get(name, 0.0) > now:
            return False
        if len(self.until) >= _MOST_IN_MEMORY:
            self.until = {name: until for name, until in self.until.items() if until > now}
            if len(self.until) >= _MOST_IN_MEMORY:
                self.until = {}
        self.until[name] = now + seconds
        return True


_line = _Line()
_memory = _Memory()
_asked = _Asked()


def take(buckets: Sequence[Bucket]) -> float:
    """Take from all of them, or from none. Returns the seconds to wait, 0 if granted. Raises Away."""
    return _line.ask(buckets) if buckets else 0.0


def take_here(buckets: Sequence[Bucket]) -> float:
    """The same without Redis, counted by this process."""
    return _memory.ask(buckets) if buckets else 0.0


def first_in(name: str, seconds: int) -> bool:
    """Whether nobody asked this within the last `seconds`. While Redis is away: nobody of this process, so that what is
    audited by it is rather told by each process than by none."""
    try:
        return _line.is_first(name, seconds)
    except Away:
        return _asked.is_first(name, seconds)


@functools.cache
def _redis() -> Redis:
    # Once more on a connection that died while it lay idle: taking twice costs a token, failing costs the limit.
    retry = Retry(NoBackoff(), 1)
    return Redis.from_url(settings.REDIS_URL, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=retry)


@functools.cache
def _script() -> Any:
    """Sent whole the first time, by its name afterwards: one round trip."""
    return _redis().register_script(_TAKE)
