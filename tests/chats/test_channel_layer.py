"""The sealed channel layer: a frame counts only in the group it was sent to."""

import asyncio
import logging
import uuid

import pytest
from channels.layers import get_channel_layer
from django.conf import settings
from redis.asyncio import Redis

from chats import live

SECRET = "a long and recognisable sentence"


def group() -> str:
    return f"chat.{uuid.uuid4()}"


async def next_of(channel: str) -> dict:
    async with asyncio.timeout(10):
        return await get_channel_layer().receive(channel)


def test_a_message_reaches_its_group_and_a_channel() -> None:
    asyncio.run(_send())


async def _send() -> None:
    layer, name = get_channel_layer(), group()
    channel = await layer.new_channel()
    await layer.group_add(name, channel)
    await layer.group_send(name, {"type": "one"})
    assert await next_of(channel) == {"type": "one"}
    await layer.send(channel, {"type": "two"})
    assert await next_of(channel) == {"type": "two"}
    await layer.flush()


def test_a_frame_of_one_group_is_not_believed_in_another(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        asyncio.run(_forge())
    assert caplog.text.count("was not sent there by Chatsite") == 4


async def _forge() -> None:
    layer, mine, theirs = get_channel_layer(), uuid.uuid4(), uuid.uuid4()
    channel = await layer.new_channel()
    await layer.group_add(live.group_name(mine), channel)
    redis = Redis.from_url(settings.REDIS_URL)
    recorded = layer.group_frame(live.group_name(theirs), {"type": "live.frame", "frame": SECRET})
    assert SECRET.encode() not in recorded[1]
    own_name, own = layer.group_frame(live.group_name(mine), {"type": "own"})
    for forged in (recorded[1], own[:-1] + bytes([own[-1] ^ 1]), b"", b"plain"):
        await redis.publish(own_name, forged)
    # What comes afterwards arrives, and nothing did before it.
    await live.publish(redis, mine, {"type": "own"})
    assert await next_of(channel) == {"type": "own"}
    await redis.aclose()
    await layer.flush()
