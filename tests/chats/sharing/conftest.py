from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chats import conversation as conversations
from chats.models import Citation, Conversation, Message
from chats.sharing import giving
from chats.sharing.models import Share
from tests.chats.conftest import answered, sealed_in

QUESTION, ANSWER, QUOTE = "Where is the ferry?", "At the north pier.", "The ferry leaves from the north pier."


@pytest.fixture
def viewer(db: None) -> User:
    return User.objects.create_user("viewer@example.org", role="viewer")


@pytest.fixture
def answer(owner: User) -> Message:
    """The answer of a conversation with a source. The mark in its text leads where the owner's page has it."""
    chat = conversations.start(owner)
    conversations.rename(chat, "The harbour")
    answer = answered(chat, QUESTION, ANSWER)
    url = f"/chats/{chat.pk}/messages/{answer.pk}/citations/1"
    html = f'<p>{ANSWER}<sup class="cite"><a href="{url}" data-citation="1">1</a></sup></p>'
    Message.objects.filter(pk=answer.pk).update(**sealed_in(answer, html=html, thinking="Hm."))
    Citation.objects.create(message=answer, number=1, document_name="Ferries.pdf", page=3, quoted=QUOTE, score=1)
    return answer


@pytest.fixture
def chat(answer: Message) -> Conversation:
    return Conversation.objects.get(pk=answer.conversation_id)


def browser_of(user: User | None) -> Client:
    browser = Client()
    if user:
        browser.force_login(user)
    return browser


def expire(share: Share) -> None:
    Share.objects.filter(pk=share.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


# The ways in which a share ends.
ENDS: dict[str, Callable[[Share], Any]] = {
    "ended by the owner": giving.end,
    "expired": expire,
    "the chat deleted": lambda share: conversations.delete(share.conversation),
    "the owner suspended": lambda share: User.objects.filter(pk=share.owner_id).update(is_active=False),
    "the owner's account deleted": lambda share: User.objects.get(pk=share.owner_id).delete(),
}
