"""Choosing which documents a chat searches."""

import uuid
from typing import Any

import pytest
from django.test import Client

from accounts.audit import Action
from accounts.audit.models import AuditEvent
from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation
from chats.scoping.chosen import MOST, Choice
from documents.collections import giving, keeping
from documents.collections.models import CollectionShare
from documents.models import Document
from tests.retrieval.conftest import AddDocument, add

__all__ = ["add"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def share(owner: User, stranger: User, add: AddDocument) -> CollectionShare:
    collection = keeping.create(stranger, "Theirs to read")
    keeping.put(stranger, [add(stranger, "theirs.txt", ["x"]).pk], collection)
    return giving.with_person(collection, owner.email)


@pytest.fixture
def chat(owner: User) -> Conversation:
    return conversations.start(owner)


@pytest.fixture
def page(owner: User, client: Client) -> Client:
    client.force_login(owner)
    return client


def saved(page: Client, chat: Conversation, **form: Any) -> tuple[int, str, Choice]:
    response = page.post(f"/chats/{chat.pk}/documents", form, headers={"HX-Request": "true"})
    chat.refresh_from_db()
    return response.status_code, response.content.decode(), Choice.of(chat.search_in)


def test_a_chat_searches_everything_until_something_is_chosen(
    page: Client, chat: Conversation, share: CollectionShare, owner: User, add: AddDocument
) -> None:
    mine = add(owner, "mine.txt", ["x"])
    text = page.get(f"/chats/{chat.pk}/documents").content.decode()
    assert 'value="everything" checked' in text
    for words in ("Theirs to read", "theirs.txt", "mine.txt", "from " + share.collection.owner.display_name):
        assert words in text
    assert "Documents this chat searches" in page.get(f"/chats/{chat.pk}").content.decode()

    shelf, theirs = str(share.collection_id), str(Document.objects.get(collection=share.collection_id).pk)
    _, text, choice = saved(page, chat, kind="chosen", collections=[shelf], documents=[str(mine.pk), theirs])
    assert choice == Choice(
        collections=frozenset({share.collection_id}), documents=frozenset({mine.pk, uuid.UUID(theirs)})
    )
    assert "Saved" in text
    assert text.count("checked") == 4
    assert saved(page, chat, kind="own")[2] == Choice(only_own=True)
    assert saved(page, chat, kind="everything")[2] == Choice()
    events = AuditEvent.objects.filter(action=Action.CHAT_CONFIGURED).order_by("id")
    assert [event.details["searches"] for event in events] == ["chosen", "own", "everything"]


def test_what_cannot_be_read_cannot_be_chosen(
    page: Client, chat: Conversation, share: CollectionShare, stranger: User, add: AddDocument
) -> None:
    secret, closed = add(stranger, "secret.txt", ["x"]), keeping.create(stranger, "Closed")
    form = {"kind": "chosen", "collections": [str(closed.pk), "nonsense"], "documents": [str(secret.pk)]}
    _, text, choice = saved(page, chat, **form)
    assert choice == Choice()
    assert "Mark at least one" in text
    assert "secret.txt" not in text


@pytest.mark.parametrize("form", [{}, {"kind": "x"}, {"kind": "chosen"}])
def test_nothing_chosen_changes_nothing(page: Client, chat: Conversation, form: dict[str, str]) -> None:
    saved(page, chat, kind="own")
    assert page.post(f"/chats/{chat.pk}/documents", form).status_code == 422
    assert saved(page, chat, **form)[2] == Choice(only_own=True)


def test_there_is_a_most(page: Client, chat: Conversation) -> None:
    many = [str(uuid.uuid4()) for _ in range(MOST + 1)]
    assert "At most" in saved(page, chat, kind="chosen", documents=many)[1]


def test_what_was_chosen_and_is_not_shared_any_more_is_told(
    page: Client, chat: Conversation, share: CollectionShare
) -> None:
    saved(page, chat, kind="chosen", collections=[str(share.collection_id)])
    giving.end(share)
    text = page.get(f"/chats/{chat.pk}/documents").content.decode()
    assert "1 of what was chosen cannot be read any more" in text
    assert "Theirs to read" not in text


def test_kept_nonsense_is_everything() -> None:
    for kept in (None, [], {"collections": "x"}, {"documents": [None, 5]}, {"own": 1}):
        assert Choice.of(kept).is_everything


def test_a_chat_begins_with_a_collection(page: Client, owner: User, share: CollectionShare) -> None:
    shelf = str(share.collection_id)
    text = page.get(f"/?collection={shelf}").content.decode()
    assert f'name="collection" value="{shelf}"' in text
    assert "Theirs to read" in text
    page.post("/chats", {"content": "What is x?", "documents_offered": "1", "use_documents": "1", "collection": shelf})
    begun = Conversation.objects.get(owner=owner)
    assert Choice.of(begun.search_in) == Choice(collections=frozenset({share.collection_id}))


@pytest.mark.parametrize("key", ["nonsense", str(uuid.UUID(int=7)), "theirs"])
def test_a_chat_begins_with_no_collection_that_cannot_be_read(
    page: Client, stranger: User, owner: User, key: str
) -> None:
    key = str(keeping.create(stranger, "Closed").pk) if key == "theirs" else key
    text = page.get(f"/?collection={key}").content.decode()
    assert 'name="collection"' not in text
    assert page.post("/chats", {"content": "What is x?", "collection": key}).status_code != 200
    assert not Conversation.objects.filter(owner=owner).exists()
