"""What becomes of a title that a model wrote."""

import pytest

from chats import conversation as conversations
from chats.answering import title
from chats.models import Conversation


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('"A name for the ferry"', "A name for the ferry"),
        ("**Gull** – short and friendly", "Gull – short and friendly"),
        ("## The *Morning Tide* and `Gull`", "The Morning Tide and Gull"),
        ("Title of __init__ in a ***class***", "Title of __init__ in a class"),
        ("What is 3 * 4 * 5?", "What is 3 * 4 * 5?"),
        ("The names snake_case_here and a*b*c", "The names snake_case_here and a*b*c"),
        ("\n\nFerry names\nBecause they are nice", "Ferry names"),
        ("```python\nSorting lists\n```", "Sorting lists"),
        ("~~~\n~~~", ""),
        ("**", ""),
    ],
)
def test_a_title_holds_no_marks(written: str, kept: str) -> None:
    assert title._tidy(written) == kept


@pytest.mark.django_db
def test_pages_are_told_the_title_that_there_is_by_now(chat: Conversation) -> None:
    assert title._store(chat.pk, chat.owner_id, "In the model's words")
    conversations.rename(chat, "Typed meanwhile")
    assert "Typed meanwhile" in title._shown(chat.pk)
    Conversation.objects.all().delete()
    assert title._shown(chat.pk) == ""
