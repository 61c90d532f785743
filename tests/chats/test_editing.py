"""An earlier question in other words: a sibling with an answer of its own, and nothing of the old branch is lost."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.models import User
from chats import conversation as conversations
from chats import tree
from chats.editing import asking_anew
from chats.models import Conversation, Message

from .conftest import answered

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}


def question_of(answer: Message) -> Message:
    assert answer.parent is not None
    return answer.parent


def edit_url(question: Message) -> str:
    return reverse("editing:edit", args=[question.conversation_id, question.pk])


def shown(chat: Conversation) -> list[str]:
    chat.refresh_from_db()
    part = tree.part_of_path(chat.pk, chat.active_leaf_id, limit=100)
    return [message.content for message in part.messages]


class TestTheVerb:
    def test_the_edited_question_stands_beside_the_old_one(self, chat: Conversation) -> None:
        answered(chat, "one", "first")
        second = answered(chat, "two", "second")
        answered(chat, "three", "third")
        exchange = asking_anew.edit(question_of(second), "  two, but better ")
        assert shown(chat) == ["one", "first", "two, but better", ""]
        place = tree.siblings_of(exchange.question)[exchange.question.pk]
        assert place == tree.Siblings(index=2, count=2, previous=second.parent_id)
        conversations.switch_branch(question_of(second))
        assert shown(chat) == ["one", "first", "two", "second", "three", "third"]

    def test_the_first_question_can_be_edited_too(self, chat: Conversation) -> None:
        first = answered(chat, "Helo", "What?")
        answered(chat, "more", "yes")
        exchange = asking_anew.edit(question_of(first), "Hello")
        assert exchange.question.parent_id is None
        assert shown(chat) == ["Hello", ""]
        assert tree.siblings_of(exchange.question)[exchange.question.pk].index == 2

    def test_the_new_answer_is_asked_of_the_conversation_s_model(self, chat: Conversation) -> None:
        first = answered(chat)
        conversations.configure(chat, model="builtin/quote")
        assert asking_anew.edit(question_of(first), "Again").answer.model == "builtin/quote"

    def test_an_answer_is_not_edited(self, chat: Conversation) -> None:
        with pytest.raises(conversations.ChatError, match="Only a question"):
            asking_anew.edit(answered(chat), "No")

    def test_it_is_recorded_without_its_words(self, chat: Conversation, owner: User) -> None:
        old = question_of(answered(chat))
        exchange = asking_anew.edit(old, "a private matter")
        event = AuditEvent.objects.get(action=audit.Action.CHAT_EDITED)
        assert event.user_id == owner.pk
        assert event.details["instead_of"] == str(old.pk)
        assert event.details["question"] == str(exchange.question.pk)
        assert "private" not in str(event.details)


class TestThePage:
    def test_the_field_comes_in_the_place_of_the_bubble(self, page: Client, chat: Conversation) -> None:
        question = question_of(answered(chat, "Is <b>it</b>?"))
        html = page.get(edit_url(question), **HTMX).content.decode()
        assert f'id="m-{question.pk}"' in html
        assert "Is &lt;b&gt;it&lt;/b&gt;?</textarea>" in html
        assert "<html" not in html

    def test_what_is_sent_is_answered_with_the_new_path(self, page: Client, chat: Conversation) -> None:
        question = question_of(answered(chat, "old words", "old answer"))
        html = page.post(edit_url(question), {"content": "new words"}, **HTMX).content.decode()
        assert "new words" in html
        assert "2 of 2" in html
        assert 'data-status="queued"' in html
        assert "old" not in html

    def test_without_scripts_it_is_a_page_and_leads_back_to_the_chat(self, page: Client, chat: Conversation) -> None:
        question = question_of(answered(chat, "old words"))
        html = page.get(edit_url(question)).content.decode()
        assert "<html" in html
        assert "old words</textarea>" in html
        response = page.post(edit_url(question), {"content": "new words"})
        assert response["Location"] == reverse("chats:conversation", args=[chat.pk])
        assert shown(chat) == ["new words", ""]

    @pytest.mark.parametrize(("text", "reason"), [(" ", "nothing to send"), ("x", "the limit is")])
    def test_what_is_refused_says_why_and_is_kept(
        self, page: Client, chat: Conversation, text: str, reason: str
    ) -> None:
        text *= settings.MESSAGE_MAX_LENGTH + 1
        question = question_of(answered(chat, "old words"))
        refused = page.post(edit_url(question), {"content": text}, **HTMX)
        assert refused.status_code == 422
        assert reason in refused.content.decode()
        plain = page.post(edit_url(question), {"content": text})
        assert plain.status_code == 422
        assert f"{text}</textarea>" in plain.content.decode()
        assert reason in plain.content.decode()
        assert shown(chat) == ["old words", "Because."]

    def test_an_answer_has_no_field(self, page: Client, chat: Conversation) -> None:
        answer = answered(chat)
        assert page.get(edit_url(answer), **HTMX).status_code == 409

    def test_whoever_may_only_read_edits_nothing(self, page: Client, chat: Conversation, owner: User) -> None:
        question = question_of(answered(chat))
        owner.role = "viewer"
        owner.save()
        assert page.get(edit_url(question)).status_code == 403
        assert page.post(edit_url(question), {"content": "Hello"}).status_code == 403

    def test_a_stranger_does_not_find_it(self, strangers_page: Client, chat: Conversation) -> None:
        question = question_of(answered(chat, "old words"))
        assert strangers_page.get(edit_url(question)).status_code == 404
        assert strangers_page.post(edit_url(question), {"content": "mine"}).status_code == 404
        assert shown(chat) == ["old words", "Because."]

    def test_the_answer_to_the_old_question_is_not_written_any_further(self, page: Client, chat: Conversation) -> None:
        waiting = conversations.post_message(chat, "Waht?").answer
        page.post(edit_url(question_of(waiting)), {"content": "What?"}, **HTMX)
        waiting.refresh_from_db()
        assert waiting.status == Message.Status.STOPPED
        new = Message.objects.get(parent__content__isnull=False, status=Message.Status.QUEUED)
        Message.objects.filter(pk=new.pk).update(status=Message.Status.WRITING, claimed_by="w")
        page.post(edit_url(question_of(new)), {"content": "What now?"}, **HTMX)
        new.refresh_from_db()
        assert new.stop_requested
