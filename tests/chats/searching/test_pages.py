"""The search page, and the way from what was found to where it stands."""

import logging
import re
import uuid

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Folder, Message
from chats.searching import middle
from tests.chats.searching.conftest import said

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
SEARCH = "/search"


def test_the_page_explains_itself_before_anything_was_searched_for(page: Client) -> None:
    response = page.get(SEARCH)
    assert response.status_code == 200
    assert "Finds words in your questions" in response.content.decode()


def test_every_page_leads_to_it(page: Client) -> None:
    content = page.get("/").content.decode()
    assert f'<a href="{SEARCH}"' in content
    assert f'data-href="{SEARCH}"' in content
    assert f'data-search="{SEARCH}"' in content


def test_without_scripts_a_whole_page_comes_with_what_was_found(page: Client, chat: Conversation) -> None:
    message = said(chat, "Two herons stand there.")
    content = page.post(SEARCH, {"q": "heron"}).content.decode()
    assert "<html" in content
    assert 'value="heron"' in content
    assert "<mark>herons</mark>" in content
    assert reverse("searching:show", args=[chat.pk, message.pk]) in content


def test_htmx_gets_the_results_alone(page: Client, chat: Conversation) -> None:
    said(chat, "Two herons stand there.")
    content = page.post(SEARCH, {"q": "heron"}, headers=HTMX).content.decode()
    assert "<html" not in content
    assert "<mark>herons</mark>" in content


def test_words_in_the_address_are_not_searched_for(page: Client, chat: Conversation) -> None:
    said(chat, "Two herons stand there.")
    assert "herons" not in page.get(SEARCH, {"q": "heron"}).content.decode()


def test_what_is_searched_for_stands_in_no_log(
    page: Client, chat: Conversation, caplog: pytest.LogCaptureFixture
) -> None:
    said(chat, "Two herons stand there.")
    with caplog.at_level(logging.DEBUG):
        page.post(SEARCH, {"q": "heron"})
        page.post(SEARCH, {"q": "heron", "since": "bad heron"})
    kept = [record for record in caplog.records if record.name != "django.db.backends"]
    assert not any("heron" in record.getMessage().lower() for record in kept)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"q": "stork"}, "No message has any of these words"),
        ({"q": "stork", "since": "2026-01-01"}, "Try again without filters"),
        ({"q": "..."}, "Type at least one word"),
        ({"q": "heron stork"}, "Nothing has all of these words. 1 result with some of them."),
        ({"q": "heron", "since": "2026-13-40"}, "Enter a valid date"),
        ({"q": "heron", "since": "2026-02-01", "until": "2026-01-01"}, "The last day lies before the first"),
        ({"q": "heron", "folder": "nonsense"}, "is not a valid UUID"),
        ({"q": "heron", "folder": str(uuid.UUID(int=0))}, "Select a valid choice"),
        ({"q": "heron", "model": "none"}, "Select a valid choice"),
        ({"q": "h" * 5_000}, "at most 4000 characters"),
        ({"q": "heron", "start": "-1"}, "greater than or equal to 0"),
        ({"q": "heron", "start": "100000"}, "less than or equal to"),
        ({"q": "heron", "start": "60"}, "There is nothing more"),
    ],
)
def test_whatever_comes_is_answered_with_a_sentence(
    page: Client, chat: Conversation, form: dict[str, str], sentence: str
) -> None:
    said(chat, "heron")
    for headers in ({}, HTMX):
        response = page.post(SEARCH, form, headers=headers)
        assert response.status_code in {200, 422}
        assert sentence in response.content.decode()


def test_anothers_folder_is_no_filter(page: Client, stranger: User) -> None:
    folder = Folder.objects.create(owner=stranger, name="Secret")
    assert "Select a valid choice" in page.post(SEARCH, {"q": "a", "folder": str(folder.pk)}).content.decode()


def test_the_next_page_asks_for_the_same_words(page: Client, chat: Conversation) -> None:
    for number in range(25):
        said(chat, f"heron {number}")
    content = page.post(SEARCH, {"q": "heron"}, headers=HTMX).content.decode()
    assert content.count('class="hit"') == 20
    assert '<input type="hidden" name="q" value="heron">' in content
    content = page.post(SEARCH, {"q": "heron", "start": "20"}, headers=HTMX).content.decode()
    assert content.count('class="hit"') == 5
    assert "Show more" not in content


