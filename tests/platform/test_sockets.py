"""Who may open a websocket, and how much it may say."""

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import LazySettings

from chatsite import sockets
from chatsite.sockets import FewWords, OwnPagesOnly, is_own


@pytest.fixture(autouse=True)
def elsewhere(settings: LazySettings) -> None:
    """The address that people type is not what these tests look at."""
    settings.BASE_URL = "http://chat.test"


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", "localhost:8000"),
        ("http://localhost", "localhost"),
        ("http://localhost:80", "localhost"),
        ("https://localhost", "localhost:443"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_our_own_pages_may(origin: str, host: str) -> None:
    assert is_own(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("", "localhost:8000"),
        ("null", "localhost:8000"),
        ("http://localhost:9000", "localhost:8000"),
        ("http://localhost", "localhost:8000"),
        ("http://evil.example", "localhost:8000"),
        ("http://evil.example", "evil.example"),
        ("http://localhost.evil.example:8000", "localhost:8000"),
        ("http://localhost:8000@evil.example", "localhost:8000"),
        ("file://localhost", "localhost"),
        ("http://localhost:99999999", "localhost:8000"),
        ("http://localhost:8000", "localhost:many"),
        ("http://localhost:8000", ""),
        ("http://[::1", "[::1"),
    ],
)
def test_other_sites_may_not_even_on_another_port(origin: str, host: str) -> None:
    assert not is_own(origin, host)


def test_the_address_that_people_type_counts_behind_any_proxy(settings: LazySettings) -> None:
    settings.BASE_URL, settings.HTTPS = "https://chat.example.org", True
    assert is_own("https://chat.example.org", "chatsite:8000")
    assert not is_own("http://chat.example.org", "chatsite:8000")


def test_with_https_a_page_without_it_is_another_site(settings: LazySettings) -> None:
    settings.HTTPS = True
    assert not is_own("http://localhost:8000", "localhost:8000")


async def _echo(_scope: object, receive: object, send: object) -> None:
    await receive()  # type: ignore[operator]
    await send({"type": "websocket.accept"})  # type: ignore[operator]
    while (message := await receive())["type"] == "websocket.receive":  # type: ignore[operator]
        await send({"type": "websocket.send", "text": message.get("text") or "bytes"})  # type: ignore[operator]


def _line(origin: str = "http://localhost") -> WebsocketCommunicator:
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    return WebsocketCommunicator(OwnPagesOnly(FewWords(_echo)), "/ws/x", headers=headers)  # type: ignore[arg-type]


def _run(coroutine: object) -> object:
    from asgiref.sync import async_to_sync

    return async_to_sync(lambda: coroutine)()  # type: ignore[arg-type, return-value]


def test_few_short_words_pass() -> None:
    async def talk() -> None:
        line = _line()
        assert (await line.connect())[0]
        for number in range(sockets.MOST_MESSAGES):
            await line.send_to(text_data=str(number))
            assert await line.receive_from() == str(number)
        await line.send_to(text_data="one too many")
        assert await line.receive_output() == {"type": "websocket.close", "code": sockets.TOO_MUCH}

    _run(talk())


def test_a_long_word_ends_it() -> None:
    async def talk() -> None:
        line = _line()
        await line.connect()
        await line.send_to(text_data="a" * (sockets.LONGEST + 1))
        assert await line.receive_output() == {"type": "websocket.close", "code": sockets.TOO_LONG}

    _run(talk())


def test_a_page_from_elsewhere_is_refused_before_anything_is_asked() -> None:
    async def talk() -> None:
        assert not (await _line("https://evil.example").connect())[0]

    _run(talk())
