"""The web process: Daphne, with bounds on what a request may make it keep.

Started as `python -m chatsite.server` with Daphne's own arguments. A body arrives before anybody knows who sends it,
so its size is bounded here, before Django and its sign-in see the request: what is refused is never kept, what is
accepted waits on disk, sealed, and the application gets it piece by piece, as it reads. Who sends too slowly is cut
off.

What this server answers by itself carries the same protecting headers as everything else (chatsite/headers.py).
"""

import asyncio
import functools
import http
import io
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import IO, Any, cast
from urllib.parse import unquote_to_bytes

import daphne.server  # isort: skip  # first: it installs the event loop's reactor

import daphne.http_protocol
import daphne.ws_protocol
from daphne.cli import CommandLineInterface
from django.conf import settings
from django.urls import reverse
from twisted.internet import reactor
from twisted.web.http import HTTPChannel

from accounts.encryption.files import SealedSpool
from chatsite import headers, sockets

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

PIECE = 64 * 1024
# A body that is larger waits on disk, sealed and without a name.
IN_MEMORY = 100_000
# So long the rest of a refused body is read and thrown away: closed at once, the sender would see a broken connection
# instead of the reason.
LINGER = 10.0
# Seconds for everything before the body.
HEAD_WITHIN = 30.0
# A body that brings less than this many bytes a second, over so many seconds, holds a place without need.
SLOWEST = 512
LOOK_EVERY = 30.0
# Uploads that arrive at the same time, as a multiple of the largest: a forged cookie opens the large limit too, and
# together they must not fill the disk. As much stays free for everything else.
UPLOADS_AT_ONCE = 4
KEPT_FREE = 256 * 1024 * 1024
_ABANDONED_AFTER = 24 * 60 * 60
_BODY = "chatsite.body"
_SORRY = {
    400: "This request could not be understood.",
    403: "This connection is not open to you.",
    503: "This took too long and was given up. Try again in a moment.",
}


class BoundedRequest(daphne.http_protocol.WebRequest):  # type: ignore[misc]  # daphne has no types
    """Counts its body, refuses it as soon as it is or would be too large, and gives it away as a file."""

    def __init__(self, channel: Any, queued: Any = False) -> None:
        # Twisted would read every form into memory and parse it, for a Request.args that nobody asks for.
        super().__init__(channel, queued, parsePOSTFormSubmission=False)
        self.body: Body | None = None
        self._limit = 0
        self._received = 0
        self._seen = 0
        self._refused = False
        self._place: Place | None = None
        self._watch: Any = None
        self._last_call: Any = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """The header is complete. `length` is None when the body is in chunks."""
        if length == 0:
            self.content = io.BytesIO()
            return
        self._limit = self._most()
        if length is not None and length > self._limit:
            self._refuse_size()
            return
        if self._limit == settings.UPLOAD_MAX_REQUEST:
            self._place = Place(self._limit if length is None else length)
            if trouble := self._place.trouble():
                self._refuse(*trouble)
                return
        # Twisted's own file would lie on disk in plain.
        self.content = cast("Any", SealedSpool(in_memory=IN_MEMORY))
        self._watch = _call_later(LOOK_EVERY, self._look)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self._refused:
            return
        self._received += len(data)
        if self._received > self._limit:
            self._refuse_size()
        else:
            super().handleContentChunk(data)

    def _look(self) -> None:
        if self._received - self._seen < SLOWEST * LOOK_EVERY:
            self._refuse(b"408", b"Request Timeout", "This request arrived too slowly and was not kept.")
        else:
            self._seen = self._received
            self._watch = _call_later(LOOK_EVERY, self._look)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802 - Twisted's name
        _cancel(self._watch)
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
        _cancel(self._watch)
        _cancel(self._last_call)
        super().connectionLost(reason)

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:  # noqa: ARG002 - Daphne's words
        words = _SORRY.get(status, "Something went wrong here. It has been written to the log.")
        start = {"type": "http.response.start", "status": status, "headers": headers.raw("text/plain; charset=utf-8")}
        self.handle_reply(start)
        self.handle_reply({"type": "http.response.body", "body": f"{words}\n".encode()})

    def _drop_body(self) -> None:
        if self._place is not None:
            self._place.leave()
        if self.body is not None:
            self.body.file.close()

    def _most(self) -> int:
        """Large bodies only for uploads, and only from a browser that has signed in some time; Django checks whether
        the session holds. A forged cookie gains room on disk for as long as the request lasts, but no memory."""
        has_session = settings.SESSION_COOKIE_NAME.encode() in self.received_cookies
        path = unquote_to_bytes(self.channel._path.split(b"?", 1)[0])  # noqa: SLF001 - not yet handed to the request
        if has_session and path in _upload_paths():
            return int(settings.UPLOAD_MAX_REQUEST)
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def _refuse_size(self) -> None:
        most = self._limit // (1024 * 1024)
        self._refuse(b"413", b"Content Too Large", f"This request is too large: at most {most} MB are accepted here.")

    def _refuse(self, status: bytes, phrase: bytes, words: str) -> None:
        self._refused = True
        _cancel(self._watch)
        if self._place is not None:
            self._place.leave()
        if self.content is not None:
            self.content.close()
        # Nobody is to be asked for the body any more.
        self.requestHeaders.removeHeader(b"Expect")
        body = f"{words}\n".encode()
        self.channel.persistent = False
        self.channel.writeHeaders(b"HTTP/1.1", status, phrase, _closing(body))
        self.channel.write(body)
        self.channel.transport.loseWriteConnection()
        self._last_call = _call_later(LINGER, self.channel.transport.abortConnection)


