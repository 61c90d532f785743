"""A worker writes an answer: against a server that speaks Ollama's protocol, with a real database and Redis."""

import threading
import uuid

import pytest
from django.utils import timezone

from accounts.encryption import keys
from accounts.models import User
from chats import answering, live, presentation
from chats import conversation as conversations
from chats.answering import runner
from chats.models import Conversation, Message, Summary
from chats.tasks import requeue_overdue
from jobs import leases
from llms.tokens import estimate
from tests.chats.conftest import sealed_in
from tests.ollama_server import OllamaServer, expected_text
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "ollama/llama3.2:3b"


@pytest.fixture
def chat(owner: User) -> Conversation:
    return conversations.start(owner, model=MODEL, use_documents=False)


def ask(chat: Conversation, text: str) -> Message:
    answer = conversations.post_message(chat, text).answer
    answering.answer(answer.pk)
    answer.refresh_from_db()
    return answer


def in_background(answer: Message) -> threading.Thread:
    thread = threading.Thread(target=answering.answer, args=[answer.pk])
    thread.start()
    return thread


def test_an_answer_is_streamed_and_stored_complete(chat: Conversation, ollama: OllamaServer) -> None:
    answer = ask(chat, "What is a lease?")
    assert answer.status == Message.Status.DONE
    assert answer.content == expected_text("What is a lease?", 120)
    assert answer.answered_by == MODEL
    assert answer.tokens_completion == 120
    assert answer.timings["total"] >= answer.timings["first_token"]
    assert answer.html
    assert answer.claimed_by == ""


def test_the_conversation_so_far_is_in_the_prompt(chat: Conversation, ollama: OllamaServer) -> None:
    first = ask(chat, "one")
    ask(chat, "two")
    request = next(r for r in ollama.chats if r.messages[-1]["content"] == "two")
    assert [m["role"] for m in request.messages] == ["system", "user", "assistant", "user"]
    assert request.messages[2]["content"] == first.content
    assert request.num_ctx == 16_384


def test_only_the_chosen_branch_is_in_the_prompt(chat: Conversation, ollama: OllamaServer) -> None:
    first = ask(chat, "one")
    ask(chat, "left out")
    conversations.post_message(chat, "other branch", parent_id=first.pk)
    other = next(message for message in Message.objects.all() if message.content == "other branch")
    answering.answer(other.children.get().pk)
    request = next(r for r in ollama.chats if r.messages[-1]["content"] == "other branch")
    assert [m["content"] for m in request.messages[1:]] == ["one", first.content, "other branch"]


def test_a_finished_answer_is_not_written_twice(chat: Conversation, ollama: OllamaServer) -> None:
    conversations.rename(chat, "Named, so that no model is asked for a title")
    answer = ask(chat, "one")
    before = len(ollama.chats)
    answering.answer(answer.pk)
    answering.answer(uuid.uuid4())
    assert len(ollama.chats) == before


def test_stop_closes_the_upstream_request_and_keeps_the_text(chat: Conversation, ollama: OllamaServer) -> None:
    ollama.script("llama3.2:3b", stall_at=10)
    answer = conversations.post_message(chat, "one").answer
    thread = in_background(answer)
    until(lambda: ollama.chats and ollama.chats[0].sent == 10)
    assert not conversations.stop(answer)
    live.ask_to_stop(answer.pk)
    thread.join(5)
    answer.refresh_from_db()
    assert answer.status == Message.Status.STOPPED
    assert answer.content == expected_text("one", 10)
    # The model would have counted at its end only.
    assert answer.tokens_completion == estimate(answer.content)
    assert f"about {answer.tokens_completion} tokens" in presentation.bubble(answer)
    until(lambda: ollama.chats[0].outcome == "closed")


def test_stop_before_the_first_token(chat: Conversation, ollama: OllamaServer) -> None:
    ollama.script("llama3.2:3b", silent=True)
    answer = conversations.post_message(chat, "one").answer
    thread = in_background(answer)
    until(lambda: ollama.chats)
    conversations.stop(answer)
    live.ask_to_stop(answer.pk)
    thread.join(5)
    answer.refresh_from_db()
    assert answer.status == Message.Status.STOPPED
    assert (answer.content, answer.tokens_completion) == ("", None)


def test_a_stopped_answer_is_continued_where_it_ended(chat: Conversation, ollama: OllamaServer) -> None:
    ollama.script("llama3.2:3b", times=1, cut_at=30)
    answer = ask(chat, "one")
    assert answer.status == Message.Status.INTERRUPTED
    assert answer.error_code == "answer_cut"
    assert answer.content == expected_text("one", 30)
    conversations.continue_answer(answer)
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert answer.status == Message.Status.DONE
    assert answer.content == expected_text("one", 120)


