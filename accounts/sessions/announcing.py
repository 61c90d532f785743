"""Telling a person's open sockets to look again whether they may stay (accounts.sessions.sockets).

The message carries nothing: each socket asks the database. So a lost one costs minutes, and a forged one a query.
"""

import logging
from functools import cache
from typing import Any
from uuid import UUID

from channels.layers import get_channel_layer
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

LOOK_AGAIN: dict[str, Any] = {"type": "session.look_again"}


def group_of(user_id: UUID) -> str:
    return f"sessions.{user_id}"


def look_again(user_id: UUID) -> None:
    """After commit, from a view, a task or a command: `channel_layer.group_send` as the Redis command that it is."""
    try:
        _redis().publish(*get_channel_layer().group_frame(group_of(user_id), LOOK_AGAIN))
    except (RedisError, OSError):
        logger.warning("Redis is away; open pages of a changed account notice within minutes.")


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1)
