"""The shared cache: rate limits and other things that may be forgotten at any moment."""

import functools
import json
import logging
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate["ForgetfulClient", P], T]


class JSONSerializer:
    """Instead of pickle: whoever can write to Redis must not be able to run code here."""

    def dumps(self, value: object) -> bytes | int:
        # A plain number stays one, for Redis' own arithmetic.
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


def _unless_down(answer: Callable[[], T]) -> Callable[[Method[P, T]], Method[P, T]]:
    """Without Redis, `answer` as if the cache were empty and had room."""

    def decorator(method: Method[P, T]) -> Method[P, T]:
        @functools.wraps(method)
        def wrapper(self: "ForgetfulClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return method(self, *args, **kwargs)
            except (RedisConnectionError, RedisTimeoutError):
                logger.warning("The cache is not reachable; going on without it.")
                return answer()

        return wrapper

    return decorator


class ForgetfulClient(RedisCacheClient):
    """A cache that is away must not keep people from signing in."""

    @_unless_down(lambda: True)
    def add(self, key: Any, value: Any, timeout: Any) -> bool:
        return bool(super().add(key, value, timeout))

    def get(self, key: Any, default: Any) -> Any:
        return _unless_down(lambda: default)(RedisCacheClient.get)(self, key, default)

    @_unless_down(lambda: None)
    def set(self, key: Any, value: Any, timeout: Any) -> None:
        super().set(key, value, timeout)

    @_unless_down(lambda: False)
    def touch(self, key: Any, timeout: Any) -> bool:
        return bool(super().touch(key, timeout))

    @_unless_down(lambda: False)
    def delete(self, key: Any) -> bool:
        return bool(super().delete(key))

    @_unless_down(dict)
    def get_many(self, keys: Any) -> dict[Any, Any]:
        return dict(super().get_many(keys))

    @_unless_down(lambda: False)
    def has_key(self, key: Any) -> bool:
        return bool(super().has_key(key))

    def incr(self, key: Any, delta: Any) -> int:
        return int(_unless_down(lambda: delta)(RedisCacheClient.incr)(self, key, delta))

    @_unless_down(lambda: None)
    def set_many(self, data: Any, timeout: Any) -> None:
        super().set_many(data, timeout)

    @_unless_down(lambda: None)
    def delete_many(self, keys: Any) -> None:
        super().delete_many(keys)


class ForgetfulRedisCache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = ForgetfulClient

    def clear(self) -> None:
        """Only what is the cache's own: Django would empty the whole Redis database, the queue included."""
        client = self._cache.get_client(write=True)
        for key in client.scan_iter(match=f"{self.key_prefix}:*"):
            client.delete(key)
