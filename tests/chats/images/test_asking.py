"""What a model gets to see: the pictures of the question and of the turns before it, in Ollama's own form."""

import io
from typing import Any

import pytest
from PIL import Image

from accounts.models import User
from chats import answering
from chats import conversation as conversations
from chats.answering import prompt
from chats.images import seeing as sight
from chats.models import Conversation, Message
from llms.requests import ChatRequest, Picture, Turn
from tests.ollama_server import OllamaServer

from .conftest import BLIND, SEEING, Add, image

pytestmark = pytest.mark.django_db(transaction=True)


def ask(chat: Conversation, text: str, *pictures: Any) -> Message:
    answer = conversations.post_message(chat, text, pictures=pictures).answer
    answering.answer(answer.pk)
    answer.refresh_from_db()
    return answer


def asked(ollama: OllamaServer, text: str) -> Any:
    return next(r for r in ollama.chats if r.messages[-1]["content"] == text)


def test_the_model_sees_the_pictures_of_the_question(add: Add, seeing: Conversation, ollama: OllamaServer) -> None:
    answer = ask(seeing, "What?", add(), add(image((900, 300), form="JPEG")))
    assert answer.status == Message.Status.DONE
    assert answer.answered_by == SEEING
    request = asked(ollama, "What?")
    assert [len(pictures) for pictures in request.images] == [2]
    sizes = [Image.open(io.BytesIO(content)).size for content in request.images[0]]
    assert sizes == [(320, 200), (900, 300)]
    assert "images" in request.messages[-1]


def test_a_large_picture_is_sent_smaller(add: Add, seeing: Conversation, ollama: OllamaServer) -> None:
    ask(seeing, "What?", add(image((4000, 3000), form="JPEG")))
    (content,) = asked(ollama, "What?").images[0]
    assert max(Image.open(io.BytesIO(content)).size) == 1280


def test_pictures_of_earlier_questions_are_seen_again(add: Add, seeing: Conversation, ollama: OllamaServer) -> None:
    ask(seeing, "What?", add())
    ask(seeing, "And its colour?")
    request = asked(ollama, "And its colour?")
    assert [bool(message.get("images")) for message in request.messages] == [False, True, False, False]


def test_of_many_pictures_the_newest_are_seen_and_the_others_spoken_of(
    add: Add, seeing: Conversation, ollama: OllamaServer, settings: Any
) -> None:
    settings.IMAGES_PER_MESSAGE = 2
    ask(seeing, "one", add(), add())
    ask(seeing, "two", add())
    ask(seeing, "three", add())
    messages = asked(ollama, "three").messages
    assert [len(m.get("images", ())) for m in messages if m["role"] == "user"] == [0, 1, 1]
    assert messages[1]["content"] == "one\n\n[2 pictures were shown with this.]"


def test_a_model_that_cannot_see_may_go_on_with_the_words(add: Add, seeing: Conversation, ollama: OllamaServer) -> None:
    ask(seeing, "What?", add())
    conversations.configure(seeing, model=BLIND)
    answer = ask(seeing, "Thanks. And in French?")
    assert answer.status == Message.Status.DONE
    request = asked(ollama, "Thanks. And in French?")
    assert request.images == []
    assert request.messages[1]["content"] == "What?\n\n[A picture was shown with this.]"


def test_a_worker_refuses_too_where_the_model_changed_meanwhile(
    add: Add, seeing: Conversation, ollama: OllamaServer
) -> None:
    exchange = conversations.post_message(seeing, "What?", pictures=[add()])
    Message.objects.filter(pk=exchange.answer.pk).update(model=BLIND)
    answering.answer(exchange.answer.pk)
    exchange.answer.refresh_from_db()
    assert exchange.answer.status == Message.Status.FAILED
    assert exchange.answer.error_code == "model_cannot_see"
    assert "was not asked" in exchange.answer.error_text
    assert not [request for request in ollama.chats if request.model == "llama3.2:3b"]


def test_a_fallback_must_see_too(add: Add, seeing: Conversation, ollama: OllamaServer, settings: Any) -> None:
    ollama.models["llava:7b"] = ollama.models["qwen2.5vl:7b"]
    settings.FALLBACK_MODELS = ["tiny:1b", "llava:7b"]
    ollama.script("qwen2.5vl:7b", fail="load")
    answer = ask(seeing, "What?", add())
    assert answer.answered_by == "ollama/llava:7b"
    assert not [request for request in ollama.chats if request.model == "tiny:1b"]


def test_an_answer_written_again_sees_the_same_pictures(add: Add, seeing: Conversation, ollama: OllamaServer) -> None:
    again = conversations.regenerate(ask(seeing, "What?", add()))
    answering.answer(again.pk)
    requests = [r for r in ollama.chats if r.messages[-1]["content"] == "What?"]
    assert [len(request.images[0]) for request in requests] == [1, 1]


def test_an_answer_is_continued_with_its_pictures(add: Add, seeing: Conversation, ollama: OllamaServer) -> None:
    ollama.script("qwen2.5vl:7b", times=1, cut_at=30)
    answer = ask(seeing, "What?", add())
    conversations.continue_answer(answer)
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert answer.status == Message.Status.DONE
    assert len([request for request in ollama.chats if request.images]) == 2


def test_pictures_take_room_in_the_context(add: Add, owner: User) -> None:
    picture = sight.for_model(add(image((1280, 1280), form="JPEG")))
    assert picture.tokens == 1280 * 1280 // 784
    request = ChatRequest(SEEING, [Turn("user", "What?", [picture])])
    assert prompt.tokens(request) > picture.tokens
    assert sight.for_model(add()).tokens == 768
    assert "data" not in repr(Picture("base64 of somebody's picture", 1))
