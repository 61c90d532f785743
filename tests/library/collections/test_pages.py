"""The pages of collections: an owner's, a reader's, and what a reader may not do."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chats import conversation as conversations
from chats.models import Citation, Message
from documents.collections import giving, keeping
from documents.collections.models import CollectionShare
from documents.models import Chunk, Collection, Document, DocumentVersion, Page
from tests.chats.conftest import answered
from tests.library.collections.conftest import ENDS, HARBOUR, browser_of
from tests.retrieval.conftest import AddDocument

pytestmark = pytest.mark.django_db
HOME = "/documents/collections"


@pytest.fixture
def page(owner: User) -> Client:
    return browser_of(owner)


@pytest.fixture
def walls(harbour: Collection) -> Document:
    document: Document = Document.objects.select_related("current_version").get(collection=harbour)
    Page.objects.create(version=document.current_version, number=1, text=HARBOUR)
    DocumentVersion.objects.filter(document=document).update(page_count=1)
    return document


def words(response: Any) -> str:
    return str(response.content.decode())


class TestAnOwner:
    def test_makes_one_and_puts_documents_in(self, page: Client, owner: User, add: AddDocument) -> None:
        documents = [add(owner, f"{n}.txt", ["x"]) for n in range(3)]
        at = page.post(HOME, {"name": "Port"})["Location"]
        assert "Nothing is in it yet" in words(page.get(at))
        chosen = [str(each.pk) for each in documents[:2]]
        said = page.post(f"{at}/documents", {"documents": [*chosen, "nonsense"]}, follow=True)
        assert "2 documents were put in." in words(said)
        assert "2 documents" in words(page.get(HOME))
        said = page.post(f"{at}/documents/out", {"documents": chosen[:1]}, follow=True)
        assert "1 document was taken out." in words(said)
        assert Collection.objects.get().documents.count() == 1

    def test_names_that_cannot_be_are_explained_and_kept_in_the_field(self, page: Client, harbour: Collection) -> None:
        said = page.post(HOME, {"name": "HARBOUR"})
        assert said.status_code == 422
        assert "already" in words(said)
        assert 'value="HARBOUR"' in words(said)
        other = page.post(HOME, {"name": "Other"})["Location"]
        said = page.post(f"{other}/rename", {"name": "Harbour"})
        assert said.status_code == 422
        assert "<bdi>Other</bdi>" in words(said)
        assert page.post(f"{other}/rename", {"name": "Another"}).status_code == 302

    def test_deletes_one_and_keeps_its_documents(self, page: Client, harbour: Collection, walls: Document) -> None:
        said = page.post(f"{HOME}/{harbour.pk}/delete", follow=True)
        assert "Its documents are kept" in words(said)
        assert page.get(f"/documents/{walls.pk}").status_code == 200

    def test_chooses_it_on_the_document_s_page(
        self, page: Client, harbour: Collection, walls: Document, stranger: User
    ) -> None:
        at = f"/documents/{walls.pk}/collection"
        assert "selected>Harbour</option>" in words(page.get(f"/documents/{walls.pk}"))
        page.post(at, {"collection": ""})
        assert Document.objects.get(pk=walls.pk).collection is None
        page.post(at, {"collection": str(harbour.pk)})
        theirs = keeping.create(stranger, "Theirs")
        for wanted in (str(theirs.pk), "nonsense"):
            assert "is not there any more" in words(page.post(at, {"collection": wanted}, follow=True))
        assert Document.objects.get(pk=walls.pk).collection_id == harbour.pk

    def test_shares_and_ends_the_share(self, page: Client, harbour: Collection, viewer: User) -> None:
        at = f"{HOME}/{harbour.pk}/shares"
        assert "Nobody yet" in words(page.get(at))
        assert viewer.email in words(page.post(at, {"kind": "person", "address": viewer.email, "days": "7"}))
        assert "with this role" in words(page.post(at, {"kind": "role", "role": "viewer"}, headers={"HX-Request": "1"}))
        for form in (
            {},
            {"kind": "person", "address": "x"},
            {"kind": "role", "role": "x"},
            {"kind": "role", "days": "²"},
        ):
            assert page.post(at, form).status_code == 422
        for share in CollectionShare.objects.all():
            assert "The share was ended" in words(page.post(f"{at}/{share.pk}/end"))
        assert not CollectionShare.objects.exists()

    def test_an_address_without_an_account_is_answered_alike(
        self, page: Client, harbour: Collection, viewer: User
    ) -> None:
        at, answers = f"{HOME}/{harbour.pk}/shares", []
        for address in (viewer.email, "nobody@example.org"):
            said = words(page.post(at, {"kind": "person", "address": address}, headers={"HX-Request": "true"}))
            share = CollectionShare.objects.get()
            answers.append(said.replace(address, "…").replace(str(share.pk), "…").partition("<form")[0])
            giving.end(share)
        assert answers[0] == answers[1]


class TestAReader:
    @pytest.fixture
    def share(self, harbour: Collection, walls: Document, viewer: User) -> CollectionShare:
        return giving.with_person(harbour, viewer.email)

    @pytest.fixture
    def reader(self, share: CollectionShare, viewer: User) -> Client:
        return browser_of(viewer)

    def addresses(self, walls: Document) -> list[str]:
        return [
            f"{HOME}/{walls.collection_id}",
            f"/documents/{walls.pk}",
            f"/documents/{walls.pk}/versions/1/pages/1",
            f"/documents/{walls.pk}/versions/1/pages/1?chunk={Chunk.objects.get(version__document=walls).pk}",
        ]

    def test_finds_it_in_the_lists_and_reads_every_page(self, reader: Client, walls: Document, owner: User) -> None:
        for at in (HOME, "/shared"):
            assert f"{HOME}/{walls.collection_id}" in words(reader.get(at))
            assert owner.display_name in words(reader.get(at))
        for at in self.addresses(walls):
            text = words(reader.get(at))
            assert "eading only" in text
            assert not [
                word
                for word in ("Download", "Rename", "Delete", "private.txt")
                if word in text.partition('id="main"')[2]
            ]
        assert HARBOUR in words(reader.get(self.addresses(walls)[2]))

    @pytest.mark.parametrize("end", ENDS)
    def test_when_it_ends_nothing_is_there(
        self, reader: Client, share: CollectionShare, walls: Document, end: str
    ) -> None:
        addresses = self.addresses(walls)
        ENDS[end](share)
        for at in addresses[1:] if end == "the document taken out" else addresses:
            response = reader.get(at)
            assert response.status_code == 404
            assert "stopped sharing it" in words(response)
            assert "walls" not in words(response)
        assert "walls.txt" not in words(reader.get(addresses[0]))

    def test_may_do_nothing_to_it(self, share: CollectionShare, walls: Document, stranger: User) -> None:
        """Also somebody who may change documents of their own. The file itself is not for readers."""
        giving.with_person(share.collection, stranger.email)
        client = browser_of(stranger)
        assert client.get(f"/documents/{walls.pk}").status_code == 200
        one, document = f"{HOME}/{share.collection_id}", f"/documents/{walls.pk}"
        for at in (f"{document}/file", f"{document}/versions/1/file", f"{document}/row", f"{one}/shares"):
            assert client.get(at).status_code == 404
        posts = [f"{document}/{verb}" for verb in ("rename", "delete", "retry", "password", "collection")]
        posts += [f"{one}/{verb}" for verb in ("rename", "delete", "documents", "documents/out", "shares")]
        for at in [*posts, f"{one}/shares/{share.pk}/end"]:
            form = {"name": "x", "documents": str(walls.pk), "kind": "role", "role": "user", "collection": ""}
            assert client.post(at, form).status_code == 404
        walls.refresh_from_db()
        assert (walls.name, walls.collection_id) == ("walls.txt", share.collection_id)
        assert CollectionShare.objects.count() == 2

    def test_what_is_not_read_yet_is_not_shown(self, reader: Client, walls: Document) -> None:
        Document.objects.create(owner=walls.owner, name="draft.txt", collection=walls.collection)
        text = words(reader.get(self.addresses(walls)[0]))
        assert "walls.txt" in text
        assert "draft.txt" not in text

    def test_a_picture_of_a_page_is_kept_in_no_browser(
        self, reader: Client, page: Client, walls: Document, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("documents.page_images.page_image", lambda _version, _number: b"png")
        at = f"/documents/{walls.pk}/versions/1/pages/1/image.png"
        assert reader.get(at)["Cache-Control"] == "private, no-store"
        assert "immutable" in page.get(at)["Cache-Control"]

    def test_a_citation_opens_the_page_while_the_share_stands_and_then_says_that_it_ended(
        self, share: CollectionShare, walls: Document, stranger: User
    ) -> None:
        giving.end(share)
        own = giving.with_person(share.collection, stranger.email)
        answer = cited(stranger, walls)
        client, at = browser_of(stranger), f"/chats/{answer.conversation_id}/messages/{answer.pk}/citations/1"
        chunk = Chunk.objects.get(version__document=walls)
        assert client.get(at)["Location"] == f"/documents/{walls.pk}/versions/1/pages/1?chunk={chunk.pk}#passage"
        assert "Open document" in words(client.get(at, headers={"HX-Request": "true"}))

        giving.end(own)
        for headers in ({}, {"HX-Request": "true"}):
            text = words(client.get(at, headers=headers))
            assert "is not shared with you any more" in text
            assert HARBOUR in text
            assert "Open document" not in text


def cited(user: User, document: Document) -> Message:
    answer = answered(conversations.start(user), "Of what are the walls?", "Of granite.")
    chunk = Chunk.objects.get(version__document=document)
    Citation.objects.create(
        message=answer, number=1, chunk=chunk, version=chunk.version, document_name=document.name, page=1,
        quoted=HARBOUR, score=1,
    )  # fmt: skip
    return answer
