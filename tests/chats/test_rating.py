"""Thumbs up and down: for answers, by their owner, with a comment if there is one, and without scripts too."""

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Message
from chats.rating import giving

from .conftest import answered

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}


def rating_url(message: Message) -> str:
    return reverse("rating:rate", args=[message.conversation_id, message.pk])


@pytest.fixture
def answer(chat: Conversation) -> Message:
    return answered(chat)


def stored(answer: Message) -> tuple[int | None, str]:
    answer.refresh_from_db()
    return answer.rating, answer.rating_comment


def test_a_thumb_is_stored_and_asks_why(page: Client, answer: Message) -> None:
    html = page.post(rating_url(answer), {"rating": "-1"}, **HTMX).content.decode()
    assert stored(answer) == (-1, "")
    assert html.count('aria-pressed="true"') == 1
    assert "What was wrong about the answer (optional)" in html
    assert "<details" in html
    assert " open>" in html
    assert "<html" not in html


def test_a_comment_is_kept_sealed(page: Client, answer: Message) -> None:
    page.post(rating_url(answer), {"rating": "1"}, **HTMX)
    html = page.post(
        rating_url(answer), {"rating": "1", "comment": " Right to\r\nthe point. "}, **HTMX
    ).content.decode()
    assert stored(answer) == (1, "Right to\nthe point.")
    assert "Your comment" in html
    assert " open>" not in html
    with connection.cursor() as cursor:
        cursor.execute("SELECT rating_comment FROM chats_message WHERE id = %s", [answer.pk])
        assert b"point" not in bytes(cursor.fetchone()[0])


def test_the_other_thumb_keeps_the_comment_and_the_same_one_takes_all_back(page: Client, answer: Message) -> None:
    page.post(rating_url(answer), {"rating": "1", "comment": "Hm"}, **HTMX)
    page.post(rating_url(answer), {"rating": "-1"}, **HTMX)
    assert stored(answer) == (-1, "Hm")
    html = page.get(reverse("chats:conversation", args=[answer.conversation_id])).content.decode()
    assert """value="0" hx-vals='{"rating": 0}' aria-pressed="true" aria-label="Bad answer\"""" in html
    page.post(rating_url(answer), {"rating": "0"}, **HTMX)
    assert stored(answer) == (None, "")


def test_without_scripts_it_leads_back_to_the_answer(page: Client, answer: Message) -> None:
    response = page.post(rating_url(answer), {"rating": "1"})
    assert response.status_code == 302
    assert response["Location"].endswith(f"#m-{answer.pk}")
    assert stored(answer) == (1, "")


@pytest.mark.parametrize("rating", ["", "5", "up", "1 OR 1"])
def test_what_is_no_rating_changes_nothing(page: Client, answer: Message, rating: str) -> None:
    response = page.post(rating_url(answer), {"rating": rating}, **HTMX)
    assert response.status_code == 422
    assert "thumb" in response.content.decode()
    assert stored(answer) == (None, "")


def test_a_comment_over_the_limit_is_refused_with_both_numbers(page: Client, answer: Message) -> None:
    giving.rate(answer, 1, "short")
    response = page.post(rating_url(answer), {"rating": "-1", "comment": "x" * 2_001}, **HTMX)
    assert response.status_code == 422
    assert "2,001" in response.content.decode()
    assert "2,000" in response.content.decode()
    assert stored(answer) == (1, "short")


def test_questions_and_unfinished_answers_are_not_rated(page: Client, chat: Conversation, answer: Message) -> None:
    assert answer.parent is not None
    assert page.post(rating_url(answer.parent), {"rating": "1"}, **HTMX).status_code == 409
    waiting = conversations.post_message(chat, "more").answer
    assert page.post(rating_url(waiting), {"rating": "1"}, **HTMX).status_code == 409


def test_only_the_owner_rates(strangers_page: Client, page: Client, owner: User, answer: Message) -> None:
    assert strangers_page.post(rating_url(answer), {"rating": "1"}).status_code == 404
    assert page.get(rating_url(answer)).status_code == 405
    owner.role = "viewer"
    owner.save()
    assert page.post(rating_url(answer), {"rating": "1"}).status_code == 403
    assert stored(answer) == (None, "")


def test_it_is_recorded_without_its_words(page: Client, owner: User, answer: Message) -> None:
    page.post(rating_url(answer), {"rating": "-1", "comment": "It named my neighbour"}, **HTMX)
    event = AuditEvent.objects.get(action=audit.Action.CHAT_RATED)
    assert event.user_id == owner.pk
    assert event.details == {"answer": str(answer.pk), "rating": -1, "has_comment": True}
