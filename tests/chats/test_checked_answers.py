"""From the library over a model that cites badly to the row: what is stored has its marks put right, and counted."""

import pytest

from accounts.models import User
from chats import answering
from chats import conversation as conversations
from chats.models import Message
from tests.ollama_server import OllamaServer
from tests.retrieval.conftest import AddDocument, add, clean_after

__all__ = ["add", "clean_after"]
pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.usefixtures("clean_after"),
]

MODEL = "ollama/llama3.2:3b"
COST = "The northern offer for the heating system costs 8,800 euros."
TIME = "The heating system takes eleven weeks to deliver after the order."


def test_wrong_marks_are_put_right_counted_and_told(owner: User, ollama: OllamaServer, add: AddDocument) -> None:
    add(owner, "offer.txt", [COST])
    add(owner, "delivery.txt", [TIME])
    ollama.script(
        "llama3.2:3b",
        text="The northern offer costs 8,800 euros [9]. Parliament adopted the annual budget amendment [1].",
    )
    chat = conversations.start(owner, model=MODEL)

    answer = conversations.post_message(chat, "What does the northern offer for the heating system cost?").answer
    answering.answer(answer.pk)

    answer.refresh_from_db()
    assert answer.status == Message.Status.DONE
    (cited,) = answer.citations.filter(is_marked=True)
    assert cited.quoted == COST
    assert (
        answer.content
        == f"The northern offer costs 8,800 euros [{cited.number}]. Parliament adopted the annual budget amendment."
    )
    assert answer.retrieval["trace"]["citations"] == {"kept": 0, "moved": 1, "removed": 1}
    assert answer.steps[-1] == (
        "1 citation was moved to the passage that says so; 1 citation was removed, as no passage says so"
    )
    assert f'data-citation="{cited.number}"' in answer.html
    assert 'data-citation="9"' not in answer.html


def test_a_follow_up_is_answered_from_what_its_question_leans_on(
    owner: User, ollama: OllamaServer, add: AddDocument
) -> None:
    add(owner, "offer.txt", [COST])
    chat = conversations.start(owner, model=MODEL)
    for question in ("What does the northern offer for the heating system cost?", "And in dollars?"):
        answer = conversations.post_message(chat, question).answer
        answering.answer(answer.pk)

    answer.refresh_from_db()
    assert answer.retrieval["trace"]["follow_up"] is True
    assert [passage["text"] for passage in answer.retrieval["passages"]] == [COST]