_HTTPChannel: Any = HTTPChannel  # hardly any of it has types


class Channel(_HTTPChannel):  # type: ignore[misc]
    """A connection whose requests have to begin in earnest."""

    _has_head = False
    _deadline: Any = None

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self._deadline is None and not self._has_head:
            self._deadline = _call_later(HEAD_WITHIN, self.transport.abortConnection)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802 - Twisted's name
        _cancel(self._deadline)
        self._deadline, self._has_head = None, True
        super().allHeadersReceived()

    def requestDone(self, request: Any) -> None:  # noqa: N802 - Twisted's name
        self._has_head = False
        super().requestDone(request)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        _cancel(self._deadline)
        super().connectionLost(reason)

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802 - Twisted's name
        """Twisted answers with a bare line."""
        body = f"{_SORRY[400]}\n".encode()
        lines = [b"%s: %s" % header for header in _closing(body)]
        self.transport.write(b"\r\n".join([b"HTTP/1.1 400 Bad Request", *lines, b"", body]))
        self.loseConnection()


class Factory(daphne.http_protocol.HTTPFactory):  # type: ignore[misc]  # daphne has no types
    protocol = Channel

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        channel = super().buildProtocol(addr)
        channel.requestFactory = BoundedRequest
        return channel


class BoundedSocket(daphne.ws_protocol.WebSocketProtocol):  # type: ignore[misc]  # daphne has no types
    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:  # noqa: ARG002, N802, N803
        """A refused handshake, in our words: autobahn's reasons repeat what the client sent."""
        status = http.HTTPStatus(code)
        body = f"{_SORRY.get(code, 'This connection is not open to you.')}\n".encode()
        lines = [b"%s: %s" % header for header in _closing(body)]
        opening = f"HTTP/1.1 {status.value} {status.phrase}".encode()
        self.sendData(b"\r\n".join([opening, *lines, b"", body]))

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802 - autobahn's name
        """Long messages go out, never in; the limit of the server is for both."""
        super().onMessageFrameBegin(length)
        if self.message_data_total_length > sockets.LONGEST and not self.failedByMe:
            self._fail_connection(self.CLOSE_STATUS_CODE_MESSAGE_TOO_BIG, "too long")


class SocketFactory(daphne.ws_protocol.WebSocketFactory):  # type: ignore[misc]  # daphne has no types
    protocol = BoundedSocket


class Place:
    """Room on disk for an upload that arrives."""

    taken = 0

    def __init__(self, size: int) -> None:
        self._size = size
        Place.taken += size

    def leave(self) -> None:
        Place.taken, self._size = Place.taken - self._size, 0

    def trouble(self) -> tuple[bytes, bytes, str] | None:
        """Status, phrase and words of the refusal, if there is no room."""
        if Place.taken > UPLOADS_AT_ONCE * settings.UPLOAD_MAX_REQUEST:
            words = "Too many uploads arrive at this moment. Nothing was added. Try again in a minute."
            return b"503", b"Service Unavailable", words
        if shutil.disk_usage(tempfile.gettempdir()).free < Place.taken + KEPT_FREE:
            return b"507", b"Insufficient Storage", "The disk of this server is full. Nothing was added."
        return None


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
        # Daphne lets a client name it.
        scope["root_path"] = self.root_path
        if settings.TRUST_PROXY:
            _believe_the_proxy(scope)
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


def _believe_the_proxy(scope: Message) -> None:
    """The client is whom the proxy saw: the last entry. (Daphne's own option takes the first, which anybody writes.)"""
    seen = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    if address := seen.rpartition(b",")[2].strip():
        scope["client"] = [address.decode("latin-1"), 0]


def _closing(body: bytes) -> list[tuple[bytes, bytes]]:
    return [
        *headers.raw("text/plain; charset=utf-8"),
        (b"Content-Length", b"%d" % len(body)),
        (b"Connection", b"close"),
    ]


def _call_later(seconds: float, function: Callable[[], Any]) -> Any:
    return cast("Any", reactor).callLater(seconds, function)


def _cancel(call: Any) -> None:
    if call is not None and call.active():
        call.cancel()


@functools.cache
def _upload_paths() -> tuple[bytes, ...]:
    return tuple(reverse(name).encode() for name in ("documents:upload", "exchange:take_in", "images:upload"))


def _keep_on_disk() -> None:
    """What arrives waits in the data folder: in a container the usual place is memory."""
    folder = settings.DATA_DIR / "incoming"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.iterdir():
        # A killed process could not remove its own; another process may be at work on the young ones.
        if file.stat().st_mtime < time.time() - _ABANDONED_AFTER:
            file.unlink(missing_ok=True)
    tempfile.tempdir = os.fspath(folder)


def main() -> None:
    daphne.server.HTTPFactory = Factory
    daphne.server.WebSocketFactory = SocketFactory
    CommandLine().run(None)


if __name__ == "__main__":
    main()
