"""When messages begin and cease to be findable, and that no word of them is stored for it."""

import uuid
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import User
from chats import conversation as conversations
from chats.answering.title import _store as store_automatic_title
from chats.exchange import storing
from chats.exchange.formats.portable import Chat, Turn
from chats.holding import _delete as delete_for_good
from chats.models import Conversation, Message
from chats.organising import undo
from chats.searching import catching_up, indexing
from chats.searching.models import Indexed, Occurrences
from tests.chats.searching.conftest import Find, said, texts, written

pytestmark = pytest.mark.django_db


def test_an_answer_is_found_once_it_is_complete(chat: Conversation, find: Find) -> None:
    answer = conversations.post_message(chat, "What stands there?").answer
    assert find("heron").hits == []
    written(answer, "A heron.")
    assert texts(find("heron")) == ["A heron."]


def test_a_question_is_found_once_its_answer_has_ended(chat: Conversation, find: Find) -> None:
    answer = conversations.post_message(chat, "Where do herons stand?").answer
    assert find("heron").hits == []
    written(answer, "By the lake.")
    assert "Where do herons stand?" in texts(find("heron"))


def test_a_question_stopped_before_anybody_began_is_found(chat: Conversation, find: Find) -> None:
    answer = conversations.post_message(chat, "Where do herons stand?").answer
    assert conversations.stop(answer)
    assert "Where do herons stand?" in texts(find("heron"))


@pytest.mark.parametrize("status", ["stopped", "interrupted", "failed"])
def test_what_was_written_of_a_broken_off_answer_is_found(chat: Conversation, find: Find, status: str) -> None:
    written(conversations.post_message(chat, "What stands there?").answer, "A heron and", status)
    assert texts(find("heron")) == ["A heron and"]


def test_a_continued_answer_is_found_by_what_it_says_now(chat: Conversation, find: Find) -> None:
    answer = conversations.post_message(chat, "What stands there?").answer
    written(answer, "A heron and", "stopped")
    conversations.continue_answer(answer)
    assert texts(find("heron")) == ["A heron and"]
    written(answer, "A stork and a kettle.")
    assert find("heron").hits == []
    assert texts(find("kettle")) == ["A stork and a kettle."]
    assert Indexed.objects.filter(message=answer).count() == 1
    # Nothing is left of words that no message has any more.
    assert not Occurrences.objects.filter(places=[]).exists()


def test_an_edited_question_is_found_beside_the_old_one(chat: Conversation, find: Find) -> None:
    from chats.editing import asking_anew

    conversations.rename(chat, "A chat")
    first = conversations.post_message(chat, "What does a heron eat?")
    written(first.answer, "Fish.")
    written(asking_anew.edit(first.question, "What does a heron drink?").answer, "Water.")
    assert sorted(texts(find("heron"))) == ["What does a heron drink?", "What does a heron eat?"]


def test_an_automatic_title_is_found(chat: Conversation, find: Find) -> None:
    assert store_automatic_title(chat.pk, chat.owner_id, "Birds of the lake")
    assert len(find("bird").hits) == 1
    conversations.rename(chat, "Kettles")
    assert not store_automatic_title(chat.pk, chat.owner_id, "Birds of the lake")
    assert find("bird").hits == []


def imported(user: User, messages: int = 3) -> None:
    turns = [
        Turn(
            id=str(n), parent=str(n - 1) if n else None, is_answer=bool(n % 2), content=f"Heron {n} am See", model="one"
        )
        for n in range(messages)
    ]
    assert storing.store(Chat(origin=f"test:{uuid.uuid4()}", title="Vögel", turns=turns), user)


def test_an_imported_chat_is_found_with_its_title(find: Find, owner: User) -> None:
    imported(owner)
    assert len(find("heron").hits) == 3
    assert len(find("vogel").hits) == 1


def test_an_import_indexes_a_chat_with_a_few_statements(owner: User, django_assert_max_num_queries: object) -> None:
    imported(owner)
    chat = Conversation.objects.get()
    messages = list(Message.objects.all())
    indexing.forget(chat.pk)
    with django_assert_max_num_queries(2):  # type: ignore[operator]
        indexing.add_conversation(chat, messages)
    assert Indexed.objects.count() == 4