def test_a_model_that_begins_again_is_not_written_twice(chat: Conversation, ollama: OllamaServer) -> None:
    ollama.script("llama3.2:3b", times=1, drop_at=30)
    answer = ask(chat, "one")
    ollama.script("llama3.2:3b", prefill=False)
    conversations.continue_answer(answer)
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert answer.content == expected_text("one", 120)


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"fail": "missing"}, "failed", "model_missing"),
        ({"fail": "busy"}, "failed", "model_server_busy"),
        ({"error_at": 5}, "interrupted", None),
        ({"cut_at": 5}, "interrupted", "answer_cut"),
        ({"drop_at": 5}, "interrupted", "answer_cut"),
    ],
)
def test_each_failure_keeps_the_text_and_says_what_to_do(
    chat: Conversation, ollama: OllamaServer, how: dict[str, object], status: str, code: str | None
) -> None:
    ollama.script("llama3.2:3b", **how)
    answer = ask(chat, "one")
    assert answer.status == status
    assert answer.content == (expected_text("one", 5) if status == "interrupted" else "")
    assert answer.error_text.endswith(".")
    if code:
        assert answer.error_code == code


def test_a_server_that_is_away_fails_the_answer_and_keeps_the_question(
    chat: Conversation, ollama: OllamaServer
) -> None:
    ask(chat, "warm")
    ollama.stop()
    answer = ask(chat, "one")
    assert answer.status == Message.Status.FAILED
    assert answer.error_code == "model_server_unreachable"
    assert answer.parent is not None
    assert answer.parent.content == "one"


def test_the_next_model_answers_when_the_first_cannot(
    chat: Conversation, ollama: OllamaServer, settings: object
) -> None:
    settings.FALLBACK_MODELS = ["tiny:1b"]  # type: ignore[attr-defined]
    ollama.script("llama3.2:3b", fail="load")
    answer = ask(chat, "one")
    assert answer.status == Message.Status.DONE
    assert answer.answered_by == "ollama/tiny:1b"
    assert any("another model" in step for step in answer.steps)


def test_no_fallback_after_the_first_words(chat: Conversation, ollama: OllamaServer, settings: object) -> None:
    settings.FALLBACK_MODELS = ["tiny:1b"]  # type: ignore[attr-defined]
    ollama.script("llama3.2:3b", drop_at=5)
    assert ask(chat, "one").status == Message.Status.INTERRUPTED
    assert not [r for r in ollama.chats if r.model == "tiny:1b"]


def test_thinking_is_kept_apart(owner: User, ollama: OllamaServer) -> None:
    chat = conversations.start(owner, model="ollama/qwen3:4b", use_documents=False)
    answer = ask(chat, "one")
    assert answer.status == Message.Status.DONE
    assert "Let me think" not in answer.content


def test_an_answer_whose_worker_died_is_continued_by_another(chat: Conversation, ollama: OllamaServer) -> None:
    answer = conversations.post_message(chat, "one").answer
    Message.objects.filter(pk=answer.pk).update(
        status=Message.Status.WRITING,
        claimed_by="elsewhere:1:abc",
        lease_until=timezone.now() - leases.LEASE,
        attempts=1,
        **sealed_in(answer, content=expected_text("one", 40)),
    )
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert answer.status == Message.Status.DONE
    assert answer.content == expected_text("one", 120)


def test_an_answer_somebody_else_writes_is_left_alone(chat: Conversation, ollama: OllamaServer) -> None:
    answer = conversations.post_message(chat, "one").answer
    Message.objects.filter(pk=answer.pk).update(
        status=Message.Status.WRITING, claimed_by="elsewhere:1:abc", lease_until=timezone.now() + leases.LEASE
    )
    answering.answer(answer.pk)
    assert not ollama.chats


def test_an_answer_that_kills_its_workers_is_given_up(chat: Conversation, ollama: OllamaServer) -> None:
    answer = conversations.post_message(chat, "one").answer
    Message.objects.filter(pk=answer.pk).update(attempts=5, **sealed_in(answer, content="so far"))
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert answer.status == Message.Status.INTERRUPTED
    assert answer.content == "so far"
    assert not ollama.chats


def test_what_cannot_be_stored_is_replaced_and_line_ends_are_one_kind(chat: Conversation, ollama: OllamaServer) -> None:
    ollama.script("llama3.2:3b", text="nul \x00 here\r\nnext\rlast \u0085 end\r")
    answer = ask(chat, "one")
    assert answer.status == Message.Status.DONE
    assert answer.content == "nul \ufffd here\nnext\nlast \u0085 end\n"


