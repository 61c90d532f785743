"""The sockets of viewers: a conversation's own, made read-only, that end when the right to read does.

They listen in two more groups: that of the conversation's readers, which hears of shares, and that of the owner's
sessions, which hears of the owner's account. Neither message says anything: the socket asks the database, as it does
when a share runs out, and now and then in case a message was lost.
"""

import asyncio
import logging
import random
import uuid
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.utils import timezone

from accounts.sessions.announcing import group_of
from accounts.tenancy import acting_as
from chats import live, reading
from chats.consumers import NOT_THERE, ConversationConsumer
from chats.sharing import access, presenting
from chats.sharing.access import Admission
from chats.sharing.giving import readers_group

logger = logging.getLogger(__name__)

# Seconds after which a socket asks without being told.
LOOK_EVERY = 60.0


class ReaderConsumer(ConversationConsumer):
    """For people whom it was shared with by name or by role, and for the owner who looks at what they see."""

    admission: Admission

    def admitted(self) -> Admission | None:
        return access.for_person(self.scope["user"], self.scope["url_route"]["kwargs"]["conversation_id"])

    async def connect(self) -> None:
        self.told = asyncio.Event()
        self.guard: asyncio.Task[None] | None = None
        await super().connect()
        if self.watch:
            self.guard = asyncio.create_task(self.watch_admission())

    async def disconnect(self, code: int) -> None:
        if self.guard:
            self.guard.cancel()
        await super().disconnect(code)

    async def find(self) -> uuid.UUID | None:
        found: Admission | None = await database_sync_to_async(self.admitted)()
        if found is None:
            return None
        self.admission = found
        await self.join(readers_group(found.conversation_id))
        await self.join(group_of(found.owner_id))
        return found.conversation_id

    def standing(self) -> reading.Standing | None:
        # Asked again, now that an end is heard of.
        return presenting.standing(self.admission) if self.admitted() else None

    def settled(self, message_id: uuid.UUID) -> str | None:
        return presenting.settled_bubble(self.admission, message_id)

    async def show(self, frame: str) -> None:
        await self.send(text_data=presenting.for_viewer(frame, self.admission))

    async def live_frame(self, event: dict[str, Any]) -> None:
        """What carries whole bubbles was made for the owner: a viewer's is made anew."""
        message_id, kind = uuid.UUID(event["m"]), event["kind"]
        if kind in {"delta", "state", "path"}:
            await super().live_frame(event)
        elif kind == "final":
            await self.send_end(message_id)
        elif kind == "exchange":
            await self.bring(message_id, "exchange", presenting.exchange, message_id)
        elif kind == "title":
            await self.bring(message_id, "title", presenting.title)
        else:
            self.told.set()

    async def bring(self, message_id: uuid.UUID, kind: live.FrameKind, make: Any, *about: uuid.UUID) -> None:
        content = await database_sync_to_async(make)(self.admission, *about)
        if content is not None:
            await self.show(live.event(message_id, kind, content=content)["frame"])

    async def reader_look_again(self, _message: dict[str, Any]) -> None:
        self.told.set()

    async def session_look_again(self, _message: dict[str, Any]) -> None:
        self.told.set()

    async def watch_admission(self) -> None:
        """Ends the page as soon as nothing lets it be open any more."""
        while True:
            # Spread, so that many sockets do not ask at once.
            pause = LOOK_EVERY * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            if self.admission.until:
                pause = min(pause, max(0.05, (self.admission.until - timezone.now()).total_seconds()))
            with suppress(TimeoutError):
                await asyncio.wait_for(self.told.wait(), pause)
            self.told.clear()
            try:
                found = await database_sync_to_async(self.admitted)()
            except DatabaseError:
                logger.warning("The database is away; whether a page may stay open is looked at again later.")
                continue
            if found is None:
                await self.send(text_data=live.event(self.admission.conversation_id, "gone")["frame"])
                await self.close(code=NOT_THERE)
                return
            self.admission = found


class LinkConsumer(ReaderConsumer):
    """For whoever has the link."""

    def admitted(self) -> Admission | None:
        with acting_as(None):
            return access.for_link(self.scope["user"], self.scope["url_route"]["kwargs"]["token"])
