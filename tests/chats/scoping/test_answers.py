"""An answer stands on what its chat searches: all, one's own, or the chosen, shared by others or not."""

import pytest

from accounts.models import User
from chats import answering
from chats import conversation as conversations
from chats.models import Conversation, Message
from chats.scoping import chosen
from chats.scoping.chosen import Choice
from documents.collections import giving, keeping
from documents.collections.models import CollectionShare
from documents.models import Document
from tests.ollama_server import OllamaServer
from tests.retrieval.conftest import AddDocument, add, clean_after

__all__ = ["add", "clean_after"]
pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.usefixtures("clean_after"),
]

MODEL = "ollama/llama3.2:3b"
OURS = "The northern offer for the heating system costs 8,800 euros."
THEIRS = "The southern offer for the heating system costs 9,900 euros and takes three weeks."


@pytest.fixture
def share(owner: User, stranger: User, add: AddDocument) -> CollectionShare:
    """The stranger shares a collection with the owner, who has a document too."""
    add(owner, "ours.txt", [OURS])
    collection = keeping.create(stranger, "Offers")
    keeping.put(stranger, [add(stranger, "theirs.txt", [THEIRS]).pk], collection)
    add(stranger, "secret.txt", ["The secret offer for the heating system costs 1 euro."])
    return giving.with_person(collection, owner.email)


def asked(owner: User, ollama: OllamaServer, choice: Choice) -> Message:
    ollama.script("llama3.2:3b", text="It costs 9,900 euros and takes three weeks [1].")
    chat = conversations.start(owner, model=MODEL)
    chosen.keep(chat, choice)
    answer = conversations.post_message(chat, "What does the southern offer for the heating system cost?").answer
    answering.answer(answer.pk)
    answer.refresh_from_db()
    assert answer.status == Message.Status.DONE
    return answer


def names(answer: Message) -> set[str]:
    return {passage["document_name"] for passage in answer.retrieval["passages"]}


def test_everything_that_can_be_read_is_searched_and_cited(
    owner: User, share: CollectionShare, ollama: OllamaServer
) -> None:
    answer = asked(owner, ollama, Choice())
    assert names(answer) == {"ours.txt", "theirs.txt"}
    assert answer.steps[0] == "Searched 2 documents"
    (cited,) = answer.citations.filter(is_marked=True)
    assert (cited.quoted, cited.version.document.name) == (THEIRS, "theirs.txt")


def test_only_one_s_own_are_searched(owner: User, share: CollectionShare, ollama: OllamaServer) -> None:
    assert names(asked(owner, ollama, Choice(only_own=True))) == {"ours.txt"}


def test_only_the_chosen_are_searched(owner: User, share: CollectionShare, ollama: OllamaServer) -> None:
    answer = asked(owner, ollama, Choice(collections=frozenset({share.collection_id})))
    assert names(answer) == {"theirs.txt"}
    assert answer.steps[0] == "Searched 1 document"


def test_when_the_chosen_are_gone_nothing_else_is_searched(
    owner: User, share: CollectionShare, ollama: OllamaServer
) -> None:
    giving.end(share)
    answer = asked(owner, ollama, Choice(collections=frozenset({share.collection_id})))
    assert names(answer) == set()
    assert answer.steps == ["None of the documents chosen for this chat can be read any more"]


def test_somebody_without_documents_of_their_own_asks_what_is_shared(
    owner: User, share: CollectionShare, ollama: OllamaServer
) -> None:
    Document.objects.filter(owner=owner).delete()
    answer = asked(owner, ollama, Choice())
    assert names(answer) == {"theirs.txt"}
    giving.end(share)
    assert asked(owner, ollama, Choice()).steps == []
    assert Conversation.objects.filter(owner=owner).count() == 2
