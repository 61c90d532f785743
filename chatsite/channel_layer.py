"""The channel layer, with every message sealed: what Redis passes on, and MONITOR shows, says nothing.

A message is bound to the Redis channel it was sent to: whoever can write to Redis, and copies one person's frame into
another's group, is not believed.
"""

import asyncio
import logging
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer, RedisSingleShardConnection
from channels_redis.utils import _wrap_close, decode_hosts

from accounts.encryption.daily import DailyCipher
from accounts.encryption.errors import Forged

logger = logging.getLogger(__name__)

_cipher = DailyCipher("channels")


class SealedChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # channels_redis has no types
    """A few microseconds a message, a fifth of what the library's own encryption costs."""

    def group_frame(self, group: str, message: dict[str, Any]) -> tuple[str, bytes]:
        """`group_send` as the arguments of the Redis command PUBLISH, for whoever has a connection of their own."""
        channel = f"{self._kwargs['prefix']}__group__{group}"
        return channel, _sealed(channel, self.serialize(message))

    def _get_layer(self) -> "_LoopLayer":
        loop = asyncio.get_running_loop()
        layer: _LoopLayer | None = self._layers.get(loop)
        if layer is None:
            layer = self._layers[loop] = _LoopLayer(*self._args, **self._kwargs, channel_layer=self)
            _wrap_close(self, loop)
        return layer


class _LoopLayer(RedisPubSubLoopLayer):  # type: ignore[misc]
    def __init__(self, hosts: Any = None, **config: Any) -> None:
        super().__init__(hosts, **config)
        self._shards = [_Shard(host, self) for host in decode_hosts(hosts)]


class _Shard(RedisSingleShardConnection):  # type: ignore[misc]
    """Seals what goes out and opens what comes in: once for a process, however many of its sockets listen."""

    async def publish(self, channel: str, message: bytes) -> None:
        await super().publish(channel, _sealed(channel, message))

    def _receive_message(self, message: dict[str, Any] | None) -> None:
        if message is None:
            return
        channel = message["channel"].decode()
        try:
            data = _cipher.unseal(message["data"], channel.encode())
        except Forged:
            logger.warning("A message in Redis was not sent there by Chatsite; it is left out.")
            return
        super()._receive_message({**message, "channel": channel, "data": data})


def _sealed(channel: str, message: bytes) -> bytes:
    return _cipher.seal(message, channel.encode())
