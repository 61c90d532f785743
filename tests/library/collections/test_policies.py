"""What PostgreSQL itself shows a reader of a collection when every filter of ours has been forgotten."""

import random
import uuid
from collections.abc import Callable

import pytest
from django.apps import apps
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Model

from accounts.models import User
from accounts.tenancy import acting_as
from chats import conversation as conversations
from chats.models import Citation
from documents import library
from documents.collections import access, giving, keeping
from documents.collections.models import CollectionShare
from documents.models import Chunk, Collection, Document, DocumentVersion, Embedding, Page, Posting
from documents.sources.models import Label, Publication, Source
from tests.chats.conftest import answered
from tests.library.collections.conftest import ENDS, HARBOUR
from tests.retrieval.conftest import AddDocument, index, new_version

pytestmark = pytest.mark.django_db

# How each kind of row leads to its collection.
BELOW: dict[type[Model], str] = {
    Collection: "pk",
    CollectionShare: "collection",
    Document: "collection",
    DocumentVersion: "document__collection",
    Page: "version__document__collection",
    Chunk: "version__document__collection",
    Posting: "version__document__collection",
    Embedding: "version__document__collection",
    Publication: "document__collection",
    Label: "document__collection",
}
WAYS: dict[str, Callable[[Collection, User], CollectionShare]] = {
    "by name": lambda collection, viewer: giving.with_person(collection, viewer.email),
    "by role": lambda collection, viewer: giving.with_role(collection, viewer.role),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def share(request: pytest.FixtureRequest, harbour: Collection, viewer: User) -> CollectionShare:
    for document in Document.objects.all():
        Page.objects.create(version=document.current_version, number=1, text=HARBOUR)
        # Where it lies on its owner's disk is not shared.
        Source.objects.create(document=document, path=f"/blog/{document.pk}.md")
        Publication.objects.create(document=document, url="https://example.org/walls")
        Label.objects.create(document=document, kind=Label.Kind.TAG, position=0, name="granite", name_hash=b"granite")
    given: CollectionShare = request.param(harbour, viewer)
    return given


def seen(model: type[Model], who: User) -> set[object]:
    with acting_as(who):
        return set(model._default_manager.values_list("pk", flat=True))


def test_whoever_just_signed_up_has_no_role_yet(harbour: Collection, viewer: User) -> None:
    giving.with_role(harbour, viewer.role)
    assert harbour.pk in seen(Collection, viewer)
    assert access.shared_with(viewer.pk) == [harbour.pk]
    User.objects.filter(pk=viewer.pk).update(address_confirmed=False)
    assert harbour.pk not in seen(Collection, viewer)
    assert access.shared_with(viewer.pk) == []


def owned_models() -> list[type[Model]]:
    return [model for model in apps.get_models() if any(f.attname == "owner_id" for f in model._meta.concrete_fields)]


@pytest.mark.parametrize("model", owned_models(), ids=lambda model: model._meta.db_table)
def test_exactly_what_is_in_the_collection_can_be_read(
    model: type[Model], share: CollectionShare, viewer: User, stranger: User
) -> None:
    rows = model._default_manager
    below = BELOW.get(model)
    expected = set(rows.filter(**{below: share.collection_id}).values_list("pk", flat=True)) if below else set()
    assert bool(expected) is (model in BELOW)
    assert seen(model, viewer) == expected
    assert seen(model, stranger) == set()
    assert seen(model, share.collection.owner) == set(rows.values_list("pk", flat=True))


@pytest.mark.parametrize("model", BELOW, ids=lambda model: model._meta.db_table)
def test_what_can_be_read_can_be_neither_changed_nor_deleted(
    model: type[Model], share: CollectionShare, viewer: User
) -> None:
    table = connection.ops.quote_name(model._meta.db_table)
    before = list(model._default_manager.order_by("pk").values_list("pk", "owner_id"))
    with acting_as(viewer), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET owner_id = owner_id")
        assert cursor.rowcount == 0
        cursor.execute(f"DELETE FROM {table}")
        assert cursor.rowcount == 0
        cursor.execute(f"SELECT * FROM {table} FOR UPDATE")
        assert cursor.fetchall() == []
    assert list(model._default_manager.order_by("pk").values_list("pk", "owner_id")) == before


def test_nothing_can_be_put_into_it_by_others(share: CollectionShare, viewer: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for owner_id in (share.collection.owner_id, viewer.pk):
        with acting_as(viewer), pytest.raises((ProgrammingError, IntegrityError)), transaction.atomic():
            Document.objects.create(owner_id=owner_id, collection_id=share.collection_id, name="planted.txt")
        with acting_as(viewer), pytest.raises((ProgrammingError, IntegrityError)), transaction.atomic():
            CollectionShare.objects.create(
                owner_id=owner_id, collection_id=share.collection_id, kind="person", viewer=viewer, address="a@b.org"
            )


@pytest.mark.parametrize("end", ENDS)
def test_nothing_can_be_read_once_it_ends(share: CollectionShare, viewer: User, end: str) -> None:
    assert seen(Chunk, viewer)
    ENDS[end](share)
    below = {model for model in BELOW if model not in {Collection, CollectionShare}}
    for model in below if end == "the document taken out" else BELOW:
        assert not seen(model, viewer)


def test_a_reader_whose_account_is_closed_or_whose_role_changed_reads_nothing(
    share: CollectionShare, viewer: User
) -> None:
    if share.role:
        User.objects.filter(pk=viewer.pk).update(role="user")
        assert not seen(Chunk, viewer)
        User.objects.filter(pk=viewer.pk).update(role="viewer")
        assert seen(Chunk, viewer)
    User.objects.filter(pk=viewer.pk).update(is_active=False)
    assert not seen(Chunk, viewer)


def test_a_version_is_in_its_document_s_collection_whatever_is_written(
    harbour: Collection, owner: User, add: AddDocument
) -> None:
    inside, outside = Document.objects.get(collection=harbour), add(owner, "more.txt", [HARBOUR])
    newer = new_version(inside, 2)
    assert DocumentVersion.objects.get(pk=newer.pk).collection_id == harbour.pk

    stale = DocumentVersion.objects.get(document=outside)
    keeping.put(owner, [outside.pk], harbour)
    stale.save()
    assert DocumentVersion.objects.get(pk=stale.pk).collection_id == harbour.pk
    DocumentVersion.objects.update(collection=None)
    assert DocumentVersion.objects.filter(collection=harbour).count() == 3

    keeping.delete(harbour)
    assert not DocumentVersion.objects.exclude(collection=None).exists()


def test_the_document_s_owner_can_delete_what_others_cite(share: CollectionShare, viewer: User, stranger: User) -> None:
    """Whose citations they do not see. A reader's quote stays, and points at nothing."""
    giving.with_person(share.collection, stranger.email)
    document = Document.objects.get(collection=share.collection)
    with acting_as(stranger):
        chunk = Chunk.objects.get()
        answer = answered(conversations.start(stranger), "Of what are the walls?", "Of granite.")
        cited = Citation.objects.create(
            message=answer, number=1, chunk=chunk, version=chunk.version, document_name="walls.txt", page=1,
            quoted=HARBOUR, score=1,
        )  # fmt: skip
    with acting_as(share.collection.owner):
        index(document.current_version, [])
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert not Chunk.objects.filter(pk=chunk.pk).exists()
        library.delete(document)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    kept = Citation.objects.get(pk=cited.pk)
    assert (kept.quoted, kept.chunk_id, kept.version_id) == (HARBOUR, None, None)


def plan(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM {table}")
        return "\n".join(line for (line,) in cursor.fetchall())


# What stands in a plan for the question whether a row is shared.
ASKS = {
    "documents_collection": "= ANY ((InitPlan",
    "documents_document": "= ANY ((InitPlan",
    "documents_documentversion": "= ANY ((InitPlan",
    "documents_page": "collections_version_is_readable(",
    "documents_chunk": "collections_version_is_readable(",
    "documents_posting": "hashed SubPlan",
    "documents_embedding": "hashed SubPlan",
    "sources_publication": "hashed SubPlan",
    "sources_label": "hashed SubPlan",
}


@pytest.mark.parametrize("table", ASKS)
def test_for_one_s_own_rows_nothing_is_asked(table: str, share: CollectionShare, viewer: User) -> None:
    with acting_as(share.collection.owner):
        own = plan(table)
    condition = next(line for line in own.splitlines() if "Filter:" in line)
    assert 0 < condition.index("owner_id =") < condition.index(ASKS[table])
    if "Plan" in ASKS[table]:
        assert own.count("never executed") >= 1
        with acting_as(viewer):
            assert "never executed" not in plan(table)


STEPS = 400


def test_whatever_happens_in_whatever_order_exactly_what_is_shared_is_read(
    owner: User, stranger: User, viewer: User, add: AddDocument
) -> None:
    """Random shares, ends, moves and deletions by two people, compared with a model of them after each."""
    chance = random.Random(5)
    people = {owner.pk: owner, stranger.pk: stranger}
    documents = {add(one, f"{n}.txt", [f"{HARBOUR} {n}"]).pk: one.pk for one in people.values() for n in range(3)}
    within: dict[uuid.UUID, Collection | None] = dict.fromkeys(documents)
    collections: list[Collection] = []
    shares: dict[uuid.UUID, CollectionShare] = {}
    for step in range(STEPS):
        one = people[chance.choice(list(people))]
        own = [each for each in collections if each.owner_id == one.pk]
        match chance.choice(["make", "put", "put", "take", "give", "give", "end", "delete"]):
            case "make" if len(own) < 3:
                collections.append(keeping.create(one, f"Collection {step}"))
            case "put" if own:
                moved = chance.choice([pk for pk, of in documents.items() if of == one.pk])
                within[moved] = chance.choice(own)
                assert within[moved]
                keeping.put(one, [moved], within[moved])  # type: ignore[arg-type]
            case "take":
                moved = chance.choice([pk for pk, of in documents.items() if of == one.pk])
                if within[moved]:
                    keeping.take_out(one, [moved], within[moved])  # type: ignore[arg-type]
                within[moved] = None
            case "give" if own:
                wanted = chance.choice(own)
                others = [each.email for each in (owner, stranger, viewer) if each != one]
                share = (
                    giving.with_role(wanted, chance.choice(["viewer", "admin"]))
                    if chance.random() < 0.3
                    else giving.with_person(wanted, chance.choice(others))
                )
                shares[share.pk] = share
            case "end" if shares:
                giving.end(shares.pop(chance.choice(list(shares))))
            case "delete" if own and chance.random() < 0.3:
                gone = chance.choice(own)
                keeping.delete(gone)
                collections.remove(gone)
                shares = {pk: each for pk, each in shares.items() if each.collection_id != gone.pk}
                within = {pk: None if at == gone else at for pk, at in within.items()}
        for reader in (owner, stranger, viewer):
            open_to = {
                each.collection_id
                for each in shares.values()
                if each.viewer_id == reader.pk or each.role == reader.role
            }
            expected = {
                pk for pk, of in documents.items() if of == reader.pk or ((at := within[pk]) and at.pk in open_to)
            }
            with acting_as(reader):
                assert set(Document.objects.values_list("pk", flat=True)) == expected
                for model in (Chunk, Posting, Embedding):
                    assert set(model.objects.values_list("version__document", flat=True)) == expected
