"""What a model thinks before it answers: shown while it is thought, folded away, with how long it took, and kept so."""

import asyncio
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chats import answering, live, presentation
from chats import conversation as conversations
from chats.models import Conversation, Message
from chats.templatetags.figures import grouped, in_short
from tests.chats.conftest import sealed_in
from tests.chats.test_answering import ask, in_background, until
from tests.ollama_server import OllamaServer, expected_text

pytestmark = pytest.mark.django_db(transaction=True)

THOUGHTS = "First, is 1 < 2? Then I compare. "


@pytest.fixture
def chat(owner: User, ollama: OllamaServer) -> Conversation:
    ollama.script("qwen3:4b", thinking=THOUGHTS, tokens=20)
    return conversations.start(owner, model="ollama/qwen3:4b", use_documents=False)


def state_of(answer: Message) -> live.LiveState | None:
    async def read() -> live.LiveState | None:
        redis = live.connect()
        try:
            return await live.read(redis, live.Place(answer.conversation_id, answer.pk), with_text=True)
        finally:
            await redis.aclose()

    return asyncio.run(read())


def page_of(client: Client, chat: Conversation, owner: User) -> str:
    client.force_login(owner)
    return client.get(reverse("chats:conversation", args=[chat.pk])).content.decode()


def test_thoughts_are_kept_apart_with_how_long_they_took(chat: Conversation, client: Client, owner: User) -> None:
    answer = ask(chat, "one")
    assert answer.thinking == THOUGHTS
    assert answer.content == expected_text("one", 20)
    assert 0 < answer.timings["thinking"] <= answer.timings["total"]
    html = page_of(client, chat, owner)
    assert "Thought for less than 1 s</summary>" in html
    assert "First, is 1 &lt; 2?" in html


def test_a_model_that_does_not_think_has_no_such_block(owner: User, ollama: OllamaServer, client: Client) -> None:
    chat = conversations.start(owner, model="ollama/llama3.2:3b", use_documents=False)
    answer = ask(chat, "one")
    assert "thinking" not in answer.timings
    assert "Thought" not in page_of(client, chat, owner)


def test_models_can_be_kept_from_thinking(chat: Conversation, ollama: OllamaServer, settings: Any) -> None:
    settings.MODELS_THINK = False
    assert ask(chat, "one").thinking == ""
    assert ollama.chats[0].body["think"] is False


def test_while_it_thinks_the_thoughts_can_be_followed(
    chat: Conversation, ollama: OllamaServer, client: Client, owner: User
) -> None:
    ollama.script("qwen3:4b", thinking=THOUGHTS, tokens=20, stall_at=4, times=1)
    answer = conversations.post_message(chat, "one").answer
    thread = in_background(answer)
    until(lambda: ollama.stalled)
    until(lambda: (state := state_of(answer)) and state.thoughts.startswith("First, is 1 &lt;"))
    state = state_of(answer)
    assert state is not None
    assert (state.status, state.text, state.done) == ("thinking", "", "")
    assert "Thinking</span></summary>" in state.state
    assert '"thoughts":"First, is 1 &lt;' in state.event(answer.pk)["frame"]
    ollama.release()
    thread.join(10)
    answer.refresh_from_db()
    assert answer.thinking == THOUGHTS


def test_while_it_writes_the_block_stands_there_as_it_will_at_the_end(
    chat: Conversation, ollama: OllamaServer, client: Client, owner: User
) -> None:
    ollama.script("qwen3:4b", thinking=THOUGHTS, tokens=60, stall_at=40, times=1)
    answer = conversations.post_message(chat, "one").answer
    thread = in_background(answer)
    until(lambda: ollama.stalled)
    until(lambda: (state := state_of(answer)) and state.text)
    state = state_of(answer)
    assert state is not None
    assert "Thought for less than 1 s</summary>" in state.state
    assert state.thoughts == "First, is 1 &lt; 2? Then I compare. "
    ollama.release()
    thread.join(10)


def test_the_duration_survives_a_worker_that_dies(chat: Conversation, ollama: OllamaServer) -> None:
    answer = conversations.post_message(chat, "one").answer
    so_far = expected_text("one", 8)
    Message.objects.filter(pk=answer.pk).update(
        status=Message.Status.WRITING, claimed_by="elsewhere:1:abc", lease_until=answer.queued_at, attempts=1,
        timings={"thinking": 7.2}, **sealed_in(answer, content=so_far, thinking=THOUGHTS),
    )  # fmt: skip
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert answer.status == Message.Status.DONE
    assert answer.thinking == THOUGHTS
    assert answer.timings["thinking"] == 7.2


def test_the_lease_takes_the_duration_along(chat: Conversation, ollama: OllamaServer) -> None:
    ollama.script("qwen3:4b", thinking=THOUGHTS, tokens=60, stall_at=40, times=1)
    answer = conversations.post_message(chat, "one").answer
    thread = in_background(answer)
    until(lambda: ollama.stalled)
    until(lambda: "thinking" in Message.objects.values_list("timings", flat=True).get(pk=answer.pk))
    ollama.release()
    thread.join(10)


def test_thoughts_of_a_model_that_then_fails_are_forgotten(
    chat: Conversation, ollama: OllamaServer, settings: Any
) -> None:
    settings.FALLBACK_MODELS = ["tiny:1b"]
    ollama.script("qwen3:4b", thinking=THOUGHTS, drop_at=3, times=1)
    answer = ask(chat, "one")
    assert answer.status == Message.Status.DONE
    assert answer.answered_by != "ollama/qwen3:4b"
    assert answer.thinking == ""
    assert "thinking" not in answer.timings


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0, ""), (0.4, "less than 1 s"), (7.2, "7 s"), (59.6, "1 min 0 s"), (95, "1 min 35 s")],
)
def test_a_duration_in_short(seconds: float | None, words: str) -> None:
    assert in_short(seconds) == words


@pytest.mark.parametrize(
    ("tokens", "timings", "speed"),
    [
        (120, {"first_token": 1.0, "total": 4.0}, "40"),
        (12, {"first_token": 1.0, "total": 4.0}, "4.0"),
        (4_500, {"first_token": 0.5, "total": 2.0}, "3,000"),
        (120, {"first_token": 1.0, "total": 1.01}, ""),
        (None, {"first_token": 1.0, "total": 4.0}, ""),
        (120, {}, ""),
    ],
)
def test_the_speed_is_tokens_a_second_from_the_first_on(
    tokens: int | None, timings: dict[str, Any], speed: str
) -> None:
    assert presentation.speed(Message(tokens_completion=tokens, timings=timings)) == speed


def test_figures_stand_quietly_below_the_answer(chat: Conversation, client: Client, owner: User) -> None:
    answer = ask(chat, "one")
    Message.objects.filter(pk=answer.pk).update(
        tokens_completion=1_234, tokens_prompt=56_789, timings={"first_token": 1, "total": 13.34}
    )
    html = page_of(client, chat, owner)
    assert 'title="After reading 56,789 tokens">1,234 tokens, 100 a second</span>' in html
    assert grouped(1_234_567) == "1,234,567"
