"""The cache that rate limits live in: shared, and not needed for signing in."""

import pytest
from django.core.cache import cache
from django.test import Client
from redis import Redis

from accounts.models import User
from chatsite.cache import ForgetfulRedisCache
from tests.accounts.conftest import is_signed_in


@pytest.fixture
def away() -> ForgetfulRedisCache:
    """A cache whose server is not there."""
    return ForgetfulRedisCache("unix:///nowhere/redis.sock", {"OPTIONS": {"socket_connect_timeout": 1}})


@pytest.mark.parametrize("value", [7, 1.5, "words", [1.25, 2.5], {"a": None}, True, None])
def test_it_gives_back_what_it_was_given(value: object) -> None:
    cache.set("value", value, 60)
    assert cache.get("value", "nothing") == value


def test_it_counts() -> None:
    cache.set("count", 1, 60)
    assert cache.incr("count", 2) == 3


def test_nothing_that_redis_holds_is_run(settings) -> None:
    """A pickle could be anybody's program; JSON is only data."""
    cache.set("list", [1, 2], 60)
    held = Redis.from_url(settings.REDIS_URL).get(cache.make_key("list"))
    assert held == b"[1, 2]"


def test_clearing_leaves_what_others_keep_in_redis(settings) -> None:
    redis = Redis.from_url(settings.REDIS_URL)
    redis.set("chatsite:somebody-else", "kept")
    cache.set("mine", 1, 60)
    cache.clear()
    assert cache.get("mine") is None
    assert redis.get("chatsite:somebody-else") == b"kept"
    redis.delete("chatsite:somebody-else")


def test_without_redis_it_is_empty_and_has_room(away: ForgetfulRedisCache) -> None:
    away.set("a", 1)
    away.set_many({"a": 1})
    away.delete_many(["a"])
    assert away.add("a", 1) is True
    assert away.get("a", "nothing") == "nothing"
    assert away.get_many(["a"]) == {}
    assert away.incr("a", 2) == 2
    assert not away.touch("a")
    assert not away.delete("a")
    assert "a" not in away


def test_without_redis_people_sign_in(client: Client, owner: User, settings) -> None:
    here = settings.CACHES["default"]
    settings.CACHES = {"default": here | {"LOCATION": "unix:///nowhere/redis.sock"}}
    client.post("/accounts/login/", {"login": "owner@example.org", "password": "correct horse battery"})
    assert is_signed_in(client)
