"""A conversation page without a browser: the requests that htmx makes and the frames as static/js/live.js applies them.

Bare asyncio protocols: the driver shares the machine with what it measures, so a frame must cost it next to nothing.
"""

import asyncio
import base64
import json
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_TAB = re.compile(r'name="tab" value="([^"]+)"')
_SOCKET = re.compile(r'hx-ws:connect="([^"]+)"')
_ANSWER = re.compile(r'id="m-([0-9a-f-]{36})" class="message answer"')
_REPLY_WITHIN = 30.0


class Failed(Exception):
    """The product answered in a way that a page could not use."""


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    text: str


class Browser:
    """One connection that is kept open, and its cookies."""

    def __init__(self, port: int, session: str = "") -> None:
        self.port = port
        self.cookies = {"sessionid": session} if session else {}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cookie_line(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    async def request(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Reply:
        body = urlencode(form).encode() if form is not None else b""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Cookie: {self.cookie_line()}"]
        if form is not None:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
            lines += [f"Origin: {self.origin}", f"Referer: {self.origin}{path}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode()
        async with asyncio.timeout(_REPLY_WITHIN):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
            reader, writer = self._streams
            writer.write(head + body)
            reply = await _read_reply(reader)
        self.cookies |= reply.cookies
        if reply.headers.get("connection", "").lower() == "close":
            self.close()
        return reply

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def sign_in(self, email: str, password: str) -> None:
        """Through the form, as a person does."""
        page = await self.request("GET", "/accounts/login/")
        form = {"csrfmiddlewaretoken": csrf_token(page.text), "login": email, "password": password}
        reply = await self.request("POST", "/accounts/login/", form)
        if reply.status != 302:
            raise Failed(f"Signing in was answered with {reply.status}.")


async def _read_reply(reader: asyncio.StreamReader) -> Reply:
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    cookies: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
        if name.lower() == "set-cookie":
            key, _, cookie = value.partition(";")[0].partition("=")
            cookies[key] = cookie
    status = int(status_line.split(" ", 2)[1])
    body = b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif status not in {204, 304}:
        body = await reader.read()
    return Reply(status, headers, cookies, body.decode())


def csrf_token(html: str) -> str:
    found = _TOKEN.search(html)
    if not found:
        raise Failed("The page has no form with a token.")
    return found[1]


class Socket(asyncio.Protocol):
    """The client's side of a websocket: whole text frames in, small text frames out."""

    def __init__(self, on_text: Callable[[bytes, float], None]) -> None:
        self._on_text = on_text
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.closed = False

    @classmethod
    async def open(cls, browser: Browser, path: str, on_text: Callable[[bytes, float], None]) -> "Socket":
        async with asyncio.timeout(_REPLY_WITHIN):
            loop = asyncio.get_running_loop()
            _, socket = await loop.create_connection(lambda: cls(on_text), "127.0.0.1", browser.port)
            key = base64.b64encode(os.urandom(16)).decode()
            lines = [
                f"GET {path} HTTP/1.1",
                f"Host: 127.0.0.1:{browser.port}",
                "Upgrade: websocket",
                "Connection: Upgrade",
                f"Sec-WebSocket-Key: {key}",
                "Sec-WebSocket-Version: 13",
                f"Origin: {browser.origin}",
                f"Cookie: {browser.cookie_line()}",
            ]
            socket.write("\r\n".join([*lines, "", ""]).encode())
            await socket.opened
        return socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed = True
        if not self.opened.done():
            self.opened.set_exception(Failed("The socket was refused."))

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        buffer = self._buffer
        buffer += data
        if not self.opened.done():
            head, found, rest = bytes(buffer).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.opened.set_exception(Failed(f"The socket was refused: {head[:80]!r}"))
                self._transport.abort()
                return
            self.opened.set_result(None)
            buffer[:] = rest
        start = 0
        while (frame := _frame(buffer, start)) is not None:
            code, begin, end = frame
            start = end
            if code == 1:
                self._on_text(bytes(buffer[begin:end]), now)
            elif code == 9:
                self._send(10, bytes(buffer[begin:end]))
            elif code == 8:
                self._transport.close()
        del buffer[:start]

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def send(self, text: str) -> None:
        self._send(1, text.encode())

    def _send(self, code: int, payload: bytes) -> None:
        if not self._transport.is_closing():
            # A mask of zeros is a mask.
            length = bytes([128 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
            self._transport.write(bytes([128 | code]) + length + b"\0\0\0\0" + payload)

    def close(self) -> None:
        self._send(8, struct.pack(">H", 1000))
        self._transport.close()


def _frame(buffer: bytearray, at: int) -> tuple[int, int, int] | None:
    """(opcode, begin, end) of the payload of the frame at `at`, when it is there completely."""
    have = len(buffer) - at
    if have < 2:
        return None
    length, begin = buffer[at + 1] & 127, at + 2
    if length == 126 and have >= 4:
        length, begin = struct.unpack_from(">H", buffer, at + 2)[0], at + 4
    elif length == 127 and have >= 10:
        length, begin = struct.unpack_from(">Q", buffer, at + 2)[0], at + 10
    elif length > 125:
        return None
    return (buffer[at] & 15, begin, begin + length) if begin + length <= len(buffer) else None


@dataclass
class Answer:
    """What the page knows of one answer. Times are those of the event loop."""

    asked_at: float = 0.0
    done: list[str] = field(default_factory=list)
    open: str = ""
    code: list[str] = field(default_factory=list)
    seq: int = 0
    # Frames that brought text, and all frames.
    arrivals: list[float] = field(default_factory=list)
    frames: int = 0
    wire_bytes: int = 0
    states: int = 0
    resumed: int = 0
    behind: bool = False
    final: str | None = None
    final_at: float = 0.0
    finals: int = 0

    @property
    def streamed(self) -> str:
        """The HTML that stood in the page before the final bubble replaced it."""
        return "".join(self.done) + self.open + "".join(self.code)


class Page:
    """A conversation as it stands open in a browser's tab."""

    def __init__(self, browser: Browser, conversation_id: str) -> None:
        self._browser = browser
        self.conversation_id = conversation_id
        self.answers: dict[str, Answer] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self.other_frames = 0

    async def open(self) -> None:
        page = await self._browser.request("GET", f"/chats/{self.conversation_id}")
        found, tab = _SOCKET.search(page.text), _TAB.search(page.text)
        if page.status != 200 or not found:
            raise Failed(f"The page was answered with {page.status}.")
        self._token = csrf_token(page.text)
        self._tab = tab[1] if tab else ""
        self.socket = await Socket.open(self._browser, found[1], self._take)

    def close(self) -> None:
        self.socket.close()
        self._browser.close()

    async def ask(self, question: str, *, within: float) -> tuple[str, Answer]:
        """Post the question and wait for the end of its answer. Raises TimeoutError."""
        asked_at = asyncio.get_running_loop().time()
        reply = await self._browser.request(
            "POST",
            f"/chats/{self.conversation_id}/messages",
            {"csrfmiddlewaretoken": self._token, "tab": self._tab, "content": question},
            HX_Request="true",
            X_CSRFToken=self._token,
        )
        found = _ANSWER.search(reply.text)
        if reply.status != 200 or not found:
            raise Failed(f"A question was answered with {reply.status}: {reply.text[:200]}")
        message_id = found[1]
        answer = self._answer(message_id)
        answer.asked_at = asked_at
        async with asyncio.timeout(within):
            await self._ended[message_id].wait()
        return message_id, answer

    def _answer(self, message_id: str) -> Answer:
        if message_id not in self.answers:
            self.answers[message_id] = Answer()
            self._ended[message_id] = asyncio.Event()
        return self.answers[message_id]

    def _take(self, raw: bytes, now: float) -> None:
        frame = json.loads(raw)
        kind = frame["kind"]
        if kind not in {"delta", "state", "final"}:
            self.other_frames += 1
            return
        answer = self._answer(frame["m"])
        answer.frames += 1
        answer.wire_bytes += len(raw) + (2 if len(raw) < 126 else 4)
        if kind == "final":
            answer.final, answer.final_at = frame["content"], now
            answer.finals += 1
            self._ended[frame["m"]].set()
        elif answer.final is None and self._is_next(answer, frame):
            self._apply(answer, frame, now)

    def _is_next(self, answer: Answer, frame: dict[str, object]) -> bool:
        seq = int(str(frame["seq"]))
        if seq <= answer.seq:
            return False
        if frame["kind"] == "state":
            answer.states += 1
            answer.behind = False
        elif answer.behind:
            return False
        elif seq > answer.seq + 1:
            answer.behind = True
            answer.resumed += 1
            self.socket.send(json.dumps({"resume": frame["m"]}))
            return False
        answer.seq = seq
        return True

    @staticmethod
    def _apply(answer: Answer, frame: dict[str, str], now: float) -> None:
        done, open_block, code = frame.get("done"), frame.get("open"), frame.get("code")
        if frame["kind"] == "state":
            answer.done.clear()
        if done:
            answer.done.append(done)
        if open_block is not None:
            answer.open = open_block
            answer.code.clear()
        if code:
            answer.code.append(code)
        if done or open_block or code:
            answer.arrivals.append(now)
