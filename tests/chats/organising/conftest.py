from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from chats.models import Conversation

MakeChat = Callable[..., Conversation]


@pytest.fixture
def make_chat(owner: User) -> MakeChat:
    """The owner's, unless said otherwise; last used so many days ago."""

    def make(title: str = "A chat", *, of: User = owner, days: float = 0, **values: object) -> Conversation:
        return Conversation.objects.create(
            owner=of, title=title, updated_at=timezone.now() - timedelta(days=days), **values
        )

    return make
