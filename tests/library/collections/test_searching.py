"""Search over what several people own: the words of a question under each one's key, rarity counted over all."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from accounts.encryption import keys
from accounts.models import User
from accounts.tenancy import acting_as, acting_as_system
from documents.collections import giving, keeping
from documents.models import Collection, Document
from documents.retrieval import Filters, search
from documents.retrieval import searching as retrieval
from documents.retrieval.scope import visible_scope
from documents.retrieval.searching import find
from documents.spaces import active_space
from tests.library.collections.conftest import ENDS, FERRY, HARBOUR
from tests.retrieval.conftest import AddDocument, new_version

pytestmark = pytest.mark.django_db

PORT = [
    "Granite was chosen for the harbour of 1871, and granite stands there since.",
    "Ships unload timber, salt and granite at the northern quay of the harbour.",
    "Salt is stored in a house of brick. Salt keeps. Salt sells.",
]
TOWN = [
    "The town hall was built of brick and timber in 1903.",
    "Bread is baked at four in the morning from rye and wheat, with salt.",
    "Where the harbour ends the beach begins; there is no granite there.",
]
QUESTIONS = ["granite of the harbour", "salt timber brick", "Where is bread baked with salt?", "1871", "granite zebra"]


def names(user: User, query: str, **filters: object) -> set[str]:
    with acting_as(user):
        found = search(user_id=user.pk, query=query, filters=Filters(**filters))  # type: ignore[arg-type]
    return {entry["name"] for entry in found.trace["passages"]}


@pytest.mark.parametrize("question", QUESTIONS)
def test_two_owners_are_ranked_as_if_one_had_it_all(
    owner: User, stranger: User, viewer: User, add: AddDocument, question: str
) -> None:
    """BM25 with the rarity of both, vectors, and the second look: figure by figure what a single library gives."""
    for person in (owner, stranger):
        add(person, "port.txt" if person == owner else "town.txt", PORT if person == owner else TOWN)
    collection = keeping.create(owner, "Port")
    keeping.put(owner, Document.objects.filter(owner=owner).values_list("pk", flat=True), collection)
    giving.with_person(collection, stranger.email)
    add(viewer, "port.txt", PORT)
    add(viewer, "town.txt", TOWN)

    def figures(user: User) -> list[tuple[object, ...]]:
        with acting_as(user):
            read = find(visible_scope(user.pk), active_space(), question, limit=50).read
        return [
            (
                each.row.content,
                *(
                    pytest.approx(value, abs=1e-5)
                    for value in (
                        each.row.keyword,
                        each.row.similarity,
                        each.row.document_score,
                        each.row.rank_score,
                        each.reading.together,
                        each.reading.in_order,
                    )
                ),
            )
            for each in read
        ]

    both, alone = figures(stranger), figures(viewer)
    assert len(both) == 6
    plain = [(text, *(figure.expected for figure in row)) for text, *row in both]  # type: ignore[attr-defined]
    assert sorted(plain) == sorted(alone)  # type: ignore[type-var]
    assert [row[0] for row in both] == [row[0] for row in alone]


def test_a_reader_finds_what_is_shared_beside_their_own(harbour: Collection, stranger: User, add: AddDocument) -> None:
    add(stranger, "ferries.txt", [FERRY, "Granite is no cargo of ferries."])
    assert names(stranger, "granite of the harbour walls") == {"ferries.txt"}
    giving.with_person(harbour, stranger.email)

    assert names(stranger, "granite of the harbour walls") == {"ferries.txt", "walls.txt"}
    assert names(stranger, "granite", only_own=True) == {"ferries.txt"}
    assert names(stranger, "granite", collections=[harbour.pk]) == {"walls.txt"}
    own = Document.objects.get(owner=stranger).pk
    assert names(stranger, "granite", collections=[harbour.pk], documents=[own]) == {"ferries.txt", "walls.txt"}
    # What else the owner has is not found, chosen or not.
    everything = list(Document.objects.values_list("pk", flat=True))
    assert names(stranger, "diary granite harbour", documents=everything) == {"ferries.txt", "walls.txt"}


def test_the_owner_s_search_is_as_before(harbour: Collection, owner: User, stranger: User, add: AddDocument) -> None:
    add(stranger, "theirs.txt", [HARBOUR])
    giving.with_role(harbour, "user")
    assert names(owner, "granite harbour") == {"walls.txt", "private.txt"}


@pytest.mark.parametrize("end", ENDS)
def test_when_the_share_ends_nothing_is_found_any_more(harbour: Collection, viewer: User, end: str) -> None:
    share = giving.with_role(harbour, "viewer")
    assert names(viewer, "granite harbour walls") == {"walls.txt"}
    ENDS[end](share)
    assert names(viewer, "granite harbour walls") == set()
    assert names(viewer, "granite harbour walls", collections=[harbour.pk]) == set()


@pytest.mark.parametrize("end", ENDS)
def test_a_share_that_ends_in_the_middle_of_a_search_gives_nothing(
    harbour: Collection, viewer: User, add: AddDocument, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """After the documents were counted and the question was put into their owners' terms."""
    add(viewer, "own.txt", ["A note on granite."])
    share = giving.with_person(harbour, viewer.email)
    embed_query: Callable[[str, str], list[float]] = retrieval.embed_query

    def ends_meanwhile(model: str, query: str) -> list[float]:
        with acting_as_system("a test"):
            ENDS[end](share)
        if end == "the owner's account deleted":
            keys.destroy(share.owner_id)
        return embed_query(model, query)

    monkeypatch.setattr(retrieval, "embed_query", ends_meanwhile)
    assert names(viewer, "granite harbour walls") == {"own.txt"}


def test_an_owner_whose_key_is_gone_is_left_out(harbour: Collection, viewer: User, add: AddDocument) -> None:
    add(viewer, "own.txt", ["A note on granite."])
    giving.with_person(harbour, viewer.email)
    keys.destroy(harbour.owner_id)
    assert names(viewer, "granite harbour walls") == {"own.txt"}


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_document_that_is_moved_while_a_version_is_added_takes_it_along(
    clean_after: None, owner: User, add: AddDocument
) -> None:
    """Both at once, from two connections: whichever comes second sees the first."""
    document = add(owner, "walls.txt", [HARBOUR])
    shelves = [keeping.create(owner, "One"), keeping.create(owner, "Two")]
    for number in range(2, 12):
        inserted, moved = threading.Event(), threading.Event()

        def insert(number: int, inserted: threading.Event, moved: threading.Event) -> None:
            with acting_as_system("a test"), transaction.atomic():
                new_version(document, number)
                inserted.set()
                # The mover waits for this transaction.
                moved.wait(0.05)
            connection.close()

        thread = threading.Thread(target=insert, args=(number, inserted, moved))
        thread.start()
        inserted.wait(10)
        keeping.put(owner, [document.pk], shelves[number % 2])
        moved.set()
        thread.join(10)
        assert set(document.versions.values_list("collection", flat=True)) == {shelves[number % 2].pk}
