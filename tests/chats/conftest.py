from collections.abc import Callable

import pytest
from django.test import Client

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
    Message.objects.filter(pk=exchange.answer.pk).update(
        status=Message.Status.DONE, content=answer, html=f"<p>{answer}</p>"
    )
    exchange.answer.refresh_from_db()
    return exchange.answer
