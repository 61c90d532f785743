"""The socket of a conversation: who may listen, catching up, gaps, and the end of an answer."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from accounts.tenancy.middleware import ActingSocket
from chats import consumers, live
from chats import conversation as conversations
from chats.consumers import ConversationConsumer
from chats.live import LiveState
from chats.markdown_stream import Change
from chats.models import Conversation, Message
from tests.chats.conftest import sealed_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chat(owner: User) -> Conversation:
    return conversations.start(owner)


@pytest.fixture
def answer(chat: Conversation) -> Message:
    made = conversations.post_message(chat, "one").answer
    Message.objects.filter(pk=made.pk).update(status="writing", claimed_by="w")
    return made


def socket(user: Any, conversation_id: uuid.UUID, tab: str = "") -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(
        ActingSocket(ConversationConsumer.as_asgi()), f"/ws/chats/{conversation_id}?tab={tab}"
    )
    communicator.scope["user"] = user
    communicator.scope["url_route"] = {"kwargs": {"conversation_id": conversation_id}}
    return communicator


def place(answer: Message) -> live.Place:
    return live.Place(answer.conversation_id, answer.pk)


async def hold(answer: Message, seq: int, done: str = "<p>so far</p>") -> None:
    redis = live.connect()
    async with redis.pipeline(transaction=False) as pipe:
        live.write_whole(pipe, place(answer), LiveState(seq, done, "<p>open</p>", "", "writing", "so far"), "")
        await pipe.execute()
    await redis.aclose()


def end_of(answer: Message) -> dict[str, Any]:
    return sealed_in(answer, content="the end", html="<p>the end</p>")


async def push(answer: Message, event: dict[str, Any]) -> None:
    redis = live.connect()
    await live.publish(redis, answer.conversation_id, event)
    await redis.aclose()


async def frame(communicator: WebsocketCommunicator, *, path: bool = False) -> dict[str, Any]:
    """The next frame. Where the conversation ends is told at every connect; few tests care."""
    while True:
        received: dict[str, Any] = json.loads(await communicator.receive_from(timeout=5))
        if path or received["kind"] != "path":
            return received


def delta(answer: Message, seq: int) -> dict[str, Any]:
    return live.delta_event(answer.pk, Change(finished=f"<p>{seq}</p>"), seq=seq, state=None, status=None)


class _Open:
    """A connected socket that is closed at the end, whatever happened."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator

    async def __aenter__(self) -> WebsocketCommunicator:
        connected, _ = await self.communicator.connect(timeout=5)
        assert connected
        return self.communicator

    async def __aexit__(self, *_: object) -> None:
        await self.communicator.disconnect()


def run(coroutine: Any) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 30))


def test_only_the_owner_may_listen(chat: Conversation, owner: User, stranger: User) -> None:
    async def check() -> None:
        for user in (stranger, AnonymousUser()):
            connected, code = await socket(user, chat.pk).connect(timeout=5)
            assert (connected, code) == (False, 4404)
        connected, code = await socket(owner, uuid.uuid4()).connect(timeout=5)
        assert (connected, code) == (False, 4404)
        async with _Open(socket(owner, chat.pk)):
            pass

    run(check())


def test_a_suspended_person_may_not_listen(chat: Conversation, owner: User) -> None:
    owner.is_active = False

    async def check() -> None:
        connected, code = await socket(owner, chat.pk).connect(timeout=5)
        assert (connected, code) == (False, 4404)

    run(check())


def test_a_page_is_caught_up_once_and_then_gets_what_is_newer(answer: Message, owner: User) -> None:
    async def check() -> None:
        await hold(answer, seq=7)
        async with _Open(socket(owner, answer.conversation_id)) as page:
            state = await frame(page)
            assert (state["kind"], state["seq"], state["done"], state["open"]) == (
                "state", 7, "<p>so far</p>", "<p>open</p>",
            )  # fmt: skip
            await push(answer, delta(answer, 7))
            await push(answer, delta(answer, 8))
            assert (await frame(page))["seq"] == 8

    run(check())


