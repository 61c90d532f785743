"""The other end of a page's socket, played by the test, so that frames can come in every order."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from playwright.sync_api import APIResponse, Page, Route, WebSocketRoute

from accounts.models import User
from accounts.tenancy import acting_as


class Server:
    """The other end of the page's socket."""

    def __init__(self, tab: Page) -> None:
        self.sockets: list[WebSocketRoute] = []
        self.received: list[dict[str, Any]] = []
        self.refuses = False
        self._tab = tab
        tab.route_web_socket(re.compile("/ws/"), self._accept)

    def _accept(self, socket: WebSocketRoute) -> None:
        if self.refuses:
            socket.close(code=1013)
            return
        self.sockets.append(socket)
        socket.on_message(lambda text: self.received.append(json.loads(text)))

    def send(self, message_id: uuid.UUID, kind: str, seq: int = 0, **fields: Any) -> None:
        self.sockets[-1].send(json.dumps({"m": str(message_id), "kind": kind, "seq": seq, **fields}))

    def wait(self, *, sockets: int = 1) -> None:
        for _ in range(200):
            if len(self.sockets) >= sockets:
                return
            self._tab.wait_for_timeout(50)
        raise AssertionError("the page did not connect")

    def reply_late(self, owner: User, pattern: str, happen: Callable[[Route], APIResponse]) -> None:
        """A page that posts to `pattern` is told of other things first: `happen` does them, and fetches the reply."""

        def reply(route: Route) -> None:
            with acting_as(owner):  # Playwright calls from a context of its own
                response = happen(route)
            self._tab.wait_for_timeout(100)
            route.fulfill(response=response)

        self._tab.route(pattern, reply)

    def heard(self, message: dict[str, Any]) -> bool:
        for _ in range(100):
            if message in self.received:
                return True
            self._tab.wait_for_timeout(50)
        return False
