"""The web process: Daphne, with bounds on what a request may make it keep.

Started as `python -m chatsite.server` with Daphne's own arguments. A body arrives before anybody knows who sends it,
so its size is bounded here, before Django and its sign-in see the request: what is refused is never kept, what is
accepted waits on disk, sealed, and the application gets it piece by piece, as it reads.
"""

import asyncio
import functools
import io
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import IO, Any, cast
from urllib.parse import unquote_to_bytes

import daphne.server  # isort: skip  # first: it installs the event loop's reactor

import daphne.http_protocol
from daphne.cli import CommandLineInterface
from django.conf import settings
from django.urls import reverse
from twisted.internet import reactor

from accounts.encryption.files import SealedSpool

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

PIECE = 64 * 1024
# A body that is larger waits on disk, sealed and without a name.
IN_MEMORY = 100_000
# So long the rest of a refused body is read and thrown away: closed at once, the sender would see a broken connection
# instead of the reason.
LINGER = 10.0
_ABANDONED_AFTER = 24 * 60 * 60
_BODY = "chatsite.body"


class BoundedRequest(daphne.http_protocol.WebRequest):  # type: ignore[misc]  # daphne has no types
    """Counts its body, refuses it as soon as it is or would be too large, and gives it away as a file."""

    def __init__(self, channel: Any, queued: Any = False) -> None:
        # Twisted would read every form into memory and parse it, for a Request.args that nobody asks for.
        super().__init__(channel, queued, parsePOSTFormSubmission=False)
        self.body: Body | None = None
        self._limit = 0
        self._received = 0
        self._refused = False
        self._last_call: Any = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """The header is complete. `length` is None when the body is in chunks."""
        if length == 0:
            self.content = io.BytesIO()
            return
        self._limit = self._most()
        if length is not None and length > self._limit:
            self._refuse()
        else:
            # Twisted's own file would lie on disk in plain.
            self.content = cast("Any", SealedSpool(in_memory=IN_MEMORY))

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self._refused:
            return
        self._received += len(data)
        if self._received > self._limit:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802 - Twisted's name
        if self._refused:
            self.channel.transport.loseConnection()
        else:
            super().requestReceived(command, path, version)

    def give_body(self) -> "Body":
        """Takes the body out of Daphne's hands, which would put all of it into memory at once."""
        self.body, self.content = Body(self.content), io.BytesIO()
        return self.body

    def finish(self) -> None:
        self._drop_body()
        super().finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        self._drop_body()
        if self._last_call is not None and self._last_call.active():
            self._last_call.cancel()
        super().connectionLost(reason)

    def _drop_body(self) -> None:
        if self.body is not None:
            self.body.file.close()

    def _most(self) -> int:
        """Large bodies only for uploads, and only from a browser that has signed in some time; Django checks whether
        the session holds. A forged cookie gains room on disk for as long as the request lasts, but no memory."""
        has_session = settings.SESSION_COOKIE_NAME.encode() in self.received_cookies
        path = unquote_to_bytes(self.channel._path.split(b"?", 1)[0])  # noqa: SLF001 - not yet handed to the request
        if has_session and path == _upload_path():
            return int(settings.UPLOAD_MAX_REQUEST)
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def _refuse(self) -> None:
        self._refused = True
        if self.content is not None:
            self.content.close()
        # Nobody is to be asked for the body any more.
        self.requestHeaders.removeHeader(b"Expect")
        words = f"This request is too large: at most {self._limit // (1024 * 1024)} MB are accepted here.\n".encode()
        headers = [
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"Content-Length", b"%d" % len(words)),
            (b"X-Content-Type-Options", b"nosniff"),
            (b"Connection", b"close"),
        ]
        self.channel.persistent = False
        self.channel.writeHeaders(b"HTTP/1.1", b"413", b"Content Too Large", headers)
        self.channel.write(words)
        self.channel.transport.loseWriteConnection()
        self._last_call = cast("Any", reactor).callLater(LINGER, self.channel.transport.abortConnection)


class Body:
    """A request's body in a file, for the application to read at its own pace."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.size = file.seek(0, io.SEEK_END)
        file.seek(0)

    def read_before(self, rest: Receive) -> Receive:
        """The body in pieces, and then what `rest` gives, which is its empty last piece and the end of the request."""
        complete = False

        async def receive() -> Message:
            nonlocal complete
            if complete:
                return await rest()
            if self.file.closed:
                return {"type": "http.disconnect"}
            piece = self.file.read(PIECE)
            if len(piece) < PIECE:
                complete = True
                self.file.close()
            else:
                # Other requests get their turn between two pieces.
                await asyncio.sleep(0)
            return {"type": "http.request", "body": piece, "more_body": True} if piece else await rest()

        return receive


class Server(daphne.server.Server):  # type: ignore[misc]  # daphne has no types
    def create_application(self, protocol: Any, scope: Message) -> Any:
        if isinstance(protocol, BoundedRequest):
            scope[_BODY] = body = protocol.give_body()
            if all(name != b"content-length" for name, _ in scope["headers"]) and body.size:
                # It came in chunks. Django takes a form without a length for an empty one; now the length is known.
                scope["headers"].append((b"content-length", b"%d" % body.size))
        return super().create_application(protocol, scope)


class CommandLine(CommandLineInterface):  # type: ignore[misc]  # daphne has no types
    server_class = Server

    def load_asgi_app(self, asgi_app_path: str) -> Any:
        application = super().load_asgi_app(asgi_app_path)
        _keep_on_disk()

        async def with_body(scope: Message, receive: Receive, send: Any) -> None:
            body = scope.pop(_BODY, None)
            await application(scope, body.read_before(receive) if body else receive, send)

        return with_body


@functools.cache
def _upload_path() -> bytes:
    return reverse("documents:upload").encode()


def _keep_on_disk() -> None:
    """What arrives waits in the data folder: in a container the usual place is memory."""
    folder = settings.DATA_DIR / "incoming"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.iterdir():
        # A killed process could not remove its own; another process may be at work on the young ones.
        if file.stat().st_mtime < time.time() - _ABANDONED_AFTER:
            file.unlink(missing_ok=True)
    tempfile.tempdir = os.fspath(folder)


if __name__ == "__main__":
    daphne.http_protocol.WebRequest = BoundedRequest
    CommandLine().run(None)
