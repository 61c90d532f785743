"""One HTTP/1.1 POST on a connection of its own, its answer read as it comes.

Not httpx: it costs 200 µs of CPU for each small chunk here, a multiple of everything else that happens to a token.
What Ollama and the proxies in front of it send is a small part of HTTP: a status, chunks or a length, and an end.
"""

import asyncio
import base64
import ipaddress
import json
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from llms.ollama.polling import Polled

_CONNECT_TIMEOUT = 5.0
_AT_ONCE = 65_536
_LARGEST_HEAD = 65_536
_LARGEST_ERROR = 1_048_576


class BrokenResponse(Exception):
    """The connection ended, or said something that is not HTTP, before the response was complete."""


class Source(Protocol):
    """Where bytes come from; b"" is the end."""

    async def read(self) -> bytes: ...
    def close(self) -> None: ...


class _Plain:
    """A socket, awaited for the head and the first token, when every millisecond is seen."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    async def read(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._socket, _AT_ONCE)

    def close(self) -> None:
        self._socket.close()

    def polled(self, patience: float) -> Polled:
        return Polled(self._socket, patience=patience)


class _Encrypted:
    """TLS, as asyncio does it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        return await self._reader.read(_AT_ONCE)

    def close(self) -> None:
        self._writer.transport.abort()


class _Patient:
    """A source that may be silent for so long, and no longer."""

    def __init__(self, source: Source, patience: float) -> None:
        self._source, self._patience = source, patience

    async def read(self) -> bytes:
        async with asyncio.timeout(self._patience):
            return await self._source.read()

    def close(self) -> None:
        self._source.close()


class Body:
    """Takes the framing off: chunks, a length, or everything until the connection ends."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length")
        self._left = int(length) if length and not self._chunked else None
        self._raw = b""
        self.complete = self._left == 0

    def feed(self, data: bytes) -> bytes:
        """The payload in `data`; b"" as `data` is the end of the connection. Raises BrokenResponse."""
        if not data:
            if self._chunked or self._left:
                raise BrokenResponse("ended early")
            self.complete = True
            return b""
        if self._chunked:
            return self._dechunk(data)
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
            self.complete = self._left == 0
        return data

    def _dechunk(self, data: bytes) -> bytes:
        raw, at, parts = self._raw + data, 0, []
        while (eol := raw.find(b"\r\n", at)) >= 0:
            try:
                size = int(raw[at:eol].partition(b";")[0], 16)
            except ValueError as error:
                raise BrokenResponse("bad chunk size") from error
            if size == 0:
                self.complete = True
                break
            begin = eol + 2
            if len(raw) < begin + size + 2:
                break
            parts.append(raw[begin : begin + size])
            at = begin + size + 2
        self._raw = raw[at:]
        return b"".join(parts)


class Exchange:
    """A request that was sent. `close` at any moment ends it, and with it the work it caused."""

    def __init__(self, source: _Plain | _Encrypted) -> None:
        self._source: Source = source
        self._first = source
        self._early = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self._body = Body({})

    async def head(self) -> None:
        """Wait for the status and headers. Raises BrokenResponse or OSError."""
        raw = b""
        while b"\r\n\r\n" not in raw:
            data = await self._source.read()
            if not data or len(raw) > _LARGEST_HEAD:
                raise BrokenResponse("no response")
            raw += data
        head, _, self._early = raw.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        try:
            self.status = int(status.split(" ", 2)[1])
            self.headers = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
            self._body = Body(self.headers)
        except (ValueError, IndexError) as error:
            raise BrokenResponse("not HTTP") from error

    async def read(self) -> bytes | None:
        """More of the body, perhaps b""; None after its end. Raises BrokenResponse, OSError, TimeoutError."""
        if self._body.complete:
            return None
        data, self._early = (self._early, b"") if self._early else (await self._source.read(), b"")
        return self._body.feed(data)

    async def whole(self) -> bytes:
        """The rest of a short body, such as an error's."""
        parts: list[bytes] = []
        while (part := await self.read()) is not None and sum(map(len, parts)) < _LARGEST_ERROR:
            parts.append(part)
        return b"".join(parts)

    def be_patient(self, seconds: float) -> None:
        """From now on, more than so many seconds without a byte raise TimeoutError."""
        first = self._first
        self._source = first.polled(seconds) if isinstance(first, _Plain) else _Patient(first, seconds)

    def close(self) -> None:
        self._source.close()


@cache
def tls() -> ssl.SSLContext:
    """The system's certificates, and those of SSL_CERT_FILE. Made once: it takes 20 ms and more."""
    return ssl.create_default_context()


async def post(base_url: str, path: str, body: object) -> Exchange:
    """Connect and send. Raises OSError (TimeoutError among them) when nobody answers there."""
    url = urlsplit(base_url)
    payload = json.dumps(body, ensure_ascii=False).encode()
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    lines = [
        f"POST {url.path.rstrip('/')}{path} HTTP/1.1",
        f"Host: {url.netloc.rpartition('@')[2]}",
        "User-Agent: chatsite",
        "Accept: application/x-ndjson",
        "Content-Type: application/json",
        f"Content-Length: {len(payload)}",
        "Connection: close",
    ]
    if url.username:
        credentials = f"{unquote(url.username)}:{unquote(url.password or '')}"
        lines.append(f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}")
    request = "\r\n".join([*lines, "", ""]).encode() + payload
    async with asyncio.timeout(_CONNECT_TIMEOUT):
        if url.scheme == "https":
            return await _send_encrypted(host, port, request)
        return await _send_plain(host, port, request)


async def _send_plain(host: str, port: int, request: bytes) -> Exchange:
    loop = asyncio.get_running_loop()
    refusal: OSError = OSError(f"{host} has no address")
    for family, address in await _addresses(host, port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
            await loop.sock_sendall(sock, request)
        except OSError as error:
            sock.close()
            refusal = error
        except BaseException:  # cancelled or out of time
            sock.close()
            raise
        else:
            return Exchange(_Plain(sock))
    raise refusal


async def _addresses(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    try:
        # A look-up takes a thread, and waits for one when all are busy; an address needs none.
        version = ipaddress.ip_address(host).version
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]
    return [(socket.AF_INET if version == 4 else socket.AF_INET6, (host, port))]


async def _send_encrypted(host: str, port: int, request: bytes) -> Exchange:
    reader, writer = await asyncio.open_connection(host, port, ssl=tls())
    try:
        writer.write(request)
        await writer.drain()
    except BaseException:  # cancelled or out of time, too
        writer.transport.abort()
        raise
    return Exchange(_Encrypted(reader, writer))