def test_a_page_is_told_where_the_conversation_ends(answer: Message, owner: User) -> None:
    async def check() -> None:
        async with _Open(socket(owner, answer.conversation_id)) as page:
            told = await frame(page, path=True)
            assert (told["kind"], told["m"]) == ("path", str(answer.pk))

    run(check())


def test_a_state_that_a_dead_worker_left_behind_does_not_hide_the_end(
    answer: Message, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "QUIET", 0.2)

    async def check() -> None:
        await hold(answer, seq=7)
        async with _Open(socket(owner, answer.conversation_id)) as page:
            await frame(page)
            await Message.objects.filter(pk=answer.pk).aupdate(status="done", **end_of(answer))
            while (last := await frame(page))["kind"] == "state":
                pass
            assert "<p>the end</p>" in last["content"]

    run(check())


def test_a_gap_is_filled_from_the_state(answer: Message, owner: User) -> None:
    async def check() -> None:
        await hold(answer, seq=7)
        async with _Open(socket(owner, answer.conversation_id)) as page:
            await frame(page)
            await hold(answer, seq=12, done="<p>much more</p>")
            await push(answer, delta(answer, 12))
            state = await frame(page)
            assert (state["kind"], state["seq"], state["done"]) == ("state", 12, "<p>much more</p>")

    run(check())


def test_a_page_may_ask_for_the_state(answer: Message, owner: User) -> None:
    async def check() -> None:
        await hold(answer, seq=7)
        async with _Open(socket(owner, answer.conversation_id)) as page:
            await frame(page)
            await page.send_to(json.dumps({"resume": str(answer.pk)}))
            assert (await frame(page))["kind"] == "state"

    run(check())


@pytest.mark.parametrize(
    "nonsense", ["{", "[]", '{"resume": 5}', '{"resume": "x"}', "null", "[" * 100_000], ids=range(6)
)
def test_nonsense_from_a_page_is_ignored(answer: Message, owner: User, nonsense: str) -> None:
    async def check() -> None:
        await hold(answer, seq=7)
        async with _Open(socket(owner, answer.conversation_id)) as page:
            await frame(page)
            await page.send_to(nonsense)
            assert await page.receive_nothing()

    run(check())


def test_a_page_cannot_ask_for_answers_of_other_conversations(answer: Message, stranger: User) -> None:
    theirs = conversations.start(stranger)
    Message.objects.filter(pk=answer.pk).update(status="done", **sealed_in(answer, content="secret"))

    async def check() -> None:
        async with _Open(socket(stranger, theirs.pk)) as page:
            await page.send_to(json.dumps({"resume": str(answer.pk)}))
            assert await page.receive_nothing()
        await hold(answer, seq=7, done="<p>secret</p>")
        async with _Open(socket(stranger, theirs.pk)) as page:
            await page.send_to(json.dumps({"resume": str(answer.pk)}))
            assert await page.receive_nothing()

    run(check())


def test_the_tab_that_asked_does_not_get_its_question_twice(answer: Message, owner: User) -> None:
    async def check() -> None:
        await hold(answer, seq=7)
        async with _Open(socket(owner, answer.conversation_id, tab="mine")) as page:
            await frame(page)
            await push(answer, live.event(answer.pk, "exchange", origin="mine", content="mine"))
            await push(answer, live.event(answer.pk, "exchange", origin="other", content="from elsewhere"))
            assert (await frame(page))["content"] == "from elsewhere"

    run(check())


def test_an_end_that_was_lost_is_found(answer: Message, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "QUIET", 0.2)

    async def check() -> None:
        await hold(answer, seq=7)
        async with _Open(socket(owner, answer.conversation_id)) as page:
            await frame(page)
            redis = live.connect()
            async with redis.pipeline(transaction=False) as pipe:
                live.forget(pipe, place(answer))
                await pipe.execute()
            await redis.aclose()
            await Message.objects.filter(pk=answer.pk).aupdate(status="done", **end_of(answer))
            while (last := await frame(page))["kind"] == "state":
                pass
            assert last["kind"] == "final"
            assert "<p>the end</p>" in last["content"]

    run(check())
