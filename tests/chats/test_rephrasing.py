"""A question that leans on the one before is written anew by the fast model, and never waits long for it."""

import pytest
from django.conf import LazySettings

from accounts.models import User
from chats import answering
from chats import conversation as conversations
from chats.answering.rephrasing import usable
from chats.models import Message
from tests.ollama_server import OllamaServer
from tests.retrieval.conftest import AddDocument, add, clean_after

__all__ = ["add", "clean_after"]
pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.usefixtures("clean_after"),
]

MODEL = "ollama/llama3.2:3b"
FAST = "qwen3:4b"
FIRST = "What was the revenue of the harbour company in 2018?"
REVENUE = [
    "Revenue of the harbour company was 12 million in 2018, mostly from timber.",
    "Revenue of the harbour company was 14 million in 2019, mostly from salt.",
    "The lighthouse was painted white in 2019 by a crew of four.",
]


def follow(owner: User, question: str = "And in 2019?") -> Message:
    chat = conversations.start(owner, model=MODEL)
    conversations.rename(chat, "Named, so that no model is asked for a title")
    for text in (FIRST, question):
        answer = conversations.post_message(chat, text).answer
        answering.answer(answer.pk)
    answer.refresh_from_db()
    assert answer.status == Message.Status.DONE
    return answer


@pytest.fixture
def fast(ollama: OllamaServer, settings: LazySettings, add: AddDocument, owner: User) -> OllamaServer:
    """A library, and a small model beside the one that answers."""
    assert FAST in ollama.models
    settings.FAST_MODEL = FAST
    # A busy machine is no slow model.
    settings.RAG_REWRITE_SECONDS = 30.0
    add(owner, "report.txt", REVENUE)
    return ollama


def asked(server: OllamaServer, model: str) -> list[str]:
    return [str(request.messages[-1]["content"]) for request in server.chats if request.model == model]


def test_the_fast_model_writes_it_anew_and_that_is_searched_for(owner: User, fast: OllamaServer) -> None:
    written = "What was the revenue of the harbour company in 2019?"
    fast.script(FAST, text=f"“{written}”\n")
    answer = follow(owner)
    trace = answer.retrieval["trace"]
    assert (trace["follow_up"], trace["rewritten"]) == (True, written)
    assert answer.retrieval["passages"][0]["text"] == REVENUE[1]
    assert trace["milliseconds"]["rewriting"] > 0
    (prompt,) = asked(fast, FAST)
    assert FIRST in prompt
    assert "And in 2019?" in prompt
    # The model that answers reads what the person wrote.
    assert asked(fast, "llama3.2:3b")[-1] == "And in 2019?"


def test_a_question_that_says_all_it_means_asks_no_model(owner: User, fast: OllamaServer) -> None:
    answer = follow(owner, "Which colour did the crew paint the old lighthouse with?")
    assert asked(fast, FAST) == []
    assert "rewriting" not in answer.retrieval["trace"]["milliseconds"]


def test_one_that_can_stand_alone_after_all_is_no_follow_up(owner: User, fast: OllamaServer) -> None:
    fast.script(FAST, text="Lighthouse crew 2019")
    trace = follow(owner, "Lighthouse crew 2019?").retrieval["trace"]
    assert trace["follow_up"] is False
    assert "rewritten" not in trace


@pytest.mark.parametrize("how", [{"fail": "busy"}, {"text": "1. First\n2. Second"}, {"text": "In 2018 it was 12."}])
def test_without_a_usable_answer_words_are_carried_over(
    owner: User, fast: OllamaServer, how: dict[str, object]
) -> None:
    fast.script(FAST, **how)
    answer = follow(owner)
    trace = answer.retrieval["trace"]
    assert (trace["follow_up"], trace["earlier"]) == (True, FIRST)
    assert "rewritten" not in trace
    assert answer.retrieval["passages"][0]["text"] == REVENUE[1]


def test_it_is_given_up_when_it_takes_too_long(owner: User, fast: OllamaServer, settings: LazySettings) -> None:
    settings.RAG_REWRITE_SECONDS = 0.05
    fast.script(FAST, first_token_delay=60.0)
    trace = follow(owner).retrieval["trace"]
    assert trace["earlier"] == FIRST
    fast.wait_for(lambda: all(request.outcome for request in fast.chats if request.model == FAST))


def test_it_can_be_switched_off(owner: User, fast: OllamaServer, settings: LazySettings) -> None:
    settings.RAG_REWRITE_SECONDS = 0
    assert follow(owner).retrieval["trace"]["earlier"] == FIRST
    assert asked(fast, FAST) == []


@pytest.mark.parametrize(
    ("written", "question", "expected"),
    [
        ("What was it in 2019?", "And in 2019?", "What was it in 2019?"),
        ('"What was it in 2019?"', "And in 2019?", "What was it in 2019?"),
        ("What was it in 2018?", "And in 2019?", ""),
        ("", "And in 2019?", ""),
        ("One line.\nAnother.", "Why?", ""),
        ("Why did the harbour close?", "Why?", "Why did the harbour close?"),
        ("x" * 401, "Why?", ""),
        ("It costs 8,800 euros.", "And in dollars?", ""),
        ("Was kostet das Angebot in Dollar?", "Und in Dollar?", "Was kostet das Angebot in Dollar?"),
    ],
)
def test_what_is_taken_for_a_rewriting(written: str, question: str, expected: str) -> None:
    assert usable(written, question) == expected
