"""A viewer's socket: it streams as the owner's does, brings nothing to act with, and ends with the right to read."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from accounts import administration
from accounts.models import User
from chats import conversation as conversations
from chats import live, presentation, reading
from chats.live import LiveState
from chats.markdown_stream import Change
from chats.models import Conversation, Message
from chats.sharing import giving
from chats.sharing.models import Share
from chatsite.asgi import application
from tests.chats.conftest import sealed_in
from tests.chats.sharing.conftest import browser_of

pytestmark = pytest.mark.django_db(transaction=True)

ACTIONS = ("/regenerate", "/continue", "/switch", "/stop", "csrfmiddlewaretoken")


class Socket:
    """A browser's, through all the doors that a real one passes."""

    def __init__(self, address: str, user: User | None) -> None:
        headers = [(b"origin", b"http://localhost"), (b"host", b"localhost")]
        if user:
            headers.append((b"cookie", f"sessionid={browser_of(user).session.session_key}".encode()))
        self.end = WebsocketCommunicator(application, address, headers=headers)

    async def opens(self) -> bool:
        return bool((await self.end.connect(timeout=10))[0])

    async def frame(self, *kinds: str) -> dict[str, Any]:
        """The next of one of these kinds."""
        while True:
            received: dict[str, Any] = json.loads(await self.end.receive_from(timeout=10))
            if received["kind"] in kinds:
                return received

    async def closes(self) -> int:
        """Whatever is said before."""
        while True:
            message = await self.end.receive_output(timeout=10)
            if message["type"] == "websocket.close":
                return int(message["code"])


