"""From ranked passages to those a model reads: neighbours together, copies once, and a reason for each that is cut."""

import datetime as dt

import pytest

from accounts.models import User
from documents.index import NewPassage, write_passages
from documents.models import Collection, Document, DocumentVersion
from documents.retrieval import Filters, search
from documents.spaces import active_space, embed
from tests.retrieval.conftest import AddDocument, new_version

FERRY = "The ferry to the island leaves at noon from the granite quay, in winter at eleven."
TICKET = "Tickets for the ferry to the island are sold on board, for coins only, by the mate."
DOGS = "Dogs travel on the ferry to the island without a ticket, on the lower deck."


def on_one_page(owner: User, *texts: str) -> DocumentVersion:
    document = Document.objects.create(owner=owner, name="ferry.pdf", status=Document.Status.READY)
    version = new_version(document)
    passages = [
        NewPassage(3, number, text, boxes=[[3, float(number), 0.0, 9.0, 9.0]]) for number, text in enumerate(texts)
    ]
    write_passages(version, passages, embed(active_space(), texts), space=active_space())
    Document.objects.filter(pk=document.pk).update(current_version=version)
    return version


def test_neighbours_on_a_page_are_read_as_one_passage_in_their_order(owner: User) -> None:
    on_one_page(owner, FERRY, f"in winter at eleven. {TICKET}", DOGS)

    [passage] = search(user_id=owner.pk, query="ferry to the island tickets").passages

    assert passage.text == f"{FERRY} {TICKET}\n{DOGS}"
    assert [box[1] for box in passage.boxes] == [0.0, 1.0, 2.0]
    assert passage.page == 3


def test_passages_that_are_not_neighbours_stay_apart(owner: User, settings) -> None:
    settings.RAG_RELEVANCE_THRESHOLD = 0.3
    on_one_page(owner, FERRY, "Moss grows slowly.", TICKET)

    found = search(user_id=owner.pk, query="ferry to the island tickets").passages

    assert {passage.text for passage in found} == {FERRY, TICKET}


def test_joined_passages_count_once_and_the_trace_names_both(owner: User, add: AddDocument) -> None:
    on_one_page(owner, FERRY, TICKET)
    add(owner, "other.txt", ["A ferry to the island ran in 1871 too, with tickets of tin."])

    retrieval = search(user_id=owner.pk, query="ferry to the island tickets", top_k=2)

    assert len(retrieval.passages) == 2
    used = [entry for entry in retrieval.trace["passages"] if entry["used"]]
    assert sorted(entry["note"] for entry in used) == ["", "", "read together with its neighbour"]


def test_of_nearly_equal_paragraphs_one_is_read(owner: User, add: AddDocument) -> None:
    for year in (2019, 2020, 2021):
        add(owner, f"rules {year}.txt", [f"{FERRY} Children travel free when they hold the hand of somebody. {year}"])

    retrieval = search(user_id=owner.pk, query="When does the ferry to the island leave?")

    assert len(retrieval.passages) == 1
    cuts = [entry["cut"] for entry in retrieval.trace["passages"] if not entry["used"]]
    assert cuts == ["nearly the same text as a passage above"] * 2


@pytest.fixture
def library(owner: User, add: AddDocument) -> dict[str, Document]:
    names = ("harbour.txt", "island.txt", "winter.txt")
    return {name: add(owner, name, [f"{FERRY} So says the notice of {name}."]) for name in names}


def names_found(owner: User, **filters: object) -> set[str]:
    found = search(user_id=owner.pk, query="ferry to the island", filters=Filters(**filters))
    return {entry["name"] for entry in found.trace["passages"]}


def test_a_search_is_narrowed_to_documents(owner: User, library: dict[str, Document]) -> None:
    wanted = library["island.txt"], library["winter.txt"]

    assert names_found(owner) == set(library)
    assert names_found(owner, documents=[each.pk for each in wanted]) == {"island.txt", "winter.txt"}


def test_a_search_is_narrowed_to_a_collection(owner: User, library: dict[str, Document]) -> None:
    shelf = Collection.objects.create(owner=owner, name="Shelf")
    Document.objects.filter(pk=library["harbour.txt"].pk).update(collection=shelf)

    assert names_found(owner, collections=[shelf.pk]) == {"harbour.txt"}


def test_a_search_is_narrowed_to_types_and_days(owner: User, library: dict[str, Document]) -> None:
    DocumentVersion.objects.filter(document=library["winter.txt"]).update(media_type="application/pdf")
    old = dt.datetime(2020, 5, 4, 12, tzinfo=dt.UTC)
    Document.objects.filter(pk=library["harbour.txt"].pk).update(created_at=old)

    assert names_found(owner, types=["application/pdf"]) == {"winter.txt"}
    assert names_found(owner, until=old.date()) == {"harbour.txt"}
    assert names_found(owner, since=old.date() + dt.timedelta(days=1)) == {"island.txt", "winter.txt"}


def test_what_is_filtered_out_does_not_count_for_rarity(owner: User, library: dict[str, Document]) -> None:
    one = search(user_id=owner.pk, query="ferry", filters=Filters(documents=[library["island.txt"].pk]))

    assert one.trace["searched"] == one.document_count == 1


def test_filters_never_reach_another_persons_documents(
    owner: User, stranger: User, library: dict[str, Document]
) -> None:
    everything = Filters(documents=[each.pk for each in library.values()])

    assert search(user_id=stranger.pk, query="ferry to the island", filters=everything).passages == []
