import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.statements import Statement
from accounts.tenancy import acting_as
from chats.models import Conversation, Folder, Message

pytestmark = pytest.mark.django_db


@pytest.fixture
def chats(owner: User) -> list[Conversation]:
    return [Conversation.objects.create(owner=owner, title=f"Chat {number}") for number in range(3)]


def test_instances_as_the_queryset_gives_them(owner: User, chats: list[Conversation]) -> None:
    made = []

    def rows(user_id: uuid.UUID) -> object:
        made.append(user_id)
        return Conversation.objects.filter(owner=user_id).annotate(count=Count("messages")).order_by("pk")

    statement = Statement(rows)  # type: ignore[arg-type]
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            found = statement(owner.pk)
        assert [chat.title for chat in found] == [chat.title for chat in sorted(chats, key=lambda chat: chat.pk)]
        assert [chat.count for chat in found] == [0, 0, 0]
        assert len(asked) == 1
    assert statement(uuid.uuid4()) == statement(None) == []
    assert len(made) == 1, "the queryset was built again"


def test_it_is_made_for_each_number_of_arguments(owner: User, chats: list[Conversation]) -> None:
    statement = Statement(lambda *ids: Conversation.objects.filter(pk__in=ids).values_list("pk", flat=True))
    for count in (1, 3, 2, 1):
        assert set(statement(*(chat.pk for chat in chats[:count]))) == {chat.pk for chat in chats[:count]}


def test_the_parts_of_a_union_keep_their_columns(owner: User, chats: list[Conversation]) -> None:
    def rows(user_id: uuid.UUID) -> object:
        shown = Conversation.objects.filter(owner=user_id).only("id", "title", "owner_id")
        first, last = shown.order_by("created_at", "pk")[:1], shown.order_by("-created_at", "-pk")[:1]
        return first.union(last, all=True)

    found = Statement(rows)(owner.pk)  # type: ignore[arg-type]
    assert {chat.title for chat in found} == {chats[0].title, chats[-1].title}
    assert {chat.owner_id for chat in found} == {owner.pk}


def test_texts_are_arguments_too(owner: User, chats: list[Conversation]) -> None:
    statement = Statement(lambda email: User.objects.filter(email=email).values_list("pk", flat=True))
    assert statement(owner.email) == [owner.pk]
    assert statement("somebody'); --@example.org") == []
    assert (statement.first(owner.email), statement.first("nobody@example.org")) == (owner.pk, None)


def test_another_who_acts_sees_nothing_of_it(owner: User, stranger: User, chats: list[Conversation]) -> None:
    statement = Statement(lambda user_id: Conversation.objects.filter(owner=user_id))
    with acting_as(owner):
        assert len(statement(owner.pk)) == 3
    with acting_as(stranger):
        assert statement(owner.pk) == []


def test_a_moment_would_stand_there_for_good(owner: User) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    statement = Statement(lambda user_id: Folder.objects.filter(owner=user_id, created_at__gt=yesterday))
    with pytest.raises(TypeError, match="datetime would stand in the statement for good"):
        statement(owner.pk)


def test_an_argument_that_decides_how_it_looks_is_refused(owner: User) -> None:
    statement = Statement(lambda user_id: Folder.objects.filter(owner__isnull=user_id is None))
    with pytest.raises(TypeError, match="does not appear"):
        statement(owner.pk)


@pytest.mark.parametrize(
    "rows",
    [
        lambda pk: Message.objects.filter(pk=pk).select_related("conversation"),
        lambda pk: Conversation.objects.filter(pk=pk).prefetch_related("messages"),
        lambda pk: Message.objects.filter(pk=pk).values("pk"),
    ],
    ids=["with others", "with many others", "as dictionaries"],
)
def test_what_it_cannot_give_it_says(owner: User, rows: object) -> None:
    with pytest.raises(TypeError, match="gives instances"):
        Statement(rows)(owner.pk)  # type: ignore[arg-type]