def run(coroutine: Awaitable[None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(coroutine, 60)

    asyncio.run(bounded())


@pytest.fixture(params=["name", "role", "link", "guest"])
def way(request: pytest.FixtureRequest, chat: Conversation, viewer: User, settings: Any) -> tuple[Socket, Share]:
    if request.param == "name":
        return Socket(f"/ws/shared/{chat.pk}", viewer), giving.with_person(chat, viewer.email)
    if request.param == "role":
        return Socket(f"/ws/shared/{chat.pk}", viewer), giving.with_role(chat, viewer.role)
    share, token = giving.by_link(chat)
    if request.param == "guest":
        settings.SHARE_LINKS = "anybody"
    return Socket(f"/ws/shared/link/{token}", None if request.param == "guest" else viewer), share


@pytest.fixture
def writing(chat: Conversation) -> Message:
    """An answer that a worker is writing."""
    made = conversations.post_message(chat, "And the bus?").answer
    Message.objects.filter(pk=made.pk).update(status="writing", claimed_by="w")
    return made


async def publish(message: Message, event: dict[str, Any], state: LiveState | None = None) -> None:
    redis = live.connect()
    if state:
        async with redis.pipeline(transaction=False) as pipe:
            live.write_whole(pipe, live.Place(message.conversation_id, message.pk), state, "")
            await pipe.execute()
    await live.publish(redis, message.conversation_id, event)
    await redis.aclose()


def mark(message: Message) -> str:
    return presentation.citation_urls(message.conversation_id, message.pk, [1])[1]


def test_words_come_as_they_are_written_and_the_end_brings_no_actions(
    way: tuple[Socket, Share], writing: Message
) -> None:
    async def check() -> None:
        socket, _ = way
        await publish(
            writing,
            live.event(writing.pk, "path"),
            LiveState(5, f'<a href="{mark(writing)}">1</a>', "", "", "writing", ""),
        )
        assert await socket.opens()
        state = await socket.frame("state")
        assert state["seq"] == 5
        address = socket.end.scope["path"].removeprefix("/ws")
        assert state["done"] == f'<a href="{address}/messages/{writing.pk}/citations/1">1</a>'
        change = Change(finished="<p>From the square.</p>")
        await publish(writing, live.delta_event(writing.pk, change, seq=6, state=None, status=None))
        assert (await socket.frame("delta"))["done"] == "<p>From the square.</p>"
        sealed = sealed_in(writing, content="From the square.", html="<p>From the square.</p>")
        await Message.objects.filter(pk=writing.pk).aupdate(status="failed", error_text="Away.", **sealed)
        owners = await sync_to_async(reading.settled_bubble)(writing.conversation_id, writing.pk)
        assert owners
        assert "/regenerate" in owners
        await publish(writing, live.event(writing.pk, "final", content=owners))
        final = (await socket.frame("final"))["content"]
        assert "From the square." in final
        assert "Away." in final
        assert not [words for words in ACTIONS if words in final]
        await socket.end.disconnect()

    run(check())


def test_a_question_and_a_title_come_too(way: tuple[Socket, Share], chat: Conversation, owner: User) -> None:
    async def check() -> None:
        socket, _ = way
        assert await socket.opens()
        page = await sync_to_async(browser_of)(owner)
        await sync_to_async(page.post)(f"/chats/{chat.pk}/messages", {"content": "And the bus?"})
        brought = (await socket.frame("exchange"))["content"]
        assert "And the bus?" in brought
        assert not [words for words in ACTIONS if words in brought]
        await sync_to_async(page.post)(f"/chats/{chat.pk}/rename", {"title": "The piers"})
        assert "The piers" in (await socket.frame("title"))["content"]
        await socket.end.disconnect()

    run(check())


def post(owner: User, share: Share, verb: str) -> None:
    assert browser_of(owner).post(f"/chats/{share.conversation_id}/{verb}").status_code in {200, 302}


ENDS: dict[str, Callable[[Share, User], Any]] = {
    "ended by the owner": lambda share, owner: post(owner, share, f"shares/{share.pk}/end"),
    "the chat deleted": lambda share, owner: post(owner, share, "delete"),
    "the owner suspended": lambda share, owner: administration.suspend(owner),
    "the owner's account deleted": lambda share, owner: owner.delete(),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_open_socket_says_that_it_is_over_and_closes(way: tuple[Socket, Share], owner: User, end: str) -> None:
    async def check() -> None:
        socket, share = way
        assert await socket.opens()
        await sync_to_async(ENDS[end])(share, owner)
        assert (await socket.frame("gone"))["kind"] == "gone"
        assert await socket.closes() == 4404

    run(check())


def test_it_ends_by_itself_when_the_time_is_over(way: tuple[Socket, Share]) -> None:
    """Nobody tells it: the socket knows when."""

    async def check() -> None:
        socket, share = way
        soon = timezone.now() + timedelta(seconds=2)
        await Share.objects.filter(pk=share.pk).aupdate(expires_at=soon)
        assert await socket.opens()
        await socket.frame("gone")
        assert timezone.now() >= soon
        assert await socket.closes() == 4404

    run(check())


def test_an_end_is_found_even_if_nobody_heard_of_it(way: tuple[Socket, Share], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chats.sharing.consumers.LOOK_EVERY", 0.1)

    async def check() -> None:
        socket, share = way
        assert await socket.opens()
        await Share.objects.filter(pk=share.pk).adelete()
        assert await socket.closes() == 4404

    run(check())


def test_whoever_has_another_share_goes_on_reading(chat: Conversation, viewer: User, owner: User) -> None:
    named = giving.with_person(chat, viewer.email)
    giving.with_role(chat, viewer.role)

    async def check() -> None:
        socket = await sync_to_async(Socket)(f"/ws/shared/{chat.pk}", viewer)
        assert await socket.opens()
        await sync_to_async(giving.end)(named)
        page = await sync_to_async(browser_of)(owner)
        await sync_to_async(page.post)(f"/chats/{chat.pk}/rename", {"title": "The piers"})
        assert (await socket.frame("title", "gone"))["kind"] == "title"
        await socket.end.disconnect()

    run(check())


@pytest.mark.parametrize("change", ["suspended", "another role"])
def test_a_viewer_whose_account_changes_is_closed_out(chat: Conversation, viewer: User, change: str) -> None:
    giving.with_person(chat, viewer.email)

    async def check() -> None:
        socket = await sync_to_async(Socket)(f"/ws/shared/{chat.pk}", viewer)
        assert await socket.opens()
        if change == "suspended":
            await sync_to_async(administration.suspend)(viewer)
        else:
            await sync_to_async(administration.change_role)(viewer, "user")
        assert await socket.closes() == 4403

    run(check())


@pytest.mark.parametrize("end", ["revoked", "expired", "deleted"])
def test_it_does_not_open_when_it_is_over(way: tuple[Socket, Share], chat: Conversation, end: str) -> None:
    socket, share = way
    if end == "revoked":
        giving.end(share)
    elif end == "expired":
        Share.objects.filter(pk=share.pk).update(expires_at=timezone.now())
    else:
        conversations.delete(chat)

    async def check() -> None:
        assert not await socket.opens()

    run(check())


def test_a_viewer_s_words_change_nothing_and_reach_nothing_else(
    way: tuple[Socket, Share], writing: Message, owner: User
) -> None:
    other = conversations.post_message(conversations.start(owner), "A secret").answer

    async def check() -> None:
        socket, _ = way
        assert await socket.opens()
        await socket.end.send_to(text_data=json.dumps({"resume": str(other.pk)}))
        await socket.end.send_to(text_data=json.dumps({"stop": str(writing.pk)}))
        await publish(writing, live.event(writing.pk, "path"))
        while (frame := await socket.frame("path", "final", "state"))["m"] != str(writing.pk):
            assert frame["m"] != str(other.pk)
        await socket.end.disconnect()

    run(check())
    writing.refresh_from_db()
    assert not writing.stop_requested


class TestWhoMayNot:
    def test_strangers_and_visitors(self, chat: Conversation, viewer: User, stranger: User) -> None:
        giving.with_person(chat, viewer.email)
        sockets = [Socket(f"/ws/shared/{chat.pk}", user) for user in (stranger, None)]
        sockets += [Socket(f"/ws/chats/{chat.pk}", user) for user in (viewer, stranger, None)]

        async def check() -> None:
            for socket in sockets:
                assert not await socket.opens()

        run(check())

    def test_a_link_without_an_account_unless_the_setting_lets_anybody(
        self, chat: Conversation, viewer: User, settings: Any
    ) -> None:
        token = giving.by_link(chat)[1]
        for setting, expected in (("accounts", False), ("off", False), ("anybody", True)):
            settings.SHARE_LINKS = setting
            socket, forged = Socket(f"/ws/shared/link/{token}", None), Socket("/ws/shared/link/made-up", None)

            async def check(socket: Socket = socket, forged: Socket = forged, expected: bool = expected) -> None:
                assert await socket.opens() is expected
                assert not await forged.opens()
                if expected:
                    await socket.end.disconnect()

            run(check())
