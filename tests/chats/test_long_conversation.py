"""A conversation of a thousand messages opens as one of ten does."""

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from chats import conversation as conversations
from chats.models import Citation, Conversation, Message

pytestmark = pytest.mark.django_db

SHORT, LONG = 10, 1_000


def grown(owner: User, length: int) -> Conversation:
    """A conversation of `length` messages, every answer with a citation."""
    chat = conversations.start(owner)
    rows: list[Message] = []
    for number in range(length):
        is_answer = number % 2 == 1
        rows.append(
            Message(
                conversation=chat,
                parent=rows[-1] if rows else None,
                role=Message.Role.ASSISTANT if is_answer else Message.Role.USER,
                content=f"Message {number} of {length}",
                html=f"<p>Message {number} of {length}</p>" if is_answer else "",
            )
        )
    Message.objects.bulk_create(rows)
    Citation.objects.bulk_create(
        Citation(message=row, number=1, document_name="Report.pdf", page=3, quoted="So it is.", score=0.9)
        for row in rows
        if row.role == Message.Role.ASSISTANT
    )
    Conversation.objects.filter(pk=chat.pk).update(active_leaf=rows[-1])
    return chat


def queries_of(page: Client, url: str) -> tuple[list[str], str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = page.get(url)
    assert response.status_code == 200
    return [query["sql"] for query in captured], response.content.decode()


def test_the_number_of_queries_does_not_depend_on_the_length(page: Client, owner: User) -> None:
    short, long = grown(owner, SHORT), grown(owner, LONG)
    page.get(reverse("chats:conversation", args=[short.pk]))  # what is looked up once and then kept
    few, _ = queries_of(page, reverse("chats:conversation", args=[short.pk]))
    many, html = queries_of(page, reverse("chats:conversation", args=[long.pk]))
    assert len(many) == len(few)
    assert len(few) <= 13
    assert f"Message {LONG - 1} of {LONG}" in html


def test_only_the_newest_part_is_sent_and_the_rest_follows_in_parts(page: Client, owner: User) -> None:
    chat = grown(owner, LONG)
    _, html = queries_of(page, reverse("chats:conversation", args=[chat.pk]))
    seen: list[int] = []
    queries: set[int] = set()
    while True:
        shown = [n for n in range(LONG) if f"Message {n} of {LONG}<" in html]
        assert len(shown) < 100
        assert not set(shown) & set(seen)
        seen = shown + seen
        before = earliest(html)
        if before is None:
            break
        asked, html = queries_of(page, f"{reverse('chats:earlier', args=[chat.pk])}?before={before}")
        queries.add(len(asked))
    assert seen == list(range(LONG))
    assert len(queries) == 1


def earliest(html: str) -> uuid.UUID | None:
    """What the sentinel at the top asks for, when there is more above."""
    _, found, rest = html.partition("earlier?before=")
    return uuid.UUID(rest[:36]) if found else None
