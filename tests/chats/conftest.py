from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.encryption.fields import Sealed
from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Message

Ask = Callable[..., Message]


@pytest.fixture
def chat(owner: User) -> Conversation:
    return conversations.start(owner)


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """The owner's browser."""
    client.force_login(owner)
    return client


@pytest.fixture
def strangers_page(stranger: User) -> Client:
    browser = Client()
    browser.force_login(stranger)
    return browser


def answered(conversation: Conversation, question: str = "Why?", answer: str = "Because.") -> Message:
    """A question with a finished answer."""
    exchange = conversations.post_message(conversation, question)
    sealed = sealed_in(exchange.answer, content=answer, html=f"<p>{answer}</p>")
    Message.objects.filter(pk=exchange.answer.pk).update(status=Message.Status.DONE, **sealed)
    exchange.answer.refresh_from_db()
    return exchange.answer


def sealed_in(message: Message, **values: Any) -> dict[str, Sealed]:
    """For an update of this message: its sealed columns."""
    return Message.sealed(message.pk, owner_id=message.owner_id, **values)
