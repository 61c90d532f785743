"""Streaming an answer from Ollama: what is sent, what arrives, and what every failure becomes."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from llms import chat, errors
from llms.requests import ChatRequest, Delta, Finish, Picture, Turn
from tests.ollama_server import FAILURES, MODELS, FakeModel, OllamaServer, expected_text

MODEL = "ollama/llama3.2:3b"


def asking(question: str = "Why?", *, model: str = MODEL, **more: object) -> ChatRequest:
    return ChatRequest(model, [Turn("user", question)], **more)  # type: ignore[arg-type]


async def _collect(request: ChatRequest, got: list[Delta | Finish]) -> None:
    async with aclosing(chat.stream(request)) as items:
        async for item in items:
            got.append(item)  # noqa: PERF401 - what came before an error counts


def collect(request: ChatRequest) -> tuple[str, list[Delta | Finish], errors.ModelError | None]:
    """The text, the items, and the error that ended them, if one did."""
    got: list[Delta | Finish] = []
    failure = None
    try:
        asyncio.run(_collect(request, got))
    except errors.ModelError as error:
        failure = error
    return "".join(item.text for item in got if isinstance(item, Delta)), got, failure


def test_the_whole_answer_arrives_and_ends_with_its_finish(ollama: OllamaServer) -> None:
    text, items, failure = collect(asking("What is a bridge?"))
    assert failure is None
    assert text == expected_text("What is a bridge?", 120)
    finish = items[-1]
    assert finish == Finish("stop", tokens_prompt=4, tokens_completion=120)
    assert all(isinstance(item, Delta) and (item.text or item.thinking) for item in items[:-1])


def test_pictures_go_with_their_turn_as_bare_base64(ollama: OllamaServer) -> None:
    shown = b"\x89PNG\r\n\x1a\n and so on"
    picture = Picture(base64.b64encode(shown).decode(), tokens=768)
    turns = [Turn("user", "What is this?", [picture, picture]), Turn("assistant", "A pier."), Turn("user", "Why?")]
    _, _, failure = collect(ChatRequest("ollama/qwen2.5vl:7b", turns))
    assert failure is None
    assert ollama.chats[0].images == [[shown, shown]]
    assert ["images" in message for message in ollama.chats[0].messages] == [True, False, False]


def test_the_model_server_of_the_tests_takes_only_pictures_it_could_show(ollama: OllamaServer) -> None:
    good = base64.b64encode(b"\xff\xd8\xff and so on").decode()
    for data in (f"data:image/jpeg;base64,{good}", "no base64", base64.b64encode(b"GIF89a").decode()):
        _, _, failure = collect(ChatRequest("ollama/qwen2.5vl:7b", [Turn("user", "What?", [Picture(data, 1)])]))
        assert failure is not None
    _, _, failure = collect(ChatRequest(MODEL, [Turn("user", "What?", [Picture(good, 1)])]))
    assert failure is not None


def test_a_paced_answer_arrives_bit_by_bit(ollama: OllamaServer) -> None:
    ollama.script(tokens=30, tokens_per_second=100)
    text, items, _ = collect(asking())
    assert text == expected_text("Why?", 30)
    assert len(items) > 5


def test_the_context_length_and_thinking_are_always_said(ollama: OllamaServer, settings: object) -> None:
    for model in ("llama3.2:3b", "tiny:1b", "qwen3:4b"):
        collect(asking(model=f"ollama/{model}"))
    assert [r.num_ctx for r in ollama.chats] == [16_384, 8_192, 16_384]
    assert [r.body["think"] for r in ollama.chats] == [False, False, False]
    assert [(r.body["truncate"], r.body["shift"]) for r in ollama.chats] == [(False, False)] * 3


def test_one_context_length_per_model_whatever_is_asked(ollama: OllamaServer) -> None:
    collect(asking("short"))
    collect(asking("x" * 20_000, max_tokens=500, temperature=0.3, top_p=0.8))
    assert ollama.loads == [("llama3.2:3b", 16_384)]
    assert ollama.chats[1].options == {"num_ctx": 16_384, "num_predict": 500, "temperature": 0.3, "top_p": 0.8}


def test_the_administrators_limit_bounds_the_context(ollama: OllamaServer, settings: object) -> None:
    settings.CONTEXT_LENGTH_LIMIT = 5_000  # type: ignore[attr-defined]
    collect(asking())
    assert ollama.chats[0].num_ctx == 5_000


def test_thinking_is_asked_only_of_models_that_can(ollama: OllamaServer) -> None:
    text, items, failure = collect(asking(model="ollama/qwen3:4b", think=True))
    assert failure is None
    assert "".join(i.thinking for i in items if isinstance(i, Delta)) == "Let me think about that first. "
    assert text == expected_text("Why?", 120)
    _, items, failure = collect(asking(think=True))
    assert failure is None
    assert [r.body["think"] for r in ollama.chats] == [True, False]


def test_a_broken_answer_is_continued_without_thinking_again(ollama: OllamaServer) -> None:
    whole = expected_text("Why?", 120)
    turns = [Turn("user", "Why?"), Turn("assistant", whole[:100])]
    text, items, _ = collect(ChatRequest("ollama/qwen3:4b", turns, think=True))
    assert whole[:100] + text == whole
    assert not any(item.thinking for item in items if isinstance(item, Delta))
    assert ollama.chats[0].messages == [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": whole[:100]},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a\u0085b\u2028c\u2029d\x0be\x0cf\x1cg",
        '<b>&amp;</b> \\ " {"error": "no"} "done":true',
        "\n\n\n  \t\n",
        "👩‍🔬 漢字 \U0010ffff é",
        "x" * 100_000,
    ],
)
def test_every_character_survives(ollama: OllamaServer, text: str) -> None:
    ollama.script(text=text, blank_lines=True)
    assert collect(asking())[0] == text


def test_an_answer_that_reached_its_limit_says_so(ollama: OllamaServer) -> None:
    text, items, _ = collect(asking(max_tokens=70))
    assert text == expected_text("Why?", 70)
    assert items[-1] == Finish("length", tokens_prompt=1, tokens_completion=70)


def test_an_empty_answer_is_an_answer(ollama: OllamaServer) -> None:
    ollama.script(text="")
    assert collect(asking()) == ("", [Finish("stop", tokens_prompt=1, tokens_completion=0)], None)


BEFORE: list[tuple[str, type[errors.ModelError]]] = [
    ("busy", errors.ServerBusy),
    ("load", errors.LoadFailed),
    ("memory", errors.LoadFailed),
    ("runner", errors.LoadFailed),
    ("long", errors.PromptTooLong),
    ("nested_long", errors.PromptTooLong),
    ("nested", errors.Unsuitable),
    ("missing", errors.ModelMissing),
]


@pytest.mark.parametrize(("fail", "kind"), BEFORE, ids=[name for name, _ in BEFORE])
def test_a_refusal_says_what_to_do_and_keeps_ollamas_words_for_the_log(
    ollama: OllamaServer, fail: str, kind: type[errors.ModelError]
) -> None:
    ollama.script(fail=fail)
    text, _, failure = collect(asking())
    assert text == ""
    assert type(failure) is kind
    assert failure.text
    assert "llama-server" not in failure.text
    assert "{" not in failure.detail  # unwrapped
    assert failure.detail.removeprefix(f"HTTP {FAILURES[fail][0]}: ") in FAILURES[fail][1]


def test_every_failure_the_server_knows_is_tested() -> None:
    assert {name for name, _ in BEFORE} == set(FAILURES)


def test_a_prompt_beyond_the_context_is_an_error_and_not_cut_silently(ollama: OllamaServer) -> None:
    _, _, failure = collect(asking("word " * 8_000, model="ollama/tiny:1b"))
    assert type(failure) is errors.PromptTooLong
    assert not failure.retryable


def test_a_model_that_was_removed_meanwhile_is_missing(ollama: OllamaServer) -> None:
    collect(asking())
    del ollama.models["llama3.2:3b"]
    assert type(collect(asking())[2]) is errors.ModelMissing


@pytest.mark.parametrize(
    "error",
    [
        "an error was encountered while running the model: unexpected EOF",
        '{"error":{"code":500,"message":"boom","type":"server_error"}}',
        {"error": {"code": 500, "message": "boom"}},
        {"message": "boom"},
    ],
)
def test_an_error_in_the_middle_keeps_what_was_written(ollama: OllamaServer, error: object) -> None:
    ollama.script(error_at=10, error=error)
    text, _, failure = collect(asking())
    assert text == expected_text("Why?", 10)
    assert type(failure) is errors.AnswerCut
    assert failure.detail in {"boom", "an error was encountered while running the model: unexpected EOF"}


def test_an_error_instead_of_the_first_token_leads_to_another_model(ollama: OllamaServer) -> None:
    ollama.script(error_at=0, error="llama-server reported out-of-memory during startup: x")
    text, _, failure = collect(asking())
    assert (text, type(failure)) == ("", errors.LoadFailed)


@pytest.mark.parametrize("ending", ["cut_at", "drop_at"])
@pytest.mark.parametrize("paced", [0, 300])
def test_an_answer_without_its_end_is_cut(ollama: OllamaServer, ending: str, paced: float) -> None:
    ollama.script(tokens_per_second=paced, **{ending: 25})
    text, _, failure = collect(asking())
    assert text == expected_text("Why?", 25)
    assert type(failure) is errors.AnswerCut


def test_a_connection_reset_before_anything_came_means_no_server(ollama: OllamaServer) -> None:
    ollama.script(silent=True)
    request = asking()

    async def stop_the_server_meanwhile() -> None:
        asking_now = asyncio.ensure_future(_collect(request, []))
        await asyncio.to_thread(ollama.wait_for, lambda: ollama.chats)
        await asyncio.to_thread(ollama.stop)
        await asking_now

    with pytest.raises(errors.ServerUnreachable):
        asyncio.run(stop_the_server_meanwhile())
    ollama.start()


def test_silence_before_the_first_token_ends(ollama: OllamaServer, settings: object) -> None:
    settings.FIRST_TOKEN_TIMEOUT = 0.3  # type: ignore[attr-defined]
    ollama.script(silent=True)
    text, _, failure = collect(asking())
    assert (text, type(failure)) == ("", errors.TooSlow)
    assert "0.3 seconds" in failure.text
    ollama.wait_for(lambda: ollama.chats[0].outcome == "closed")


def test_silence_in_the_middle_ends_and_keeps_what_was_written(ollama: OllamaServer, settings: object) -> None:
    settings.NEXT_TOKEN_TIMEOUT = 0.3  # type: ignore[attr-defined]
    ollama.script(stall_at=12)
    text, _, failure = collect(asking())
    assert text == expected_text("Why?", 12)
    assert type(failure) is errors.TooSlow
    ollama.wait_for(lambda: ollama.chats[0].outcome == "closed")


def test_a_pause_shorter_than_the_time_out_is_waited_for(ollama: OllamaServer) -> None:
    ollama.script(stall_at=12)

    async def release_when_stalled() -> str:
        answering = asyncio.ensure_future(chat.complete(asking()))
        await asyncio.to_thread(ollama.wait_for, lambda: ollama.stalled)
        ollama.release()
        return await answering

    assert asyncio.run(release_when_stalled()) == expected_text("Why?", 120)


def test_no_server_is_said(ollama: OllamaServer) -> None:
    collect(asking())
    ollama.stop()
    assert type(collect(asking())[2]) is errors.ServerUnreachable
    ollama.start()
    assert collect(asking())[2] is None


def test_something_else_at_the_address_is_said(ollama: OllamaServer, settings: object) -> None:
    collect(asking())  # the catalogue knows the model
    settings.OLLAMA_BASE_URL += "/elsewhere"  # type: ignore[attr-defined]
    failure = collect(asking())[2]
    assert type(failure) is errors.ServerUnreachable


async def _closed_by_aclose(items: AsyncIterator[Delta | Finish], wait: Callable[[], None]) -> None:
    await items.aclose()  # type: ignore[attr-defined]


async def _closed_by_cancelling(items: AsyncIterator[Delta | Finish], wait: Callable[[], None]) -> None:
    reading = asyncio.ensure_future(anext(items))
    await asyncio.to_thread(wait)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@pytest.mark.parametrize("close", [_closed_by_aclose, _closed_by_cancelling])
def test_closing_in_the_middle_closes_the_request_at_once(
    ollama: OllamaServer, close: Callable[..., AsyncIterator[None]]
) -> None:
    ollama.script(stall_at=20)

    async def read_a_bit_and_close() -> None:
        items = chat.stream(asking())
        text = ""
        while text != expected_text("Why?", 20):
            item = await anext(items)
            assert isinstance(item, Delta)
            text += item.text
        await close(items, lambda: ollama.wait_for(lambda: ollama.stalled))  # type: ignore[misc]
        # Still on the same loop: nothing but the close itself may be what ends it.
        await asyncio.to_thread(ollama.wait_for, lambda: ollama.chats[0].outcome == "closed")

    asyncio.run(read_a_bit_and_close())
    assert ollama.chats[0].sent == 20


def test_cancelling_while_the_model_reads_the_prompt_closes_the_request_at_once(ollama: OllamaServer) -> None:
    ollama.script(silent=True)

    async def cancel_when_it_was_asked() -> None:
        asked = asyncio.ensure_future(chat.complete(asking()))
        await asyncio.to_thread(ollama.wait_for, lambda: ollama.chats)
        assert ollama.chats[0].outcome == "open"
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await asyncio.to_thread(ollama.wait_for, lambda: ollama.chats[0].outcome == "closed")

    asyncio.run(cancel_when_it_was_asked())
    assert ollama.chats[0].first_token is None


def test_256_answers_at_once_are_complete(ollama: OllamaServer) -> None:
    ollama.script(tokens=40, tokens_per_second=30)

    async def ask_all() -> list[str]:
        return await asyncio.gather(*(chat.complete(asking(f"Question {n}?")) for n in range(256)))

    assert asyncio.run(ask_all()) == [expected_text(f"Question {n}?", 40) for n in range(256)]
    assert {r.outcome for r in ollama.chats} == {"done"}


def test_each_event_loop_can_ask(ollama: OllamaServer) -> None:
    for _ in range(3):
        assert asyncio.run(chat.complete(asking())) == expected_text("Why?", 120)


def test_a_model_of_an_older_server_is_asked_for_its_details(ollama: OllamaServer) -> None:
    ollama.lists_details = False
    ollama.models["odd:7b"] = FakeModel(("completion",), 3_000)
    assert collect(asking(model="ollama/odd:7b"))[2] is None
    assert ollama.chats[0].num_ctx == 3_000
    shown = [r.model for r in ollama.requests if r.path == "/api/show"]
    assert sorted(shown) == sorted(name for name in {**MODELS, "odd:7b": None} if not name.endswith("-cloud"))
