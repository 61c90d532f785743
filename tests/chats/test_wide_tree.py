"""A tree with 500 versions of one message, or 2,000 messages deep, is read as a small one: in queries and in rows."""

from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from chats import conversation as conversations
from chats import replies, tree
from chats.models import Conversation, Message

pytestmark = pytest.mark.django_db

WIDE, DEEP = 500, 2_000


def grown(owner: User, shape: Callable[[Conversation], list[Message]]) -> tuple[Conversation, list[Message]]:
    chat = conversations.start(owner)
    rows = shape(chat)
    begin = timezone.now()
    for number, row in enumerate(rows):  # written in one statement, they would all be of one moment
        row.created_at = begin + timedelta(microseconds=number)
    Message.objects.bulk_create(rows, batch_size=500)
    Conversation.objects.filter(pk=chat.pk).update(active_leaf=rows[-1])
    chat.refresh_from_db()
    return chat, rows


def message(chat: Conversation, parent: Message | None, content: str) -> Message:
    role = Message.Role.ASSISTANT if parent and parent.role == Message.Role.USER else Message.Role.USER
    return Message(conversation=chat, parent=parent, role=role, content=content, html=f"<p>{content}</p>")


def versions(count: int, *, of_answer: bool) -> Callable[[Conversation], list[Message]]:
    """`count` first questions, each with an answer, or one question with `count` answers."""

    def shape(chat: Conversation) -> list[Message]:
        if of_answer:
            question = message(chat, None, "Why?")
            return [question, *(message(chat, question, f"answer {n}") for n in range(count))]
        pairs = []
        for number in range(count):
            question = message(chat, None, f"question {number}")
            pairs += [question, message(chat, question, f"answer {number}")]
        return pairs

    return shape


def line(count: int) -> Callable[[Conversation], list[Message]]:
    def shape(chat: Conversation) -> list[Message]:
        rows: list[Message] = []
        for number in range(count):
            rows.append(message(chat, rows[-1] if rows else None, f"message {number}"))
        return rows

    return shape


@contextmanager
def counted() -> Any:
    """What was asked, and how many rows came back for it."""
    asked: list[int] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        asked.append(context["cursor"].rowcount)
        return result

    with connection.execute_wrapper(count):
        yield asked


@pytest.mark.parametrize("of_answer", [True, False], ids=["answers", "first questions"])
def test_one_row_for_each_message_tells_its_place_among_500(owner: User, of_answer: bool) -> None:
    chat, rows = grown(owner, versions(WIDE, of_answer=of_answer))
    with counted() as asked:
        part = tree.part_of_path(chat.pk, chat.active_leaf_id, limit=30)
    assert len(part.messages) == 2
    assert asked == [2]
    shown = part.messages[1 if of_answer else 0]
    step = 1 if of_answer else 2
    before = rows[rows.index(shown) - step]
    assert part.siblings[shown.pk] == tree.Siblings(index=WIDE, count=WIDE, previous=before.pk)


def test_the_place_in_the_middle_has_both_neighbours(owner: User) -> None:
    _, rows = grown(owner, versions(WIDE, of_answer=True))
    middle = rows[250]
    place = tree.siblings_of(middle)[middle.pk]
    assert place == tree.Siblings(250, WIDE, previous=rows[249].pk, next=rows[251].pk)


def test_a_page_of_500_versions_asks_what_a_page_of_two_asks(page: Client, owner: User) -> None:
    small, _ = grown(owner, versions(2, of_answer=True))
    large, _ = grown(owner, versions(WIDE, of_answer=True))
    page.get(reverse("chats:conversation", args=[small.pk]))  # what is looked up once and then kept
    with counted() as few:
        page.get(reverse("chats:conversation", args=[small.pk]))
    with counted() as many:
        html = page.get(reverse("chats:conversation", args=[large.pk])).content.decode()
    assert "500 of 500" in html
    assert (len(many), sum(many)) == (len(few), sum(few))


def test_switching_in_a_deep_tree_asks_what_it_asks_in_a_small_one(page: Client, owner: User) -> None:
    def forked(count: int) -> Callable[[Conversation], list[Message]]:
        """A line, and a second version of its first question."""

        def shape(chat: Conversation) -> list[Message]:
            first = message(chat, None, "another")
            return [*line(count)(chat), first]

        return shape

    asked = []
    switch(page, grown(owner, forked(2))[1][0])  # what is looked up once and then kept
    for count in (replies.PAGE_LENGTH + 2, DEEP):
        _, rows = grown(owner, forked(count))
        with counted() as queries:
            html = switch(page, rows[0])
        asked.append(len(queries))
        assert f"message {count - 1}</p>" in html
    assert asked[0] == asked[1]


def switch(page: Client, to: Message) -> str:
    url = reverse("chats:switch_branch", args=[to.conversation_id, to.pk])
    return page.post(url, HTTP_HX_REQUEST="true").content.decode()


def test_the_message_at_which_a_version_was_chosen_is_on_the_page(page: Client, owner: User) -> None:
    _, rows = grown(owner, line(100))
    html = switch(page, rows[20])
    assert f'id="m-{rows[20].pk}"' in html
    assert f'id="m-{rows[19].pk}"' not in html
    # Unless it is far away: then the page begins with the end, as ever.
    _, rows = grown(owner, line(replies.LONGEST_PAGE + 50))
    html = switch(page, rows[0])
    assert f'id="m-{rows[0].pk}"' not in html
    assert html.count('class="message') == replies.PAGE_LENGTH


def test_a_deep_tree_is_walked_in_one_query(owner: User) -> None:
    chat, rows = grown(owner, line(DEEP))
    with counted() as asked:
        assert tree.leaf_below(rows[0]) == (rows[-1].pk, DEEP - 1)
    assert asked == [1]
    with counted() as asked:
        assert tree.path_to_root(chat.pk, rows[-1].pk) == [row.pk for row in reversed(rows)]
    assert asked == [DEEP]
    with counted() as asked:
        part = tree.part_of_path(chat.pk, rows[-1].pk, limit=30)
    assert asked == [30]
    assert part.has_earlier


def test_the_order_of_versions_that_came_at_one_moment_is_the_same_everywhere(owner: User) -> None:
    chat, rows = grown(owner, versions(5, of_answer=True))
    Message.objects.filter(conversation=chat, parent=rows[0]).update(created_at=rows[0].created_at)
    order = sorted(row.pk for row in rows[1:])
    places = [tree.siblings_of(Message.objects.get(pk=pk))[pk] for pk in order]
    assert [place.index for place in places] == [1, 2, 3, 4, 5]
    assert [place.next for place in places] == [*order[1:], None]