class TestGoingThere:
    def go(self, page: Client, message: Message) -> str:
        response = page.get(reverse("searching:show", args=[message.conversation_id, message.pk]))
        assert response.status_code == 302
        assert response["Location"].endswith(f"?at={message.pk}#m-{message.pk}")
        return page.get(response["Location"].split("#")[0]).content.decode()

    def branch(self, chat: Conversation, length: int = 1, parent: Message | None = None) -> list[Message]:
        messages = []
        for number in range(length):
            parent = Message.objects.create(conversation=chat, parent=parent, role="user", content=f"Word {number}")
            messages.append(parent)
        Conversation.objects.filter(pk=chat.pk).update(active_leaf=parent)
        return messages

    def test_a_message_on_the_shown_path_changes_nothing(self, page: Client, chat: Conversation) -> None:
        messages = self.branch(chat, 5)
        assert f'id="m-{messages[1].pk}"' in self.go(page, messages[1])
        chat.refresh_from_db()
        assert chat.active_leaf == messages[-1]

    def test_a_message_on_another_branch_has_that_branch_shown(self, page: Client, chat: Conversation) -> None:
        first = self.branch(chat, 3)
        second = self.branch(chat, 2, parent=first[0])
        content = self.go(page, first[1])
        assert f'id="m-{first[2].pk}"' in content
        assert f'id="m-{second[0].pk}"' not in content
        chat.refresh_from_db()
        assert chat.active_leaf == first[-1]

    def test_a_message_above_what_the_page_shows_at_first_is_among_its_messages(
        self, page: Client, chat: Conversation
    ) -> None:
        messages = self.branch(chat, 150)
        content = self.go(page, messages[20])
        assert f'id="m-{messages[20].pk}"' in content
        assert f'id="m-{messages[11].pk}"' in content
        assert f'id="m-{messages[5].pk}"' not in content

    def test_somebody_who_may_only_read_changes_no_branch(
        self, client: Client, chat: Conversation, owner: User
    ) -> None:
        first = self.branch(chat, 3)
        second = self.branch(chat, 2, parent=first[0])
        User.objects.filter(pk=owner.pk).update(role="viewer")
        client.force_login(User.objects.get(pk=owner.pk))
        client.get(reverse("searching:show", args=[chat.pk, first[1].pk]))
        chat.refresh_from_db()
        assert chat.active_leaf == second[-1]

    def test_a_message_of_another_conversation_is_not_there(
        self, page: Client, chat: Conversation, owner: User
    ) -> None:
        [message] = self.branch(conversations.start(owner))
        assert page.get(reverse("searching:show", args=[chat.pk, message.pk])).status_code == 404

    @pytest.mark.parametrize("at", ["", "nonsense", str(uuid.UUID(int=0))])
    def test_a_mistyped_address_shows_the_end(self, page: Client, chat: Conversation, at: str) -> None:
        messages = self.branch(chat, 50)
        content = page.get(f"/chats/{chat.pk}?at={at}").content.decode()
        assert f'id="m-{messages[-1].pk}"' in content
        assert f'id="m-{messages[0].pk}"' not in content

    def test_one_of_the_answers_that_are_compared_at_the_end_decides_nothing(
        self, page: Client, chat: Conversation
    ) -> None:
        [question] = self.branch(chat)
        compared = uuid.uuid4()
        answers = [
            Message.objects.create(
                conversation=chat, parent=question, role="assistant", content=text, comparison=compared
            )
            for text in ("One", "Two")
        ]
        assert f'id="m-{answers[1].pk}"' in self.go(page, answers[1])
        chat.refresh_from_db()
        assert chat.active_leaf == question

    def test_the_newest_end_of_a_branch_is_chosen(self, chat: Conversation) -> None:
        first = self.branch(chat, 2)
        self.branch(chat, 1, parent=first[0])
        chat.refresh_from_db()
        assert middle.choose_branch(Message.objects.get(pk=first[1].pk)) == first[1].pk


class TestFarAbove:
    """A message hundreds above the end: it comes with those around it, and the rest as the reader goes on."""

    def far(self, page: Client, chat: Conversation, place: int) -> tuple[list[Message], str]:
        messages = TestGoingThere().branch(chat, 400)
        address = reverse("chats:conversation", args=[chat.pk])
        return messages, page.get(f"{address}?at={messages[place].pk}").content.decode()

    def shown(self, messages: list[Message], content: str) -> list[int]:
        places = {f'id="m-{message.pk}"': number for number, message in enumerate(messages)}
        return sorted(number for mark, number in places.items() if mark in content)

    @pytest.mark.parametrize("place", [0, 5, 100, 189])
    def test_it_stands_among_its_neighbours_above_the_newest(
        self, page: Client, chat: Conversation, place: int
    ) -> None:
        messages, content = self.far(page, chat, place)
        assert self.shown(messages, content) == [
            *range(max(0, place - middle.ABOVE), place + middle.BELOW + 1),
            *range(370, 400),
        ]
        assert ("data-earlier" in content) is (place > middle.ABOVE)

    def test_going_on_reads_every_message_once(self, page: Client, chat: Conversation) -> None:
        messages, content = self.far(page, chat, 100)
        seen = self.shown(messages, content)
        while found := re.search(r'hx-get="(/chats/[^"]+/later[^"]+)"', content):
            content = page.get(found[1].replace("&amp;", "&")).content.decode()
            seen += self.shown(messages, content)
        assert sorted(seen) == list(range(90, 400))

    @pytest.mark.parametrize("query", ["", "?after=x&before=y", f"?after={uuid.UUID(int=0)}&before={uuid.UUID(int=0)}"])
    def test_an_incomplete_link_is_answered_with_a_sentence(self, page: Client, chat: Conversation, query: str) -> None:
        response = page.get(reverse("searching:later", args=[chat.pk]) + query)
        assert (response.status_code, "incomplete" in response.content.decode()) == (400, True)
