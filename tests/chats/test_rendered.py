"""An answer that came without its rendering is rendered once, by its owner's page."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chats import presentation, rendered
from chats.models import Conversation, Message
from chats.sharing import access, giving, presenting
from tests.chats.conftest import answered, sealed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def answer(chat: Conversation) -> Message:
    """As an import leaves it."""
    found = answered(chat, answer="**Because**.")
    Message.objects.filter(pk=found.pk).update(html="")
    return Message.objects.get(pk=found.pk)


@pytest.fixture
def renderings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    render = presentation.markdown.render_safely

    def counted(text: str, *arguments: object, **named: object) -> str:
        made.append(text)
        return render(text, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(presentation.markdown, "render_safely", counted)
    return made


def html_of(answer: Message) -> str:
    return str(Message.objects.get(pk=answer.pk).html)


@pytest.mark.parametrize("below", ["", "/messages/{}", "/latest"])
def test_the_second_look_renders_nothing(page: Client, answer: Message, renderings: list[str], below: str) -> None:
    address = f"/chats/{answer.conversation_id}" + below.format(answer.pk)
    for _ in range(2):
        assert "<strong>Because</strong>" in page.get(address).content.decode()
    assert renderings == ["**Because**."]
    assert html_of(answer) == "<p><strong>Because</strong>.</p>\n"


def test_it_lies_sealed(page: Client, answer: Message) -> None:
    page.get(f"/chats/{answer.conversation_id}")
    stored = Message.objects.values_list("html", flat=True).get(pk=answer.pk)
    assert stored
    assert b"Because" not in bytes(stored)  # type: ignore[arg-type]


def test_a_reader_of_a_shared_chat_writes_nothing(
    chat: Conversation, answer: Message, owner: User, stranger: User
) -> None:
    giving.with_person(chat, stranger.email, days=0)
    admission = access.for_person(stranger, chat.pk)
    assert admission is not None
    shown = presenting.part(admission, answer.pk)["messages_page"][-1]
    assert "<strong>Because</strong>" in shown.html
    assert html_of(answer) == ""


def test_an_answer_that_is_being_continued_is_left_alone(answer: Message) -> None:
    answer.html = "<p>old</p>"
    Message.objects.filter(pk=answer.pk).update(status=Message.Status.QUEUED)
    rendered.keep([answer])
    assert html_of(answer) == ""


def test_an_answer_that_was_continued_is_left_alone(answer: Message) -> None:
    answer.html = "<p>old</p>"
    for html in ("", "<p>new</p>"):
        Message.objects.filter(pk=answer.pk).update(finished_at=timezone.now(), **sealed_in(answer, html=html))
        rendered.keep([answer])
        assert html_of(answer) == html


def test_an_empty_answer_costs_no_query(page: Client, answer: Message, renderings: list[str]) -> None:
    answer.html = ""
    rendered.keep([answer])
    rendered.keep([])
    assert renderings == []
