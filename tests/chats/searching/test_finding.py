"""What is found in one's own conversations, in which order, and how it is shown."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.tenancy import acting_as
from chats import conversation as conversations
from chats.models import Conversation, ConversationTag, Folder, Message, Tag
from chats.searching import finding
from chats.sharing.models import Share
from tests.chats.searching.conftest import Find, marked, said, texts, written

pytestmark = pytest.mark.django_db

LANGUAGES = [
    ("german", "Welche Häuser stehen in der Altstadt, und wie alt sind sie?", "Haus", ["Häuser"]),
    ("german", "Die Straßen sind nass, weil es geregnet hat.", "Strasse", ["Straßen"]),
    ("english", "My Fuß hurts.", "fuss", ["Fuß"]),
    ("english", "My fuss is over.", "FUẞ", ["fuss"]),
    ("french", "Les chevaux mangent dans le pré avec les vaches.", "cheval", ["chevaux"]),
    ("french", "L’été dernier nous étions à Évian pour une semaine.", "evian", ["Évian"]),
    (
        "spanish",
        "Las canciones populares de la región son muy antiguas.",
        "canción popular",
        ["canciones", "populares"],
    ),
    ("russian", "Мы сравнили системы поиска документов.", "система документ", ["системы", "документов"]),
    ("chinese", "东京是日本的首都，人口很多。", "首都", ["首都"]),
    ("chinese", "他昨天买了一只猫。", "猫", ["猫"]),
    ("japanese", "私は東京都に住んでいます。", "東京", ["東京"]),
    ("japanese", "カタカナで書かれたコンピュータの説明", "コンピュータ", ["コンピュータ"]),
    ("english", "He was running two races in one day.", "run race", ["running", "races"]),
]


@pytest.mark.parametrize(("language", "text", "query", "shown"), LANGUAGES, ids=[f"{x[0]}-{x[2]}" for x in LANGUAGES])
def test_other_forms_of_a_word_are_found_and_marked_as_they_are_written(
    chat: Conversation, find: Find, language: str, text: str, query: str, shown: list[str]
) -> None:
    said(chat, "Nothing about it stands here.")
    said(chat, text)
    found = find(query)
    assert texts(found)[:1] == [text]
    assert marked(found) == shown
    assert found.hits[0].is_complete


def test_everything_of_several_languages_is_found_by_one_question(chat: Conversation, find: Find) -> None:
    for text in (
        "The water in the river is cold.",
        "Das Wasser in dem Fluss ist kalt.",
        "L'eau de la rivière est froide.",
    ):
        said(chat, text)
    assert texts(find("rivers")) == ["The water in the river is cold."]
    assert texts(find("Flüsse")) == ["Das Wasser in dem Fluss ist kalt."]
    assert texts(find("rivières")) == ["L'eau de la rivière est froide."]


def test_an_answer_too_short_to_tell_has_the_language_of_its_question(chat: Conversation, find: Find) -> None:
    question = said(chat, "Was steht in der Altstadt und ist dort am ältesten?")
    said(chat, "Häuser.", parent=question, role="assistant")
    assert texts(find("Haus")) == ["Häuser."]


def test_in_a_language_without_spaces_the_pair_is_found_and_not_each_character(chat: Conversation, find: Find) -> None:
    said(chat, "京都は古い都です。")
    said(chat, "東京は大きい。")
    found = find("東京")
    assert texts(found) == ["東京は大きい。", "京都は古い都です。"]
    assert [hit.is_complete for hit in found.hits] == [True, False]


class TestRanking:
    def test_what_has_all_the_words_comes_before_what_has_one_of_them_often(
        self, chat: Conversation, find: Find
    ) -> None:
        said(chat, "Copper copper copper copper.")
        said(chat, "A kettle of copper, bought in a shop that sells many other things besides.")
        found = find("copper kettle")
        assert [hit.is_complete for hit in found.hits] == [True, False]
        assert (found.complete, found.total) == (1, 2)

    def test_rare_words_weigh_more_than_frequent_ones(self, chat: Conversation, find: Find) -> None:
        for number in range(6):
            said(chat, f"Garden number {number} again.")
        said(chat, "The heron came again.")
        assert texts(find("garden heron"))[0] == "The heron came again."

    def test_short_messages_weigh_more_than_long_ones(self, chat: Conversation, find: Find) -> None:
        said(chat, "Heron. " + "Many other things stand here besides. " * 30)
        said(chat, "A heron stands here.")
        assert texts(find("heron"))[0] == "A heron stands here."

    def test_of_equals_the_newest_comes_first(self, chat: Conversation, find: Find) -> None:
        older, newer = said(chat, "heron"), said(chat, "heron")
        assert [hit.message for hit in find("heron").hits] == [newer, older]

    def test_words_are_counted_in_ones_own_conversations_alone(
        self, chat: Conversation, find: Find, stranger: User
    ) -> None:
        said(chat, "garden gate")
        said(chat, "garden heron")
        before = [hit.message for hit in find("garden heron").hits]
        other = conversations.start(stranger)
        for _ in range(30):
            said(other, "heron")
        assert [hit.message for hit in find("garden heron").hits] == before

    def test_one_statement_ranks(self, chat: Conversation, find: Find) -> None:
        for number in range(30):
            said(chat, f"Heron {number}")
        find("heron")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            find("heron")
        ranking = [query for query in queries if "searching_occurrences" in query["sql"]]
        assert len(ranking) == 1
        assert len(queries) <= 4


class TestTitles:
    def test_a_chat_is_found_by_its_title(self, chat: Conversation, find: Find) -> None:
        conversations.rename(chat, "Birds of the lake")
        found = find("bird")
        assert [(hit.conversation, hit.message) for hit in found.hits] == [(chat, None)]
        assert [piece.text for piece in found.hits[0].title if piece.is_marked] == ["Birds"]

    def test_a_new_title_takes_the_place_of_the_old_one(self, chat: Conversation, find: Find) -> None:
        conversations.rename(chat, "Birds of the lake")
        conversations.rename(chat, "Copper kettles")
        assert find("bird").hits == []
        assert len(find("kettle").hits) == 1

    def test_a_word_of_the_title_and_one_of_the_message_are_all_the_words(
        self, chat: Conversation, find: Find, owner: User
    ) -> None:
        other = conversations.start(owner)
        said(other, "Which hotel is cheap?")
        said(chat, "Which hotel is near the station?")
        conversations.rename(chat, "Berlin in spring")
        found = find("berlin hotel")
        assert texts(found)[0] == "Which hotel is near the station?"
        assert found.complete == 1

    def test_the_title_made_of_the_first_question_is_found(self, chat: Conversation, find: Find) -> None:
        written(conversations.post_message(chat, "How do herons build?").answer, "Of sticks.")
        assert {hit.message is None for hit in find("heron").hits} == {True, False}


class TestFilters:
    def test_a_folder(self, chat: Conversation, find: Find, owner: User) -> None:
        other = conversations.start(owner)
        other.folder = Folder.objects.create(owner=owner, name="Birds")
        other.save()
        said(chat, "heron here")
        said(other, "heron there")
        assert texts(find("heron", folder=other.folder.pk)) == ["heron there"]

    def test_a_tag(self, chat: Conversation, find: Find, owner: User) -> None:
        other = conversations.start(owner)
        tag = Tag.objects.create(owner=owner, name="birds")
        ConversationTag.objects.create(conversation=other, tag=tag)
        said(chat, "heron here")
        said(other, "heron there")
        assert texts(find("heron", tag=tag.pk)) == ["heron there"]

    def test_days_from_and_to_are_included(self, chat: Conversation, find: Find) -> None:
        for day in (1, 2, 3, 4):
            said(chat, f"heron on {day}", created_at=datetime(2026, 5, day, 12, tzinfo=UTC))
        found = find("heron", since=date(2026, 5, 2), until=date(2026, 5, 3))
        assert sorted(texts(found)) == ["heron on 2", "heron on 3"]
        assert found.total == 2

    def test_the_model_that_wrote_it(self, chat: Conversation, find: Find, owner: User) -> None:
        said(chat, "heron asked")
        said(chat, "heron of one", role="assistant", answered_by="ollama/one")
        said(chat, "heron of two", role="assistant", answered_by="ollama/two")
        assert texts(find("heron", model="ollama/two")) == ["heron of two"]
        assert finding.models_used(owner) == ["ollama/one", "ollama/two"]


class TestWhose:
    def test_a_stranger_finds_nothing(self, chat: Conversation, find: Find, stranger: User) -> None:
        said(chat, "A heron.")
        with acting_as(stranger):
            assert find("heron", user=stranger).hits == []

    def test_what_others_share_is_not_among_ones_own(self, chat: Conversation, find: Find, stranger: User) -> None:
        said(chat, "A heron.")
        Share.objects.create(conversation=chat, kind="person", viewer=stranger, address=stranger.email)
        with acting_as(stranger):
            assert Conversation.objects.filter(pk=chat.pk).exists()
            assert find("heron", user=stranger).hits == []

    def test_a_deleted_chat_is_not_found_until_it_is_restored(self, chat: Conversation, find: Find) -> None:
        said(chat, "A heron.")
        conversations.delete(chat)
        assert find("heron").hits == []
        conversations.restore(chat)
        assert texts(find("heron")) == ["A heron."]

    def test_neither_words_nor_the_same_numbers_for_two_people(self, chat: Conversation, stranger: User) -> None:
        from chats.searching.models import Occurrences

        said(chat, "A heron stands in the garden.")
        said(conversations.start(stranger), "A heron stands in the garden.")
        terms = list(Occurrences.objects.values_list("term", flat=True))
        assert len(terms) == len(set(terms)) == 12


class TestSnippets:
    def test_the_stretch_with_most_of_the_words_is_shown(self, chat: Conversation, find: Find) -> None:
        said(chat, "heron " + "something else entirely " * 60 + "the heron on its nest " + "and more of it " * 60)
        pieces = find("heron nest").hits[0].snippet
        text = "".join(piece.text for piece in pieces)
        assert "the heron on its nest" in text
        assert text.startswith("…")
        assert text.endswith("…")
        assert len(text) < 300

    def test_markdown_is_not_shown_as_it_is_written(self, chat: Conversation, find: Find) -> None:
        said(
            chat,
            "## Nests\n\n- **herons** build [high](https://example.org/nests)\n\n"
            "```python\nnest = 1\n```\n\n| a | b |\n|---|---|\n| c | d |",
        )
        text = "".join(piece.text for piece in find("heron").hits[0].snippet)
        assert text == "Nests herons build high nest = 1 a b c d"

    def test_markup_in_a_message_stays_words(self, chat: Conversation, find: Find) -> None:
        said(chat, "heron <script>alert(1)</script>")
        assert "".join(piece.text for piece in find("heron").hits[0].snippet) == "heron <script>alert(1)</script>"


@pytest.mark.parametrize("query", ["", "  ", "!!! ???", "\x00", "__"])
def test_without_a_word_nothing_is_searched_for(chat: Conversation, find: Find, query: str) -> None:
    said(chat, "A heron.")
    assert find(query).is_empty_question


def test_a_pasted_page_is_searched_for_by_its_beginning(chat: Conversation, find: Find) -> None:
    said(chat, "A heron.")
    assert texts(find("heron " + " ".join(f"word{n}" for n in range(50_000)))) == ["A heron."]


def test_many_results_come_in_pages_without_gap_or_repetition(chat: Conversation, find: Find) -> None:
    for number in range(45):
        said(chat, f"heron {number}")
    seen: list[str] = []
    start: int | None = 0
    while start is not None:
        found = find("heron", start=start)
        assert found.total == 45
        seen += texts(found)
        start = found.following
    assert len(seen) == len(set(seen)) == 45


def test_a_damaged_message_does_not_hide_the_others(chat: Conversation, find: Find) -> None:
    said(chat, "A whole heron.")
    damaged = said(chat, "A damaged heron.")
    Message.objects.filter(pk=damaged.pk).update(
        content=type(Message.sealed(damaged.pk, owner_id=damaged.owner_id, content="x")["content"])(b"\x01damaged" * 9)
    )
    assert texts(find("heron")) == ["A whole heron."]
