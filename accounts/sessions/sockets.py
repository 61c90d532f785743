"""The door of every websocket: open for who is signed in entirely, and closed again when that ends."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import DatabaseError

from accounts.sessions.announcing import group_of
from accounts.sessions.standing import Standing

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

NOT_SIGNED_IN = 4403
# Seconds after which a socket looks without being told: the message may be lost, and sessions also run out.
LOOK_EVERY = 120.0


class SignedInOnly:
    """Wraps the router, so that no consumer can forget it. Stands inside channels' AuthMiddlewareStack."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = _Socket(receive, send)
        if not scope["user"].is_authenticated:
            await socket.refuse()
            return
        standing = Standing.of(scope["user"], scope["session"])
        layer, group = get_channel_layer(), group_of(standing.user_id)
        channel = await layer.new_channel()
        told = asyncio.ensure_future(layer.receive(channel))
        try:
            # First listen, then look: an end in between is heard.
            await layer.group_add(group, channel)
            if not await _is_kept(standing):
                await socket.refuse()
                return
            watching = asyncio.create_task(_watch(socket, standing, told, lambda: layer.receive(channel)))
            try:
                await self.inner(scope, socket.receive, socket.send)
            finally:
                socket.is_over = True
                watching.cancel()
        finally:
            told.cancel()
            await layer.group_discard(group, channel)


class _Socket:
    """What the consumer has in place of the server: the same, until it is ended from here."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._ended = asyncio.Event()
        self.is_over = False

    async def receive(self) -> Message:
        hearing, ending = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({hearing, ending}, return_when=asyncio.FIRST_COMPLETED)
            return hearing.result() if hearing.done() else {"type": "websocket.disconnect", "code": NOT_SIGNED_IN}
        finally:
            hearing.cancel()
            ending.cancel()

    async def send(self, message: Message) -> None:
        if not self._ended.is_set():
            await self._send(message)

    async def refuse(self) -> None:
        await self._receive()
        await self._send({"type": "websocket.close", "code": NOT_SIGNED_IN})

    async def end(self) -> None:
        if not self.is_over:
            self._ended.set()
            await self._send({"type": "websocket.close", "code": NOT_SIGNED_IN})


async def _watch(
    socket: _Socket, standing: Standing, told: "asyncio.Future[Message]", listen: Callable[[], Awaitable[Message]]
) -> None:
    try:
        while True:
            # Spread, so that many sockets do not look at once.
            await asyncio.wait({told}, timeout=LOOK_EVERY * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
            if told.done():
                told = asyncio.ensure_future(listen())
            try:
                if not await _is_kept(standing):
                    return
            except DatabaseError:
                logger.warning("The database is away; whether a session still stands is looked at again later.")
    finally:
        told.cancel()
        # However the watching came to its end: a socket that nobody watches must not stay open.
        await socket.end()


async def _is_kept(standing: Standing) -> bool:
    return bool(await database_sync_to_async(standing.is_kept)())
