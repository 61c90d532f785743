"""What a person can do with conversations, as verbs."""

import pytest
from django.conf import settings

from accounts.models import User
from chats import conversation as conversations
from chats import tree
from chats.models import Conversation, Message

from .conftest import answered

pytestmark = pytest.mark.django_db


def test_a_question_stands_above_a_queued_answer(chat: Conversation) -> None:
    exchange = conversations.post_message(chat, "  What is it?\r\nReally?  ")
    chat.refresh_from_db()
    assert exchange.question.content == "What is it?\nReally?"
    assert exchange.answer.parent_id == exchange.question.pk
    assert exchange.answer.status == Message.Status.QUEUED
    assert chat.active_leaf_id == exchange.answer.pk


@pytest.mark.parametrize("text", ["", "   \n\t ", "\0\0"])
def test_nothing_is_not_a_question(chat: Conversation, text: str) -> None:
    with pytest.raises(conversations.BadMessage):
        conversations.post_message(chat, text)
    assert not Message.objects.exists()


def test_a_message_over_the_limit_is_refused_with_both_numbers(chat: Conversation) -> None:
    with pytest.raises(conversations.BadMessage) as refused:
        conversations.post_message(chat, "x" * 200_000)
    assert "200,000" in refused.value.text
    assert f"{settings.MESSAGE_MAX_LENGTH:,}" in refused.value.text


def test_the_next_question_waits_for_the_answer(chat: Conversation) -> None:
    conversations.post_message(chat, "one")
    with pytest.raises(conversations.StillWriting):
        conversations.post_message(chat, "two")


def test_a_conversation_is_named_after_its_first_question(chat: Conversation) -> None:
    answered(chat, "How  do I\nreset my password?")
    answered(chat, "And then?")
    chat.refresh_from_db()
    assert chat.title == "How do I reset my password?"


def test_a_long_first_question_is_cut_between_words(chat: Conversation) -> None:
    answered(chat, "word " * 50)
    chat.refresh_from_db()
    assert chat.title.endswith("word…")
    assert len(chat.title) <= 61


def test_another_answer_stands_beside_the_first_and_is_shown(chat: Conversation) -> None:
    first = answered(chat)
    second = conversations.regenerate(first, model="builtin/quote")
    chat.refresh_from_db()
    part = tree.part_of_path(chat.pk, chat.active_leaf_id, limit=10)
    assert [m.pk for m in part.messages] == [first.parent_id, second.pk]
    assert part.siblings[second.pk] == tree.Siblings(index=2, count=2, previous=first.pk)
    assert second.model == "builtin/quote"


def test_an_answer_asked_for_twice_at_once_is_made_once(chat: Conversation) -> None:
    first = answered(chat)
    second = conversations.regenerate(first)
    assert conversations.regenerate(first).pk == second.pk
    assert first.parent is not None
    assert first.parent.children.count() == 2
    # With another model it is another wish.
    assert conversations.regenerate(first, model="builtin/quote").pk != second.pk


def test_a_question_cannot_be_regenerated(chat: Conversation) -> None:
    question = answered(chat).parent
    assert question is not None
    with pytest.raises(conversations.ChatError):
        conversations.regenerate(question)


def test_switching_leads_to_the_newest_leaf_of_the_branch(chat: Conversation) -> None:
    first = answered(chat)
    later = answered(chat, "more")
    conversations.regenerate(first)
    conversations.switch_branch(first)
    chat.refresh_from_db()
    assert chat.active_leaf_id == later.pk


def test_only_the_newest_part_is_read_and_the_rest_on_demand(chat: Conversation) -> None:
    answers = [answered(chat, f"q{i}") for i in range(6)]
    newest = tree.part_of_path(chat.pk, answers[-1].pk, limit=4)
    assert [m.content for m in newest.messages] == ["q4", "Because.", "q5", "Because."]
    assert newest.has_earlier
    earlier = tree.part_of_path(chat.pk, newest.messages[0].pk, limit=100, below=True)
    assert [m.content for m in earlier.messages][-2:] == ["q3", "Because."]
    assert not earlier.has_earlier


def test_a_queued_answer_that_is_stopped_is_over_at_once(chat: Conversation) -> None:
    answer = conversations.post_message(chat, "one").answer
    assert conversations.stop(answer)
    answer.refresh_from_db()
    assert answer.status == Message.Status.STOPPED


def test_a_working_answer_is_asked_to_stop(chat: Conversation) -> None:
    answer = conversations.post_message(chat, "one").answer
    Message.objects.filter(pk=answer.pk).update(status=Message.Status.WRITING, claimed_by="w")
    assert not conversations.stop(answer)
    answer.refresh_from_db()
    assert answer.stop_requested
    assert answer.status == Message.Status.WRITING


def test_a_stopped_answer_is_continued_with_its_text(chat: Conversation) -> None:
    answer = answered(chat, answer="Half a")
    Message.objects.filter(pk=answer.pk).update(status=Message.Status.STOPPED, stop_requested=True)
    conversations.continue_answer(answer)
    assert answer.status == Message.Status.QUEUED
    assert answer.content == "Half a"
    assert not answer.stop_requested


def test_a_complete_answer_is_not_continued(chat: Conversation) -> None:
    with pytest.raises(conversations.ChatError, match="complete"):
        conversations.continue_answer(answered(chat))


def test_a_typed_title_stays(chat: Conversation) -> None:
    conversations.rename(chat, "  My\n title ")
    answered(chat)
    chat.refresh_from_db()
    assert chat.title == "My title"
    assert not chat.title_is_automatic


def test_an_empty_title_is_refused_and_the_old_kept(chat: Conversation) -> None:
    conversations.rename(chat, "Kept")
    with pytest.raises(conversations.BadMessage):
        conversations.rename(chat, " \0 ")
    chat.refresh_from_db()
    assert chat.title == "Kept"


def test_a_deleted_conversation_is_gone_until_restored(chat: Conversation, owner: User) -> None:
    answer = conversations.post_message(chat, "one").answer
    conversations.delete(chat)
    assert not Conversation.objects.visible_to(owner).exists()
    assert not Message.objects.visible_to(owner).exists()
    answer.refresh_from_db()
    assert answer.status == Message.Status.STOPPED
    conversations.restore(Conversation.objects.deleted_by(owner).get())
    assert Conversation.objects.visible_to(owner).get() == chat


def test_strangers_see_nothing(chat: Conversation, stranger: User) -> None:
    answered(chat)
    assert not Conversation.objects.visible_to(stranger).exists()
    assert not Message.objects.visible_to(stranger).exists()
