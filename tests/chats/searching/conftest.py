from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from chats.answering import records
from chats.models import Conversation, Message
from chats.searching import finding, indexing
from chats.searching.finding import Filters, Found

Find = Callable[..., Found]


@pytest.fixture
def find(owner: User) -> Find:
    """What the owner finds."""

    def search(query: str, *, start: int = 0, user: User = owner, **filters: Any) -> Found:
        return finding.find(user, query, Filters(**filters), start=start)

    return search


def said(chat: Conversation, text: str, **values: Any) -> Message:
    """A message that can be found. Without title, so that messages alone are."""
    message = Message.objects.create(conversation=chat, **{"role": "user", "content": text, **values})
    indexing.add_exchange(message)
    return message


def written(answer: Message, text: str, status: str = "done") -> None:
    """A worker writes the answer and ends it."""
    job = records.claim(answer.pk, "worker")
    assert job is not None
    assert records.settle(job, "worker", status, content=text, cited=[], answered_by="ollama/one")


def texts(found: Found) -> list[str]:
    """Of messages their words, of titles the title."""
    return [hit.message.content if hit.message else str(hit.conversation) for hit in found.hits]


def marked(found: Found) -> list[str]:
    """What is marked in the first snippet."""
    return [piece.text for piece in found.hits[0].snippet if piece.is_marked]
