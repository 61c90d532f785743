"""What an owner does with collections: make, name and delete them, fill and empty them, share them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.audit import Action
from accounts.audit.models import AuditEvent
from accounts.models import User
from accounts.rights import holdings
from documents.collections import access, giving, keeping, listing
from documents.collections.errors import CollectionError
from documents.collections.models import CollectionShare
from documents.models import Collection, Document
from tests.retrieval.conftest import AddDocument

pytestmark = pytest.mark.django_db


def events(action: Action) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action))


class TestKeeping:
    def test_names_are_one_s_own_and_differ(self, owner: User, stranger: User) -> None:
        one = keeping.create(owner, "  The \0 harbour ")
        assert one.name == "The harbour"
        keeping.create(stranger, "The harbour")
        with pytest.raises(CollectionError, match="already"):
            keeping.create(owner, "THE HARBOUR")
        other = keeping.create(owner, "Ferries")
        with pytest.raises(CollectionError, match="already"):
            keeping.rename(other, "the harbour")
        keeping.rename(one, "THE harbour")
        assert [each.name for each in keeping.own(owner)] == ["Ferries", "THE harbour"]

    @pytest.mark.parametrize("name", ["", " \0 ", "x" * 81])
    def test_a_name_that_is_none_changes_nothing(self, owner: User, name: str) -> None:
        one = keeping.create(owner, "Harbour")
        for attempt in (lambda: keeping.create(owner, name), lambda: keeping.rename(one, name)):
            with pytest.raises(CollectionError, match="Nothing was changed"):
                attempt()
        assert [each.name for each in keeping.own(owner)] == ["Harbour"]

    def test_there_is_a_most(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeping, "MOST", 1)
        keeping.create(owner, "One")
        with pytest.raises(CollectionError, match="the most"):
            keeping.create(owner, "Two")

    def test_documents_are_put_in_and_taken_out(self, owner: User, add: AddDocument) -> None:
        first, second = keeping.create(owner, "First"), keeping.create(owner, "Second")
        documents = [add(owner, f"{n}.txt", ["x"]).pk for n in range(3)]
        assert keeping.put(owner, documents, first) == 3
        assert keeping.put(owner, documents[:2], first) == 0
        assert keeping.put(owner, documents[:1], second) == 1
        assert keeping.take_out(owner, documents, first) == 2
        assert [(shelf.name, shelf.documents) for shelf in listing.own(owner)] == [("First", 0), ("Second", 1)]
        changes = [event.details for event in events(Action.COLLECTION_CHANGED)]
        assert sorted((change.get("added", 0), change.get("removed", 0)) for change in changes) == [
            (0, 2), (1, 0), (3, 0),
        ]  # fmt: skip

    def test_others_documents_stay_where_they_are(
        self, harbour: Collection, owner: User, stranger: User, add: AddDocument
    ) -> None:
        theirs = Document.objects.get(collection=harbour).pk
        mine = keeping.create(stranger, "Mine")
        assert keeping.put(stranger, [theirs], mine) == 0
        assert keeping.take_out(stranger, [theirs], harbour) == 0
        assert Document.objects.get(pk=theirs).collection_id == harbour.pk

    def test_the_database_keeps_a_document_and_its_collection_with_one_owner(
        self, harbour: Collection, stranger: User, add: AddDocument
    ) -> None:
        document = add(stranger, "mine.txt", ["x"])
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError), transaction.atomic():
            Document.objects.filter(pk=document.pk).update(collection=harbour)

    def test_when_it_goes_the_documents_stay(self, harbour: Collection, owner: User) -> None:
        document = Document.objects.get(collection=harbour)
        giving.with_role(harbour, "viewer")
        assert keeping.delete(harbour) == 1
        document.refresh_from_db()
        assert document.collection is None
        assert not CollectionShare.objects.exists()
        with pytest.raises(CollectionError, match="deleted meanwhile"):
            keeping.put(owner, [document.pk], harbour)
        with pytest.raises(CollectionError, match="deleted meanwhile"):
            giving.with_role(harbour, "viewer")
        (event,) = events(Action.COLLECTION_DELETED)
        assert (event.resource_id, event.details["documents"]) == (str(harbour.pk), 1)


class TestGiving:
    def test_what_a_person_gets_is_listed_to_both(self, harbour: Collection, owner: User, viewer: User) -> None:
        share = giving.with_person(harbour, " Viewer@Example.org ", days=7)
        assert (share.viewer, share.owner_id) == (viewer, owner.pk)
        assert share.expires_at is not None
        assert timedelta(days=6) < share.expires_at - timezone.now() < timedelta(days=8)
        assert [each.label for each in listing.given(harbour)] == ["viewer@example.org"]
        (shelf,) = listing.received(viewer)
        assert (shelf.name, shelf.documents, shelf.owner, shelf.until) == (
            "Harbour", 1, owner.display_name, share.expires_at,
        )  # fmt: skip
        assert access.shared_with(viewer.pk) == [harbour.pk]
        (given,) = events(Action.SHARED)
        assert given.details["viewer"] == str(viewer.pk)
        assert "viewer@" not in str(vars(given))

    def test_sharing_again_changes_the_share(self, harbour: Collection, viewer: User) -> None:
        giving.with_person(harbour, viewer.email, days=1)
        giving.with_person(harbour, viewer.email)
        giving.with_role(harbour, "viewer")
        assert [share.expires_at for share in CollectionShare.objects.filter(kind="person")] == [None]
        assert len(events(Action.SHARE_CHANGED)) == 1
        assert [shelf.name for shelf in listing.received(viewer)] == ["Harbour"]

    def test_an_address_without_an_account_opens_nothing(self, harbour: Collection, stranger: User) -> None:
        share = giving.with_person(harbour, "nobody@example.org")
        assert share.viewer is None
        assert access.shared_with(stranger.pk) == []
        assert [each.label for each in listing.given(harbour)] == ["nobody@example.org"]

    @pytest.mark.parametrize(
        "attempt",
        [
            lambda one: giving.with_person(one, "nonsense"),
            lambda one: giving.with_person(one, "owner@example.org"),
            lambda one: giving.with_role(one, "king"),
            lambda one: giving.with_role(one, "user", days=3),
        ],
    )
    def test_what_cannot_be_is_refused(self, harbour: Collection, attempt: Any) -> None:
        with pytest.raises(CollectionError):
            attempt(harbour)
        assert not CollectionShare.objects.exists()

    def test_a_collection_is_not_listed_to_its_owner_as_shared(self, harbour: Collection, owner: User) -> None:
        giving.with_role(harbour, owner.role)
        assert listing.received(owner) == []
        assert listing.own(owner)[0].shares == 1


def test_an_export_tells_of_collections_and_shares(harbour: Collection, owner: User, viewer: User) -> None:
    giving.with_person(harbour, viewer.email)
    (holding,) = [each for each in holdings.every() if each.name == "collection_shares"]
    (mine,), (theirs,) = holding.export(owner), holding.export(viewer)
    assert b"viewer@example.org" in bytes(mine.content)  # type: ignore[arg-type]
    assert b'"Harbour"' in bytes(mine.content)  # type: ignore[arg-type]
    assert str(harbour.pk).encode() in bytes(theirs.content)  # type: ignore[arg-type]
    assert b"Harbour" not in bytes(theirs.content)  # type: ignore[arg-type]
    holding.erase(owner.pk, lambda: None)
    assert not CollectionShare.objects.exists()
