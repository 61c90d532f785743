"""The one socket that opens without an account: that of a link, where the setting lets anybody use links."""

from collections.abc import Callable
from typing import Any

from accounts.tenancy import acting_as
from chats.sharing.access import may_use_links


class LinkGuests:
    """Wraps the door of all sockets (accounts.sessions.sockets). People who signed in go through it as ever."""

    def __init__(self, inner: Callable[..., Any], links: Callable[..., Any]) -> None:
        self.inner, self.links = inner, links

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        user = scope["user"]
        if scope["path"].startswith("/ws/shared/link/") and not user.is_authenticated and may_use_links(user):
            with acting_as(None):
                return await self.links(scope, receive, send)
        return await self.inner(scope, receive, send)
