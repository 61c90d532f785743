"""What a collection has of its own for search: how relevant, how many, how long."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts import audit
from accounts.audit.models import AuditEvent
from accounts.models import User
from documents.collections import keeping, tuning
from documents.collections.errors import CollectionError
from documents.collections.tuning import Cut, Tuning
from documents.ingestion import ingest
from documents.models import Chunk, Collection, Document
from documents.retrieval import Filters, search
from tests.ingestion.conftest import Upload, someone, upload
from tests.library.collections.conftest import browser_of
from tests.retrieval.conftest import AddDocument, add, clean_after

__all__ = ["add", "clean_after", "someone", "upload"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def birds(owner: User, add: AddDocument) -> Collection:
    collection = keeping.create(owner, "Birds")
    texts = [f"Heron number {n} was ringed by {n * 7} people on the {n + 3}rd day of the year." for n in range(1, 9)]
    keeping.put(owner, [add(owner, "birds.txt", texts).pk], collection)
    return collection


def test_its_own_threshold_cuts_its_passages_alone(owner: User, birds: Collection, add: AddDocument) -> None:
    add(owner, "heron.txt", ["A heron number was ringed at the other lake by the keeper."])
    query = "Which heron number was ringed?"
    before = search(user_id=owner.pk, query=query, top_k=20)
    assert {passage.document_name for passage in before.passages} == {"birds.txt", "heron.txt"}
    tuning.tune(birds, Tuning(relevance_threshold=1.0))
    found = search(user_id=owner.pk, query=query, top_k=20)
    assert {passage.document_name for passage in found.passages} == {"heron.txt"}
    cut = [entry for entry in found.trace["passages"] if entry["name"] == "birds.txt"]
    assert {(entry["cut"], entry["threshold"]) for entry in cut} == {("below the relevance asked for", 1.0)}


def test_so_many_passages_are_given_where_it_alone_is_searched(owner: User, birds: Collection) -> None:
    tuning.tune(birds, Tuning(top_k=2))
    assert len(search(user_id=owner.pk, query="heron ringed", filters=Filters(collections=[birds.pk])).passages) == 2
    assert len(search(user_id=owner.pk, query="heron ringed").passages) == 5


@pytest.mark.parametrize(
    ("size", "overlap", "expected"),
    [(None, None, Cut(1000, 200)), (400, None, Cut(400, 80)), (4000, None, Cut(4000, 200)), (400, 0, Cut(400, 0))],
)
def test_how_its_documents_are_cut(size: int | None, overlap: int | None, expected: Cut) -> None:
    assert tuning.cut(size, overlap) == expected


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.usefixtures("clean_after")
def test_documents_are_read_again_and_searched_meanwhile(someone: User, upload: Upload) -> None:
    collection = keeping.create(someone, "Weather")
    document = upload(
        " ".join(f"It rained on the lake for {n} days, and herons stayed." for n in range(60)).encode(), "a.txt"
    )
    keeping.put(someone, [document.pk], collection)
    ingest(document.pk)
    document.refresh_from_db()
    long = Chunk.objects.filter(version=document.current_version).count()

    assert tuning.tune(collection, Tuning(chunk_size=300), read_again=True) == 1
    document.refresh_from_db()
    assert document.status == Document.QUEUED
    assert search(user_id=someone.pk, query="herons lake").passages
    ingest(document.pk)
    document.refresh_from_db()
    assert document.status == Document.Status.READY
    chunks = Chunk.objects.filter(version=document.current_version)
    assert chunks.count() > 2 * long
    assert max(len(chunk.content) for chunk in chunks) <= 300


def test_an_overlap_without_room_is_refused(birds: Collection) -> None:
    for wrong in (Tuning(chunk_size=300, chunk_overlap=300), Tuning(chunk_overlap=50)):
        with pytest.raises(CollectionError, match="Nothing was changed"):
            tuning.tune(birds, wrong)
    for values in ({"top_k": 0}, {"relevance_threshold": 1.5}, {"chunk_size": 10}, {"chunk_overlap": 10}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Collection.objects.filter(pk=birds.pk).update(**values)


class TestPage:
    def address(self, collection: Collection) -> str:
        return f"/documents/collections/{collection.pk}/search-settings"

    def test_it_keeps_what_is_entered_and_records_it(self, owner: User, birds: Collection) -> None:
        browser = browser_of(owner)
        content = browser.get(self.address(birds)).content.decode()
        assert 'placeholder="0.36"' in content
        answer = browser.post(self.address(birds), {"relevance_threshold": "0.5", "top_k": "3", "chunk_size": "500"})
        assert answer.status_code == 302
        birds.refresh_from_db()
        assert (birds.relevance_threshold, birds.top_k, birds.chunk_size, birds.chunk_overlap) == (0.5, 3, 500, None)
        event = AuditEvent.objects.filter(action=audit.Action.COLLECTION_CHANGED).latest("pk")
        assert event.details["top_k"] == 3
        browser.post(self.address(birds), {})
        birds.refresh_from_db()
        assert birds.top_k is None

    def test_bad_values_are_said_and_change_nothing(self, owner: User, birds: Collection) -> None:
        browser = browser_of(owner)
        for wrong in ({"top_k": "0"}, {"relevance_threshold": "2"}, {"chunk_size": "300", "chunk_overlap": "400"}):
            answer = browser.post(self.address(birds), wrong)
            assert answer.status_code == 422
            assert 'class="errorlist' in answer.content.decode() or "Nothing was changed" in answer.content.decode()
        birds.refresh_from_db()
        assert birds.top_k is None

    def test_others_do_not_find_it(self, stranger: User, birds: Collection, client: Client) -> None:
        assert browser_of(stranger).get(self.address(birds)).status_code == 404
        assert browser_of(stranger).post(self.address(birds), {"top_k": "1"}).status_code == 404
        assert client.get(self.address(birds)).status_code == 302
