"""A chat that went on elsewhere goes on here: what is new of it goes below what is here, and nothing comes double."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tenancy import acting_as
from chats import conversation as conversations
from chats.exchange import writing
from chats.images.models import Picture
from chats.models import Citation, Conversation, Message
from chats.searching.models import Indexed
from tests.chats.exchange.conftest import Take
from tests.chats.exchange.samples import HOUR, as_file, chatgpt, node, openwebui, put
from tests.chats.exchange.test_what_answers_hold import PICTURE, everything_of_chatgpt, everything_of_openwebui

pytestmark = pytest.mark.django_db


def grown() -> dict[str, Any]:
    """Asked on below the answer that is shown, and once more at the first question."""
    entry = chatgpt()
    put(entry, node("q3", "a2", "user", "Which colonies?", 7))
    put(entry, node("a4", "q3", "assistant", "Large ones.", 8, model_slug="gpt-4o"))
    put(entry, node("a5", "q1", "assistant", "On cliffs.", 9, model_slug="o4"))
    return {**entry, "current_node": "a4", "update_time": HOUR + 9}


def paths() -> set[str]:
    """From each last message up."""
    above = dict(Message.objects.values_list("pk", "parent_id"))
    words = {message.pk: message.content for message in Message.objects.all()}
    found = set()
    for pk in set(above) - set(above.values()):
        path, at = [], pk
        while at:
            path.append(words[at])
            at = above[at]
        found.add(" < ".join(path))
    return found


GROWN = {
    "Large ones. < Which colonies? < In colonies. < Where do herons nest?",
    "Tall ones. < Which trees? < In trees. < Where do herons nest?",
    "On cliffs. < Where do herons nest?",
}


def test_what_is_new_goes_below_what_is_here(take: Take) -> None:
    take(as_file([chatgpt(), openwebui()]))
    before = set(Message.objects.values_list("pk", flat=True))
    job = take(as_file([grown(), openwebui()]))
    assert (job.imported, job.continued, job.known) == (0, 1, 1)
    assert Conversation.objects.count() == 2
    assert before < set(Message.objects.values_list("pk", flat=True))
    assert paths() >= GROWN
    chat = Message.objects.get(model="o4").conversation
    assert chat.active_leaf is not None
    assert (chat.active_leaf.content, chat.updated_at.timestamp()) == ("Large ones.", HOUR + 9)
    assert Indexed.objects.filter(conversation=chat).count() == Message.objects.filter(conversation=chat).count() + 1


def test_twice_gives_nothing_double(take: Take) -> None:
    for entry, outcome in (
        (chatgpt(), (1, 0, 0)), (grown(), (0, 1, 0)), (grown(), (0, 0, 1)), (chatgpt(), (0, 0, 1)),
    ):  # fmt: skip
        job = take(as_file([entry]))
        assert (job.imported, job.continued, job.known) == outcome
    assert paths() == GROWN
    assert Message.objects.count() == 8


def test_who_went_on_here_stays_there(take: Take, owner: User) -> None:
    take(as_file([chatgpt()]))
    with acting_as(owner):
        conversations.post_message(Conversation.objects.get(), "And storks?")
        Message.objects.filter(status="queued").update(status="stopped")
    here = Conversation.objects.get().active_leaf
    job = take(as_file([grown()]))
    assert (job.continued, job.known) == (1, 0)
    chat = Conversation.objects.get()
    assert chat.active_leaf == here
    assert paths() == GROWN | {" < And storks? < In colonies. < Where do herons nest?"}
    assert take(as_file([grown()])).known == 1
    assert Message.objects.count() == 10


def test_who_looks_at_another_branch_stays_there(take: Take, owner: User) -> None:
    take(as_file([chatgpt()]))
    with acting_as(owner):
        (other,) = [message for message in Message.objects.all() if message.content == "Tall ones."]
        conversations.switch_branch(other)
    take(as_file([grown()]))
    assert Conversation.objects.get().active_leaf == other


def test_what_the_person_changed_stays(take: Take, owner: User) -> None:
    take(as_file([chatgpt()]))
    with acting_as(owner):
        conversations.rename(Conversation.objects.get(), "Mine")
    take(as_file([{**grown(), "title": "Theirs"}]))
    assert Conversation.objects.get().title == "Mine"


def test_a_deleted_one_comes_back_with_what_is_new(take: Take, owner: User) -> None:
    take(as_file([chatgpt()]))
    with acting_as(owner):
        conversations.delete(Conversation.objects.get())
    job = take(as_file([grown()]))
    assert (job.imported, job.continued, job.known) == (1, 0, 0)
    assert Conversation.objects.get().deleted_at is None
    assert paths() == GROWN


def test_one_that_is_gone_for_good_comes_anew(take: Take, owner: User) -> None:
    take(as_file([chatgpt()]))
    with acting_as(owner):
        Conversation.objects.all().delete()
    assert take(as_file([grown()])).imported == 1
    assert paths() == GROWN


def test_an_answer_that_was_not_complete_is_longer_now(take: Take) -> None:
    first = chatgpt()
    take(as_file([first]))
    put(first, node("a6", "a2", "assistant", "And egrets with them.", 8, model_slug="o3"))
    job = take(as_file([{**first, "current_node": "a6"}]))
    assert (job.continued, Message.objects.count()) == (1, 5)
    assert Message.objects.get(model="o3").content == "In colonies.\n\nAnd egrets with them."
    assert take(as_file([first])).known == 1


def test_sources_of_what_is_longer_now(take: Take) -> None:
    entry = openwebui()
    answer = entry["chat"]["history"]["messages"]["m2"]
    answer["content"], sources = "Copper", answer.pop("sources")
    take(as_file([entry]))
    answer |= {"content": "Copper [1].", "sources": sources}
    assert take(as_file([entry])).continued == 1
    assert Citation.objects.get().document_name == "kettles.pdf"
    assert 'data-citation="1"' in Message.objects.get(pk=Citation.objects.get().message_id).html


def test_chats_that_were_begun_here(take: Take, owner: User) -> None:
    """A file of one's own, with more in it than is here: as after a database was set back."""
    with acting_as(owner):
        chat = conversations.start(owner)
        conversations.post_message(chat, "First?")
        Message.objects.filter(status="queued").update(status="done")
        whole = json.loads(
            json.dumps(writing.whole(Conversation.objects.get(), writing.messages_of(chat)), default=str)
        )
    question = {**whole["messages"][0], "id": "00000000-0000-4000-8000-000000000001", "parent": whole["shown_up_to"]}
    content = as_file({"chats": [{**whole, "messages": [*whole["messages"], question]}]})
    assert take(as_file({"chats": [whole]})).known == 1
    assert take(content).continued == 1
    assert take(content).known == 1
    assert Message.objects.count() == 3