def test_a_text_that_breaks_the_renderer_is_shown_plain_and_silences_nobody(
    chat: Conversation, owner: User, ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chats import markdown_stream

    feed = markdown_stream.MarkdownStream.feed

    def break_on_poison(self: markdown_stream.MarkdownStream, text: str, *, final: bool = False) -> object:
        if "poison" in text:
            raise ValueError("a bug")
        return feed(self, text, final=final)

    monkeypatch.setattr(markdown_stream.MarkdownStream, "feed", break_on_poison)
    ollama.script("llama3.2:3b", times=1, text="before poison after")
    assert ask(chat, "one").content == "before poison after"
    other = ask(conversations.start(owner, model=MODEL, use_documents=False), "two")
    assert other.content == expected_text("two", 120)


def test_a_stop_that_the_dead_worker_never_saw_keeps_the_text(chat: Conversation, ollama: OllamaServer) -> None:
    answer = conversations.post_message(chat, "one").answer
    Message.objects.filter(pk=answer.pk).update(
        status=Message.Status.WRITING,
        claimed_by="elsewhere:1:abc",
        lease_until=timezone.now() - leases.LEASE,
        attempts=1,
        **sealed_in(answer, content="so far"),
        stop_requested=True,
    )
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert (answer.status, answer.content) == (Message.Status.STOPPED, "so far")
    assert not ollama.chats


def test_releasing_hands_the_answer_to_the_next_worker(chat: Conversation, ollama: OllamaServer) -> None:
    ollama.script("llama3.2:3b", times=1, stall_at=10)
    answer = conversations.post_message(chat, "one").answer
    thread = in_background(answer)
    until(lambda: ollama.chats and ollama.chats[0].sent == 10)
    answering.release_all()
    thread.join(5)
    answer.refresh_from_db()
    assert answer.status == Message.Status.QUEUED
    assert answer.content == expected_text("one", 10)
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert answer.status == Message.Status.QUEUED, "a worker that goes down takes nothing new"
    runner._runner = None  # another worker
    requeue_overdue()
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert (answer.status, answer.attempts) == (Message.Status.DONE, 1)
    assert answer.content == expected_text("one", 120)


def test_a_long_history_is_summarised_rather_than_dropped(owner: User, ollama: OllamaServer) -> None:
    chat = conversations.start(owner, model="ollama/tiny:1b", use_documents=False)
    ollama.script("tiny:1b", tokens=2500)
    for number in range(4):
        ask(chat, f"question {number}")
    last = ask(chat, "the last question")
    assert Summary.objects.exists()
    request = [r for r in ollama.chats if r.messages[-1]["content"] == "the last question"][-1]
    assert "Summary of the earlier conversation" in request.messages[1]["content"]
    assert any("were summarised" in step for step in last.steps)
    ollama.script("tiny:1b", tokens=20)
    summaries = Summary.objects.count()
    ask(chat, "one more")
    assert Summary.objects.count() == summaries, "a summary serves for more than one question"


def test_a_question_longer_than_the_model_reads_is_refused_in_words(owner: User, ollama: OllamaServer) -> None:
    chat = conversations.start(owner, model="ollama/tiny:1b", use_documents=False)
    answer = ask(chat, "word " * 18_000)
    assert answer.status == Message.Status.FAILED
    assert answer.error_code == "prompt_too_long"


def test_a_model_names_the_conversation(chat: Conversation, ollama: OllamaServer) -> None:
    ask(chat, "What is a lease?")
    until(lambda: Conversation.objects.get().title != "What is a lease?")
    chat.refresh_from_db()
    assert chat.title
    assert chat.title_is_automatic


def test_a_typed_title_is_never_replaced(chat: Conversation, ollama: OllamaServer) -> None:
    conversations.rename(chat, "Mine")
    ask(chat, "What is a lease?")
    chat.refresh_from_db()
    assert chat.title == "Mine"


def test_deleting_the_conversation_ends_its_answers(chat: Conversation, ollama: OllamaServer) -> None:
    answer = conversations.post_message(chat, "one").answer
    conversations.delete(chat)
    answering.answer(answer.pk)
    assert not ollama.chats


def test_deleting_the_account_ends_its_answers_quietly(
    chat: Conversation, ollama: OllamaServer, owner: User, caplog: pytest.LogCaptureFixture
) -> None:
    ollama.script("llama3.2:3b", stall_at=10)
    answer = conversations.post_message(chat, "one").answer
    thread = in_background(answer)
    until(lambda: ollama.chats and ollama.chats[0].sent == 10)
    keys.destroy(owner.pk)
    live.ask_to_stop(answer.pk)
    thread.join(10)
    assert not thread.is_alive()
    assert not [record for record in caplog.records if record.exc_info]


def test_beat_queues_again_what_nobody_holds(
    chat: Conversation, ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[uuid.UUID] = []
    monkeypatch.setattr(conversations, "enqueue", queued.append)
    late = timezone.now() - leases.LEASE
    dead = conversations.post_message(chat, "one").answer
    Message.objects.filter(pk=dead.pk).update(
        status="writing", claimed_by="elsewhere:1:a", lease_until=late, queued_at=late - leases.LEASE
    )
    queued.clear()
    requeue_overdue()
    requeue_overdue()
    assert queued == [dead.pk], "queued once, not at every look"
