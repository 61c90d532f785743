from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.capabilities import Capability, may
from documents.progress import RowChanged, group_of


class LibraryConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """Sends a person's pages the rows of their own documents as these change. Takes no messages."""

    group = ""

    async def connect(self) -> None:
        user = self.scope["user"]
        if not may(user, Capability.READ):
            await self.close()
            return
        self.group = group_of(user.pk)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, _code: int) -> None:
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def row_changed(self, message: RowChanged) -> None:
        await self.send(text_data=message["html"])
