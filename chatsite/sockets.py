"""The outermost layer of every websocket: who may open one, and how much it may say."""

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

# Pages say a few words now and then (which bubble they missed); what says more is no page of ours.
MOST_MESSAGES = 100
WITHIN = 10.0
LONGEST = 64 * 1024
# Of an application's own range; the last digits are those of HTTP.
TOO_MUCH = 4429
TOO_LONG = 4413

_DEFAULT_PORTS = {"http": 80, "https": 443}


class OwnPagesOnly:
    """Browsers send cookies with every socket, whichever page opens it, so the page's origin must be ours, to the port.

    A site on another port of this machine gets the same cookies and is another site.
    """

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        origin, host = (headers.get(name, b"").decode("latin-1").lower() for name in (b"origin", b"host"))
        if is_own(origin, host):
            await self.inner(scope, receive, send)
        else:
            await WebsocketDenier.as_asgi()(scope, receive, send)


def is_own(origin: str, host: str) -> bool:
    if origin == settings.BASE_URL.lower():
        return True
    try:
        parts = urlsplit(origin)
        if parts.scheme not in ({"https"} if settings.HTTPS else {"http", "https"}):
            return False
        domain, port = split_domain_port(host)
        own_port = int(port) if port else _DEFAULT_PORTS[parts.scheme]
        same = (_bracketed(parts.hostname or ""), parts.port or _DEFAULT_PORTS[parts.scheme]) == (domain, own_port)
    except ValueError:
        return False
    return same and validate_host(domain, settings.ALLOWED_HOSTS)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class FewWords:
    """Closes a socket that says too much. Where it stands, before any consumer, nothing was done for its words yet."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        said: deque[float] = deque(maxlen=MOST_MESSAGES)

        async def heard() -> Message:
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            now = time.monotonic()
            if len(message.get("text") or message.get("bytes") or "") > LONGEST:
                return await _close(send, TOO_LONG)
            if len(said) == MOST_MESSAGES and now - said[0] < WITHIN:
                return await _close(send, TOO_MUCH)
            said.append(now)
            return message

        await self.inner(scope, heard, send)


async def _close(send: Send, code: int) -> Message:
    await send({"type": "websocket.close", "code": code})
    return {"type": "websocket.disconnect", "code": code}
