"""The socket of a conversation: it authorises, joins, catches the page up, and forwards. It never does work."""

import asyncio
import json
import logging
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from redis.exceptions import RedisError

from chats import live, reading

logger = logging.getLogger(__name__)

# A live answer that said nothing for this long is looked at: its end may have been lost with a dying server.
QUIET = 5.0
# How often a page may ask for states within that time.
MOST_ASKED = 50
# How a socket is closed whose conversation is not there for this person, or not any more.
NOT_THERE = 4404


class ConversationConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no type hints
    async def dispatch(self, message: dict[str, Any]) -> None:
        """Frames pass straight through. Before anything else channels looks after database connections, in a thread;
        done for each frame, which needs no database, that was a sixth of this process's work."""
        if message["type"] == "live.frame":
            await self.live_frame(message)
        else:
            await super().dispatch(message)

    async def connect(self) -> None:
        self.seen: dict[uuid.UUID, int] = {}
        self.watch: asyncio.Task[None] | None = None
        self.joined: list[str] = []
        self.asked: list[float] = []
        self.tab = parse_qs(self.scope["query_string"].decode("latin-1")).get("tab", [""])[0]
        self.redis = live.shared_connection()
        found_id = await self.find()
        if found_id is None:
            await self.close(code=NOT_THERE)
            return
        self.conversation_id = found_id
        # First join, then look: what happens in between comes as a frame.
        await self.join(live.group_name(found_id))
        found = await database_sync_to_async(self.standing)()
        if found is None:
            await self.close(code=NOT_THERE)
            return
        await self.accept()
        if found.leaf:
            # A page that slept may have missed a whole exchange.
            await self.show(live.event(found.leaf, "path")["frame"])
        for message_id in found.unfinished:
            await self.catch_up(message_id)
        self.watch = asyncio.create_task(self.look_after_quiet_answers())

    async def disconnect(self, _code: int) -> None:
        if self.watch:
            self.watch.cancel()
        for group in self.joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def join(self, group: str) -> None:
        self.joined.append(group)
        await self.channel_layer.group_add(group, self.channel_name)

    # What differs for somebody who may only read (chats.sharing.consumers).

    async def find(self) -> uuid.UUID | None:
        """Which conversation this socket is about."""
        conversation_id: uuid.UUID = self.scope["url_route"]["kwargs"]["conversation_id"]
        return conversation_id

    def standing(self) -> reading.Standing | None:
        return reading.standing(self.scope["user"], self.conversation_id)

    def settled(self, message_id: uuid.UUID) -> str | None:
        return reading.settled_bubble(self.conversation_id, message_id)

    async def show(self, frame: str) -> None:
        await self.send(text_data=frame)

    async def receive(self, text_data: str | None = None, **_binary: bytes | None) -> None:
        """A page asks for the state of a bubble that it missed something of."""
        try:
            message_id = uuid.UUID(str(json.loads(text_data or "")["resume"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        # A page asks now and then; one that asks without end is not answered.
        now = time.monotonic()
        self.asked = [moment for moment in self.asked if now - moment < QUIET]
        if len(self.asked) < MOST_ASKED:
            self.asked.append(now)
            await self.catch_up(message_id, row_first=True)

    async def live_frame(self, event: dict[str, Any]) -> None:
        message_id, seq = uuid.UUID(event["m"]), event["seq"]
        if event["origin"] and event["origin"] == self.tab:
            return
        if event["kind"] == "delta":
            last = self.seen.get(message_id)
            if last is not None and seq <= last:
                return
            if last is None or seq > last + 1:
                await self.catch_up(message_id)
                return
        if event["kind"] in {"delta", "state"}:
            self.seen[message_id] = max(seq, self.seen.get(message_id, 0))
        elif event["kind"] == "final":
            self.seen.pop(message_id, None)
        await self.show(event["frame"])

    async def catch_up(self, message_id: uuid.UUID, *, row_first: bool = False) -> None:
        """Send the state, or the end. `row_first` where the state may be what a dead worker left behind."""
        if row_first and await self.send_end(message_id):
            return
        try:
            state = await live.read(self.redis, live.Place(self.conversation_id, message_id))
        except (RedisError, OSError):
            state = None  # The watch tries again.
        if state:
            self.seen[message_id] = state.seq
            await self.show(state.event(message_id)["frame"])
        elif not row_first:
            await self.send_end(message_id)

    async def send_end(self, message_id: uuid.UUID) -> bool:
        """Send the bubble of an answer that is over. A live one is watched from now on."""
        bubble = await database_sync_to_async(self.settled)(message_id)
        if bubble:
            self.seen.pop(message_id, None)
            await self.show(live.event(message_id, "final", content=bubble)["frame"])
        elif bubble is not None:
            self.seen.setdefault(message_id, 0)
        return bool(bubble)

    async def look_after_quiet_answers(self) -> None:
        before: dict[uuid.UUID, int] = {}
        while True:
            await asyncio.sleep(QUIET)
            for message_id in [m for m, seq in self.seen.items() if before.get(m) == seq]:
                try:
                    await self.catch_up(message_id, row_first=True)
                except DatabaseError:
                    logger.warning("The database is away; a quiet answer is looked at again later.")
            before = dict(self.seen)
