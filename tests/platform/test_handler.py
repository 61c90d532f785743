"""Threads of requests: one at a time each, and kept for those that come later."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from channels.testing import HttpCommunicator
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from accounts.models import User
from chatsite import handler
from chatsite.handler import OneThreadHandler


class Handler(OneThreadHandler):
    """Answers with the number of its thread, after `work`."""

    def __init__(self, work: Any = lambda: None) -> None:
        super().__init__()
        self.work = work

    def get_response(self, request: HttpRequest) -> HttpResponse:
        self.work()
        return HttpResponse(str(number_of_this_thread()))


_numbers = itertools.count()
_this = threading.local()


def number_of_this_thread() -> int:
    """Identifiers of threads come again once they ended."""
    if not hasattr(_this, "number"):
        _this.number = next(_numbers)
    return int(_this.number)


async def thread_of_a_request(asked: OneThreadHandler) -> int:
    browser = HttpCommunicator(asked, "GET", "/")
    answer = await browser.get_response(timeout=30)
    await browser.wait(30)
    return int(answer["body"])


def test_a_thread_answers_one_request_after_the_other() -> None:
    async def one_by_one() -> list[int]:
        asked = Handler()
        return [await thread_of_a_request(asked) for _ in range(5)]

    found = asyncio.run(one_by_one())
    assert len(set(found)) == 1
    assert number_of_this_thread() not in found


def test_requests_at_once_have_threads_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "MOST_IDLE", 2)

    async def at_once() -> tuple[list[int], list[int]]:
        asked = Handler(threading.Barrier(4, timeout=30).wait)
        found = [await asyncio.gather(*(thread_of_a_request(asked) for _ in range(4))) for _ in range(2)]
        return found[0], found[1]

    first, second = asyncio.run(at_once())
    assert len(set(first)) == len(set(second)) == 4
    assert len(set(first) & set(second)) == 2, "two were kept"


def test_nobody_waits_behind_a_request_that_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread ends by itself, and gives back its connections first: nobody else would."""
    is_busy, goes_on, closed = threading.Event(), threading.Event(), threading.Event()
    where: list[int] = []

    def close_all() -> None:
        where.append(number_of_this_thread())
        closed.set()

    monkeypatch.setattr(handler.connections, "close_all", close_all)

    async def given_up() -> tuple[int, int]:
        busy: list[int] = []

        def work() -> None:
            if not busy:
                busy.append(number_of_this_thread())
                is_busy.set()
                goes_on.wait(30)

        asked = Handler(work)
        browser = HttpCommunicator(asked, "GET", "/")
        await browser.send_input({"type": "http.request", "body": b""})
        await asyncio.to_thread(is_busy.wait, 30)
        browser.future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await browser.future
        other = await thread_of_a_request(asked)
        assert not closed.is_set()
        goes_on.set()
        await asyncio.to_thread(closed.wait, 30)
        return busy[0], other

    busy, other = asyncio.run(given_up())
    assert busy != other
    assert where == [busy]


def test_a_transaction_that_was_left_open_is_taken_back(
    transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    """The next request of the thread is not inside it."""

    def begin() -> None:
        assert not connection.in_atomic_block
        opened.append(transaction.atomic())
        opened[-1].__enter__()
        User.objects.create_user(f"{len(opened)}@example.org")

    async def twice() -> list[int]:
        asked = Handler(begin)
        return [await thread_of_a_request(asked) for _ in range(2)]

    opened: list[Any] = []
    assert len(set(asyncio.run(twice()))) == 1
    ours = [record.levelname for record in caplog.records if record.name == "chatsite.handler"]
    assert ours == ["ERROR", "ERROR"]
    assert not User.objects.filter(email__endswith="@example.org").exists()


def test_only_http_is_answered() -> None:
    with pytest.raises(ValueError, match="websocket"):
        asyncio.run(Handler()({"type": "websocket"}, None, None))


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_so_is_one_that_a_body_left_open(transactional_db: None) -> None:
    """What a body does comes after its view."""
    found: list[bool] = []

    class Streaming(OneThreadHandler):
        def get_response(self, request: HttpRequest) -> StreamingHttpResponse:
            found.append(connection.in_atomic_block)
            return StreamingHttpResponse(self.parts())

        def parts(self) -> Iterator[str]:
            opened.append(transaction.atomic())
            opened[-1].__enter__()
            yield "a part"

    async def twice() -> None:
        asked = Streaming()
        for _ in range(2):
            browser = HttpCommunicator(asked, "GET", "/")
            await browser.send_input({"type": "http.request", "body": b""})
            await browser.wait(30)

    opened: list[Any] = []
    asyncio.run(twice())
    assert len(opened) == 2
    assert found == [False, False]
