"""Searching one's documents by oneself: what is found, how it is shown, and the way to where it stands."""

import logging
import re
import uuid

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from documents.collections import giving, keeping
from documents.models import Collection, Document, Page
from tests.retrieval.conftest import AddDocument, add

__all__ = ["add"]
pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
SEARCH = "/documents/search"
HERONS = "Two herons stand at the river, and the keeper of the lighthouse counts them every morning."
SALT = "Salt was traded at the quay, next to granite and timber from the north."


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def found(page: Client, q: str, **fields: object) -> str:
    return page.post(SEARCH, {"q": q, **fields}, headers=HTMX).content.decode()


def names(content: str) -> list[str]:
    titles = re.findall(r'(?s)<a class="hit-title"[^>]*>(.*?)</a>', content)
    return [re.sub(r"<[^>]+>", "", title) for title in titles]


def test_the_page_explains_itself_and_leads_to_the_other_search(page: Client) -> None:
    content = page.get(SEARCH).content.decode()
    assert "Finds passages in your documents" in content
    assert 'href="/search"' in content
    assert f'href="{SEARCH}"' in page.get("/search").content.decode()
    assert f'href="{SEARCH}"' in page.get("/documents/").content.decode()


def test_a_visitor_is_sent_to_sign_in(client: Client) -> None:
    assert client.get(SEARCH).status_code == 302


def test_without_scripts_a_whole_page_comes_with_what_was_found(page: Client, owner: User, add: AddDocument) -> None:
    document = add(owner, "birds.txt", [SALT, HERONS])
    Page.objects.create(version=document.current_version, number=2, text=HERONS)
    content = page.post(SEARCH, {"q": "heron river"}).content.decode()
    assert "<html" in content
    assert 'value="heron river"' in content
    assert "<mark>herons</mark>" in content
    assert "<mark>river</mark>" in content
    (link, *_) = re.findall(r'class="hit-title" href="([^"]+)"', content)
    chunk = document.current_version.chunks.get(index=1)
    assert link == f"/documents/{document.pk}/versions/1/pages/2?chunk={chunk.pk}#passage"
    assert "<mark" in page.get(link).content.decode()


def test_htmx_gets_the_results_alone(page: Client, owner: User, add: AddDocument) -> None:
    add(owner, "birds.txt", [HERONS])
    content = found(page, "heron")
    assert "<html" not in content
    assert "<mark>herons</mark>" in content


def test_what_an_answer_would_not_be_given_comes_last_and_is_told(page: Client, owner: User, add: AddDocument) -> None:
    add(owner, "quay.txt", [SALT])
    add(owner, "birds.txt", [HERONS])
    before, divider, after = found(page, "Which herons stand at the river?").partition("Less relevant")
    assert names(before) == ["birds.txt"]
    assert divider
    assert names(after) == ["quay.txt"]


def test_words_in_the_address_are_not_searched_for(page: Client, owner: User, add: AddDocument) -> None:
    add(owner, "birds.txt", [HERONS])
    assert "herons" not in page.get(SEARCH, {"q": "heron"}).content.decode()


def test_what_is_searched_for_stands_in_no_log(
    page: Client, owner: User, add: AddDocument, caplog: pytest.LogCaptureFixture
) -> None:
    add(owner, "birds.txt", [HERONS])
    with caplog.at_level(logging.DEBUG):
        found(page, "heron")
    assert "heron" not in " ".join(record.getMessage() for record in caplog.records if record.name != "django.db")


@pytest.mark.parametrize("query", ["", "   "])
def test_nothing_to_search_for_is_said(page: Client, owner: User, add: AddDocument, query: str) -> None:
    add(owner, "birds.txt", [HERONS])
    assert "Type at least one word" in found(page, query)


def test_an_empty_library_says_what_to_do(page: Client) -> None:
    assert "Add some to your documents" in found(page, "heron")


def test_a_question_that_is_too_long_is_refused_and_kept(page: Client) -> None:
    response = page.post(SEARCH, {"q": "x" * 4001})
    assert response.status_code == 422
    assert "Your words still stand in the field" in response.content.decode()


