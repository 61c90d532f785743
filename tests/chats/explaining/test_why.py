"""Why an answer says what it says: what was found, used and cut, for the person who asked and for nobody else."""

import re

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from chats import answering
from chats import conversation as conversations
from chats.models import Message
from chats.sharing.models import Share
from documents.collections import giving, keeping
from documents.models import Document, DocumentVersion, Page
from tests.chats.conftest import answered
from tests.ollama_server import OllamaServer
from tests.retrieval.conftest import AddDocument, add, clean_after

__all__ = ["add", "clean_after"]
pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.usefixtures("clean_after"),
]

MODEL = "ollama/llama3.2:3b"
QUESTION = "What does the northern offer for the heating system cost?"
COST = "The northern offer for the heating system costs 8,800 euros, and it is valid until the end of the month of May."
COOKING = "Onions are fried slowly in butter until they are golden, and then the broth is poured over them."


def ask(owner: User, *questions: str) -> Message:
    chat = conversations.start(owner, model=MODEL)
    for question in questions or (QUESTION,):
        answer = conversations.post_message(chat, question).answer
        answering.answer(answer.pk)
    answer.refresh_from_db()
    return answer


def why(answer: Message, browser: Client, **headers: str) -> str:
    response = browser.get(f"/chats/{answer.conversation_id}/messages/{answer.pk}/why", headers=headers)
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


@pytest.fixture
def asked(owner: User, ollama: OllamaServer, add: AddDocument) -> Message:
    ollama.script("llama3.2:3b", text="It costs 8,800 euros [1].")
    add(owner, "offer.txt", [COST])
    add(owner, "copy of the offer.txt", [COST])
    add(owner, "soup.txt", [COOKING])
    return ask(owner)


def test_it_says_what_was_used_and_what_was_not_and_why(asked: Message, page: Client) -> None:
    text = why(asked, page)
    assert "3 documents with 3 passages searched. 1 of the best 3 used." in text
    used, _, cut = text.partition("Found, but not used")
    assert "Cited" in used
    assert "Words it holds: northern, offer, heating, system" in used
    assert "the same, word for word" in cut
    assert re.search(r"soup.txt .* Its relevance of 0\.\d\d is below 0\.36", cut)
    assert "Words (BM25)" in text
    assert re.search(r"searching \d+ ms", text)


def test_each_passage_is_a_link_to_its_page_with_the_passage_marked(asked: Message, page: Client) -> None:
    response = page.get(f"/chats/{asked.conversation_id}/messages/{asked.pk}/why")
    links = re.findall(r'href="(/documents/[^"]+/versions/1/pages/1\?chunk=\d+#passage)"', response.content.decode())
    assert len(links) == 3
    for version in DocumentVersion.objects.all():
        Page.objects.create(version=version, number=1, text=version.chunks.get().content)
    pages = [page.get(link.partition("#")[0]).content.decode() for link in links]
    assert ["<mark" in shown for shown in pages] == [True, True, True]


def test_it_fills_the_panel_and_is_a_page_without_htmx(asked: Message, page: Client) -> None:
    assert "<!doctype html>" in page.get(f"/chats/{asked.conversation_id}/messages/{asked.pk}/why").content.decode()
    fragment = page.get(
        f"/chats/{asked.conversation_id}/messages/{asked.pk}/why", headers={"HX-Request": "true"}
    ).content.decode()
    assert "<!doctype" not in fragment
    assert "data-close-panel" in fragment


def test_its_answer_leads_to_it(asked: Message, page: Client) -> None:
    chat = page.get(f"/chats/{asked.conversation_id}").content.decode()
    assert f'href="/chats/{asked.conversation_id}/messages/{asked.pk}/why"' in chat


def test_a_follow_up_is_told_with_the_question_it_leans_on(owner: User, ollama: OllamaServer, add: AddDocument) -> None:
    add(owner, "offer.txt", [COST])
    browser = Client()
    browser.force_login(owner)
    text = why(ask(owner, QUESTION, "And in dollars?"), browser)
    assert "Understood as a follow-up" in text
    assert QUESTION.replace("'", "&#x27;") in text
    assert "earlier" in text


def test_documents_that_are_gone_are_named_without_a_link(asked: Message, page: Client) -> None:
    Document.objects.all().delete()
    text = why(asked, page)
    assert "Its document was deleted, or is not shared with you any more" in text
    assert "offer.txt" in text
    # What the model was given is kept with the answer; what was cut is not.
    assert "8,800 euros" in text
    assert "Onions" not in text
    fragment = page.get(f"/chats/{asked.conversation_id}/messages/{asked.pk}/why", headers={"HX-Request": "true"})
    assert "/documents/" not in fragment.content.decode()


def test_what_is_shared_can_be_opened_as_long_as_it_is(
    owner: User, stranger: User, ollama: OllamaServer, add: AddDocument, strangers_page: Client
) -> None:
    ollama.script("llama3.2:3b", text="It costs 8,800 euros [1].")
    collection = keeping.create(owner, "Offers")
    keeping.put(owner, [add(owner, "offer.txt", [COST]).pk], collection)
    share = giving.with_person(collection, stranger.email)
    answer = ask(stranger)
    address = f"/chats/{answer.conversation_id}/messages/{answer.pk}/why"
    headers = {"HX-Request": "true"}
    assert 'href="/documents/' in strangers_page.get(address, headers=headers).content.decode()
    giving.end(share)
    ended = strangers_page.get(address, headers=headers).content.decode()
    assert 'href="/documents/' not in ended
    assert "not shared with you any more" in ended


def test_what_did_not_fit_and_what_was_left_out_is_told(asked: Message, page: Client) -> None:
    kept = asked.retrieval
    asked.retrieval = kept | {"passages": []}
    asked.save(update_fields=["retrieval"])
    assert "the model could not read so much at once" in why(asked, page)
    chunk = kept["passages"][0]["chunk_id"]
    doubt = {"chunk_id": chunk, "score": 1, "rules": ["override"], "fate": "left out"}
    asked.retrieval = {"passages": [], "trace": kept["trace"] | {"suspicious": [doubt]}}
    asked.save(update_fields=["retrieval"])
    assert "instructions aimed at the assistant, and was left out" in why(asked, page)


def test_nothing_that_fits_is_said(owner: User, ollama: OllamaServer, add: AddDocument, page: Client) -> None:
    add(owner, "soup.txt", [COOKING])
    assert "the answer rests on no document" in why(ask(owner, "How far is the moon?"), page)


def test_an_answer_without_a_search_says_so(owner: User, page: Client, settings: LazySettings) -> None:
    answer = answered(conversations.start(owner))
    assert "No documents were searched" in why(answer, page)
    chat = page.get(f"/chats/{answer.conversation_id}").content.decode()
    assert "/why" not in chat


def test_a_question_has_none(asked: Message, page: Client) -> None:
    assert page.get(f"/chats/{asked.conversation_id}/messages/{asked.parent_id}/why").status_code == 404


def test_readers_of_a_shared_chat_have_none(asked: Message, stranger: User, strangers_page: Client) -> None:
    share = Share.objects.create(conversation=asked.conversation, kind="person", address=stranger.email)
    shown = strangers_page.get(f"/shared/{share.pk}")
    assert "/why" not in shown.content.decode()
    assert strangers_page.get(f"/chats/{asked.conversation_id}/messages/{asked.pk}/why").status_code == 404


def test_it_asks_the_database_a_fixed_number_of_times(
    asked: Message, page: Client, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(14):  # type: ignore[operator]  # pytest-django's context manager
        why(asked, page)