def test_indexing_twice_leaves_the_same_rows(owner: User) -> None:
    imported(owner)
    before = sorted(Occurrences.objects.values_list("term", "places"))
    indexing.add_conversation(Conversation.objects.get(), list(Message.objects.all()))
    assert sorted(Occurrences.objects.values_list("term", "places")) == before


def test_what_is_removed_for_good_leaves_nothing(chat: Conversation) -> None:
    written(conversations.post_message(chat, "What stands there?").answer, "A heron.")
    delete_for_good(chat.pk)
    assert not Occurrences.objects.exists()
    assert not Indexed.objects.exists()


def test_a_rename_that_is_taken_back_leaves_the_first_title_to_be_found(chat: Conversation, find: Find) -> None:
    conversations.rename(chat, "Herons")
    sealed = Conversation.sealed(chat.pk, owner_id=chat.owner_id, title=chat.title)["title"]
    before = undo.Change(verb="rename", before={str(chat.pk): None}, name=undo.kept(sealed), automatic=False)
    word = undo.remember(chat.owner, before)
    conversations.rename(chat, "Kettles")
    undo.undo(chat.owner, word)
    assert find("kettle").hits == []
    assert len(find("heron").hits) == 1


def test_rows_go_with_a_conversation_that_is_deleted_in_any_way(chat: Conversation) -> None:
    said(chat, "A heron.")
    chat.delete()
    assert not Occurrences.objects.exists()
    assert not Indexed.objects.exists()


def test_no_word_is_stored(chat: Conversation) -> None:
    written(conversations.post_message(chat, "Wherestands theheron?").answer, "Theheron stands there.")
    with connection.cursor() as cursor:
        for table in ("searching_indexed", "searching_occurrences"):
            cursor.execute(f"SELECT t::text FROM {table} AS t")
            rows = cursor.fetchall()
            assert rows
            assert not any("heron" in row[0].lower() for row in rows)


class TestCatchingUp:
    """Chats that are older than the search, or were restored from a copy without its tables."""

    @pytest.fixture
    def old(self, owner: User, stranger: User) -> None:
        for user in (owner, stranger):
            for _ in range(2):
                imported(user)
        Occurrences.objects.all().delete()
        Indexed.objects.all().delete()

    def test_the_command_makes_everything_findable(self, old: None, find: Find, owner: User) -> None:
        assert find("heron").hits == []
        said_out = StringIO()
        call_command("index_chats", stdout=said_out)
        assert "4 chats were made searchable" in said_out.getvalue()
        assert len(find("heron").hits) == 6
        assert len(find("vögel").hits) == 2

    def test_a_second_run_finds_nothing_to_do(self, old: None) -> None:
        call_command("index_chats", stdout=StringIO())
        before = sorted(Occurrences.objects.values_list("term", "places"))
        again = StringIO()
        call_command("index_chats", stdout=again)
        assert "0 chats were made searchable" in again.getvalue()
        assert sorted(Occurrences.objects.values_list("term", "places")) == before

    def test_a_run_that_was_interrupted_goes_on(
        self, old: None, owner: User, find: Find, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = indexing.add_conversation
        calls = []

        def killed(*args: object) -> None:
            calls.append(args)
            if len(calls) == 2:
                raise KeyboardInterrupt
            whole(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(indexing, "add_conversation", killed)
        with pytest.raises(KeyboardInterrupt):
            catching_up.index_missing(owner.pk)
        assert len(find("heron").hits) == 3
        monkeypatch.setattr(indexing, "add_conversation", whole)
        assert catching_up.index_missing(owner.pk) == 1
        assert len(find("heron").hits) == 6

    def test_what_is_being_written_is_left_to_its_worker(self, chat: Conversation, owner: User) -> None:
        exchange = conversations.post_message(chat, "What stands there?")
        catching_up.index_missing(owner.pk)
        assert list(Indexed.objects.exclude(message=None).values_list("message", flat=True)) == [exchange.question.pk]
        assert catching_up.index_missing(owner.pk) == 0