class TestFilters:
    def test_a_document(self, page: Client, owner: User, add: AddDocument) -> None:
        one, other = add(owner, "one.txt", [HERONS]), add(owner, "two.txt", [HERONS + " Again."])
        assert sorted(names(found(page, "herons"))) in (["one.txt"], ["two.txt"])  # the same words, once
        assert names(found(page, "herons", document=str(other.pk))) == ["two.txt"]
        assert names(found(page, "herons", document=str(one.pk))) == ["one.txt"]

    def test_a_collection(self, page: Client, owner: User, add: AddDocument) -> None:
        add(owner, "quay.txt", [SALT + " Herons were seen."])
        filed = add(owner, "birds.txt", [HERONS])
        collection = Collection.objects.create(owner=owner, name="Birds of the lake")
        Document.objects.filter(pk=filed.pk).update(collection=collection)
        content = found(page, "herons", collection=str(collection.pk))
        assert names(content) == ["birds.txt"]
        assert "Birds of the lake" in content

    def test_a_type(self, page: Client, owner: User, add: AddDocument) -> None:
        add(owner, "birds.txt", [HERONS])
        assert names(found(page, "herons", kind="text/plain")) == ["birds.txt"]
        assert "Your words still stand in the field" in found(page, "herons", kind="application/pdf")

    def test_days(self, page: Client, owner: User, add: AddDocument) -> None:
        document = add(owner, "birds.txt", [HERONS])
        Document.objects.filter(pk=document.pk).update(created_at="2026-03-05T12:00:00Z")
        assert names(found(page, "herons", since="2026-03-05", until="2026-03-05")) == ["birds.txt"]
        assert "No document passes these filters" in found(page, "herons", since="2026-03-06")
        assert "lies before the first" in found(page, "herons", since="2026-03-06", until="2026-03-05")

    def test_where_to_look_may_be_linked_to(self, page: Client, owner: User, add: AddDocument) -> None:
        document = add(owner, "birds.txt", [HERONS])
        content = page.get(SEARCH, {"document": str(document.pk)}).content.decode()
        assert f'value="{document.pk}" selected' in content
        assert page.get(SEARCH, {"document": str(uuid.uuid4())}).status_code == 200
        assert page.get(SEARCH, {"document": "nonsense"}).status_code == 200


class TestOthers:
    def test_find_what_is_shared_with_them_and_open_it(self, stranger: User, owner: User, add: AddDocument) -> None:
        document = add(owner, "birds.txt", [HERONS])
        Page.objects.create(version=document.current_version, number=1, text=HERONS)
        collection = keeping.create(owner, "Birds of the lake")
        keeping.put(owner, [document.pk], collection)
        share = giving.with_person(collection, stranger.email)
        browser = Client()
        browser.force_login(stranger)
        assert "Birds of the lake" in browser.get(SEARCH).content.decode()
        content = found(browser, "herons", collection=str(collection.pk))
        assert names(content) == ["birds.txt"]
        assert "<mark>herons</mark>" in content
        (link,) = re.findall(r'class="hit-title" href="([^"]+)"', content)
        assert "<mark" in browser.get(link).content.decode()
        giving.end(share)
        assert names(found(browser, "herons")) == []
        assert browser.get(link).status_code == 404

    def test_find_nothing_of_it(self, stranger: User, owner: User, add: AddDocument) -> None:
        document = add(owner, "birds.txt", [HERONS])
        add(stranger, "own.txt", [SALT])
        browser = Client()
        browser.force_login(stranger)
        assert names(found(browser, "herons")) in ([], ["own.txt"])
        refused = found(browser, "herons", document=str(document.pk))
        assert names(refused) == []
        assert "birds" not in refused
        assert "birds" not in browser.get(SEARCH, {"document": str(document.pk)}).content.decode()

    def test_a_collection_of_others_cannot_be_named(self, stranger: User, owner: User) -> None:
        collection = Collection.objects.create(owner=owner, name="Secret plans")
        browser = Client()
        browser.force_login(stranger)
        refused = found(browser, "plans", collection=str(collection.pk))
        assert "Secret" not in refused
        assert "Nothing was searched for" in refused


def test_more_is_shown_when_asked_for(page: Client, owner: User, add: AddDocument) -> None:
    for number in range(25):
        add(owner, f"{number}.txt", [f"Heron number {number} was ringed by {number * 7} people on day {number + 3}."])
    content = found(page, "heron")
    assert len(names(content)) == 20
    assert 'name="start" value="20"' in content
    rest = found(page, "heron", start=20)
    assert len(names(rest)) == 5
    assert 'name="start"' not in rest
    assert "Show more" not in rest


def test_it_is_counted_as_a_search(page: Client, settings: LazySettings) -> None:
    settings.RATE_LIMIT_PER_MINUTE, settings.RATE_LIMIT_BURST = 1, 1
    answers = [page.post(SEARCH, {"q": "heron"}, headers=HTMX).status_code for _ in range(4)]
    assert answers[0] == 200
    assert answers[-1] == 429


def test_the_database_is_asked_the_same_for_one_hit_and_for_many(
    page: Client, owner: User, add: AddDocument, django_assert_max_num_queries: object
) -> None:
    for number in range(12):
        add(owner, f"{number}.txt", [f"Heron number {number} was ringed by {number * 7} people on day {number + 3}."])
    with django_assert_max_num_queries(26):  # type: ignore[operator]  # pytest-django's context manager
        found(page, "heron")