def test_a_chat_whose_messages_have_other_names_stays_as_it_is(take: Take, owner: User) -> None:
    take(as_file([chatgpt()]))
    entry = json.loads(json.dumps(chatgpt()).replace('"q1"', '"z1"').replace('"a1"', '"z2"').replace('"a2"', '"z3"'))
    entry = json.loads(json.dumps(entry).replace('"q2"', '"z4"').replace('"a3"', '"z5"'))
    assert take(as_file([entry])).known == 1
    assert Message.objects.count() == 5


def test_two_people_have_other_ids(take: Take, owner: User, stranger: User) -> None:
    take(as_file([chatgpt()]))
    take(as_file([chatgpt()]), stranger)
    assert Message.objects.count() == 10


class TestWhatIsNotTaken:
    def test_it_is_told_at_the_end(self, take: Take, client: Client, owner: User) -> None:
        job = take(as_file([everything_of_chatgpt(), everything_of_openwebui()]))
        assert job.left_out == {"pictures": 3, "files": 2, "steps": 1}
        client.force_login(owner)
        page = client.get("/settings/exchange").content.decode()
        assert "3 pictures, 2 attached files and 1 tool step were not taken" in page
        assert "could not be read" not in page

    def test_of_what_is_known_it_is_not_told_again(self, take: Take) -> None:
        take(as_file([everything_of_chatgpt()]))
        job = take(as_file([everything_of_chatgpt()]))
        assert (job.left_out, job.not_taken) == ({}, "")

    @pytest.mark.parametrize(
        ("counts", "words"),
        [
            ({}, ""),
            ({"pictures": 1}, "1 picture was"),
            ({"pictures": 1, "steps": 1}, "1 picture and 1 tool step were"),
            ({"recordings": 1200}, "1,200 recordings were"),
        ],
    )
    def test_in_words(self, take: Take, counts: dict[str, int], words: str) -> None:
        job = take(as_file([chatgpt()]))
        job.left_out = counts
        assert job.not_taken == words

    def test_pictures_in_the_file_are_drawn_and_kept(self, take: Take) -> None:
        take(as_file([everything_of_openwebui()]))
        picture = Picture.objects.get()
        assert (picture.name, picture.width, picture.height) == ("kettle.png", 40, 30)
        assert picture.message.role == "user"  # type: ignore[union-attr]

    def test_a_picture_that_is_none_is_told(self, take: Take, client: Client, owner: User) -> None:
        entry = openwebui()
        address = PICTURE[:60]
        entry["chat"]["history"]["messages"]["m1"]["files"] = [{"type": "image", "url": address}]
        job = take(as_file([entry]))
        assert (job.imported, job.broken) == (1, 0)
        assert [found["why"] for found in job.remarks] == ["1 picture of it could not be kept, the chat itself is here"]
        client.force_login(owner)
        assert "1 picture of it could not be kept" in client.get("/settings/exchange").content.decode()
