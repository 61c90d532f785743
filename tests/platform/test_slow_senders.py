"""Who opens a connection and then dawdles, or asks for more room than there is, with the real process."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets
from django.test import Client

from accounts.models import User
from tests.platform.test_server import MB, UPLOAD, Web, served, signed_in

__all__ = ["signed_in"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.filterwarnings("ignore::ResourceWarning")]

# The same bounds as in production, only sooner.
SOONER = "s.HEAD_WITHIN = s.LOOK_EVERY = 1.0\ns.UPLOADS_AT_ONCE = 2"


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Web]:
    with served(tmp_path, changed=SOONER) as web:
        yield web


def _rest(line: socket.socket) -> bytes:
    """Everything up to the end that the other side makes."""
    answer = b""
    try:
        while piece := line.recv(4096):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


def _drip(line: socket.socket, piece: bytes) -> bytes:
    """Say a little now and then, as long as anybody listens."""
    line.settimeout(0.3)
    for _ in range(200):
        try:
            line.sendall(piece)
            return _rest(line)
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            return b""
    pytest.fail("It was still listened to.")


def test_slow_senders_and_crowds_of_uploads(hasty: Web, signed_in: dict[str, str]) -> None:
    """In one process: it takes a while to start."""
    _heads_that_never_end(hasty)
    _bodies_that_never_end(hasty)
    _bodies_that_come_along(hasty)
    _more_uploads_than_there_is_room(hasty, signed_in)


def _heads_that_never_end(web: Web) -> None:
    for beginning in (b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\n"):
        with socket.create_connection(("localhost", web.port), timeout=60) as line:
            line.sendall(beginning)
            assert _drip(line, b"X") == b""
    # A connection that was good once has to begin its next request in earnest too.
    with socket.create_connection(("localhost", web.port), timeout=60) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200 ")
        line.sendall(b"GET /health HTTP/1.1\r\n")
        assert _rest(line) == b""


def _bodies_that_never_end(web: Web) -> None:
    with socket.create_connection(("localhost", web.port), timeout=60) as line:
        line.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
        answer = _drip(line, b"a")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"X-Frame-Options: DENY" in answer
    assert b"This request arrived too slowly and was not kept." in answer


def _bodies_that_come_along(web: Web) -> None:
    with socket.create_connection(("localhost", web.port), timeout=60) as line:
        line.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n")
        line.settimeout(0.1)
        for _ in range(20):
            line.sendall(b"a" * 1000)
            try:
                line.recv(1)
                break
            except TimeoutError:
                continue
        line.settimeout(60)
        assert line.recv(4096).lstrip(b"H").startswith(b"TTP/1.1 403 ")


def _more_uploads_than_there_is_room(web: Web, signed_in: dict[str, str]) -> None:
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\nCookie: {signed_in['Cookie']}\r\n".encode()
    size = b"Content-Length: %d\r\n\r\n" % (60 * MB)
    lines = [socket.create_connection(("localhost", web.port), timeout=60) for _ in range(3)]
    for line in lines:
        line.sendall(head + size + b"a" * 100_000)
    try:
        answer = _rest(lines[2])
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Too many uploads arrive at this moment. Nothing was added." in answer
    finally:
        for line in lines:
            line.close()
    # Their places are free again, and small requests never needed one.
    while True:
        status, _ = web.post(UPLOAD, b"a" * 1000, **signed_in)
        if status != 503:
            break


def test_a_socket_may_say_little_and_rarely(hasty: Web, owner: User) -> None:
    client = Client()
    client.force_login(owner)
    cookie = f"sessionid={client.cookies['sessionid'].value}"

    async def closing_code(*messages: str) -> int | None:
        address = f"ws://localhost:{hasty.port}/ws/documents"
        origin = f"http://localhost:{hasty.port}"
        async with websockets.connect(address, origin=origin, additional_headers={"Cookie": cookie}) as line:  # type: ignore[arg-type]
            try:
                for message in messages:
                    await line.send(message)
                async for _ in line:
                    pass
            except websockets.ConnectionClosed:
                pass
            return line.close_code

    # It is dropped before it is there as a whole, so without a word.
    assert asyncio.run(closing_code("a" * 70_000)) == 1006
    assert asyncio.run(closing_code(*["{}"] * 101)) == 4429
