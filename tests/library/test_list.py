"""The list of documents: narrowed, ordered, cut into pages; what is done with several; tags; a look into one."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.rights.models import LegalHold
from documents import listing, tagging
from documents.collections import keeping
from documents.listing import Wanted
from documents.models import Document, DocumentTag, DocumentVersion, Tag
from tests.library.conftest import MakeDocument, files_on_disk

URL, SEVERAL = "/documents/", "/documents/several"
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


def names(user: User, **wanted: Any) -> list[str]:
    return [row.document.name for row in listing.page(user, Wanted(**wanted)).rows]


@pytest.fixture
def shelf(make_document: MakeDocument) -> dict[str, Document]:
    """Four documents, the first of which is the oldest."""
    made = {}
    for days, (name, media_type, size, pages, status) in enumerate(
        [
            ("Report 10.pdf", "application/pdf", 900, 3, "ready"),
            ("report 9.pdf", "application/pdf", 500, 30, "failed"),
            ("Résumé.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", 700, 1, "ready"),
            ("zebra.csv", "text/csv", 100, 2, "queued"),
        ]
    ):
        document = make_document(name=name, media_type=media_type, content=b"x" * size, status=status)
        DocumentVersion.objects.filter(document=document).update(page_count=pages)
        Document.objects.filter(pk=document.pk).update(created_at=timezone.now() - timedelta(days=9 - days))
        made[name] = document
    return made


# --- Order


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-added", ["zebra.csv", "Résumé.docx", "report 9.pdf", "Report 10.pdf"]),
        ("added", ["Report 10.pdf", "report 9.pdf", "Résumé.docx", "zebra.csv"]),
        # As a person counts: 9 before 10, and the size of letters and accents do not matter.
        ("name", ["report 9.pdf", "Report 10.pdf", "Résumé.docx", "zebra.csv"]),
        ("-name", ["zebra.csv", "Résumé.docx", "Report 10.pdf", "report 9.pdf"]),
        ("size", ["zebra.csv", "report 9.pdf", "Résumé.docx", "Report 10.pdf"]),
        ("-pages", ["report 9.pdf", "Report 10.pdf", "zebra.csv", "Résumé.docx"]),
        ("status", ["report 9.pdf", "zebra.csv", "Résumé.docx", "Report 10.pdf"]),
    ],
)
def test_it_is_ordered_as_asked_for(owner: User, shelf: dict[str, Document], sort: str, order: list[str]) -> None:
    assert names(owner, sort=sort) == order


def test_a_version_that_is_newer_counts_for_size_and_type(owner: User, shelf: dict[str, Document]) -> None:
    document = shelf["zebra.csv"]
    DocumentVersion.objects.create(
        document=document, number=2, blob="x", fingerprint="x", size=5000, media_type="application/pdf"
    )
    assert names(owner, sort="-size")[0] == "zebra.csv"
    assert "zebra.csv" in names(owner, kind="pdf")
    assert names(owner, kind="sheets") == []


# --- Narrowing


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"state": "failed"}, {"report 9.pdf"}),
        ({"state": "busy"}, {"zebra.csv"}),
        ({"kind": "pdf"}, {"Report 10.pdf", "report 9.pdf"}),
        ({"kind": "text"}, {"Résumé.docx"}),
        ({"words": "REPORT"}, {"Report 10.pdf", "report 9.pdf"}),
        ({"words": "resume"}, {"Résumé.docx"}),
        ({"words": "9 rep"}, {"report 9.pdf"}),
        ({"words": "report", "state": "ready"}, {"Report 10.pdf"}),
        ({"words": "nothing"}, set()),
        ({"tag": uuid.UUID(int=7)}, set()),
    ],
    ids=lambda one: str(one) if isinstance(one, dict) else " and ".join(sorted(one)) or "nothing",
)
def test_it_is_narrowed_as_asked_for(
    owner: User, shelf: dict[str, Document], wanted: dict[str, Any], expected: set[str]
) -> None:
    assert set(names(owner, **wanted)) == expected


def test_a_stranger_s_list_has_nothing_of_it(stranger: User, shelf: dict[str, Document]) -> None:
    assert names(stranger) == names(stranger, words="report") == names(stranger, sort="name") == []


def test_words_come_by_post_and_stand_in_no_address(owners_client: Client, shelf: dict[str, Document]) -> None:
    answer = owners_client.post(URL, {"words": "report", "state": "ready", "sort": "name"}, headers=PART)
    page = answer.content.decode()
    assert "Report 10.pdf" in page
    assert "zebra.csv" not in page
    assert answer["HX-Replace-Url"] == "/documents/?state=ready&sort=name"
    # Asking for itself again it asks for the same.
    assert 'hx-post="/documents/"' in page
    whole = owners_client.post(URL, {"words": "report"}).content.decode()
    assert 'value="report"' in whole
    assert "<html" in whole


@pytest.mark.parametrize(
    "query",
    [{"sort": "owner_id"}, {"state": "x"}, {"kind": "'"}, {"tag": "x"}, {"length": "9999999"}, {"length": "-1"},
     {"page": "9" * 40}, {"page": "-3"}],
    ids=str,
)  # fmt: skip
def test_what_makes_no_sense_shows_the_list(owners_client: Client, shelf: dict[str, Document], query: dict) -> None:
    answer = owners_client.get(URL, query)
    assert answer.status_code == 200
    assert "zebra.csv" in answer.content.decode()


def test_nothing_fits_is_said_and_leads_back(owners_client: Client, shelf: dict[str, Document]) -> None:
    page = owners_client.post(URL, {"words": "nowhere"}, headers=PART).content.decode()
    assert "No document fits" in page
    assert "Show all" in page


def test_names_are_opened_up_to_a_bound_that_is_said(
    owner: User, owners_client: Client, make_document: MakeDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_NAMES", 3)
    for number in range(5):
        make_document(name=f"file {number}.txt")
    listed = listing.page(owner, Wanted(words="file"))
    assert (listed.count, listed.not_looked_at) == (3, 2)
    assert {row.document.name for row in listed.rows} == {"file 2.txt", "file 3.txt", "file 4.txt"}
    assert "2 older documents are not in this list" in owners_client.post(URL, {"sort": "name"}).content.decode()


@pytest.mark.parametrize(
    "wanted", [{}, {"words": "file"}, {"sort": "name"}, {"sort": "-size", "kind": "text"}], ids=str
)
def test_the_number_of_queries_does_not_grow(owner: User, make_document: MakeDocument, wanted: dict) -> None:
    counts = []
    for _ in range(2):
        for _ in range(6):
            make_document(name=f"file {uuid.uuid4()}.txt")
        with CaptureQueriesContext(connection) as queries:
            listing.page(owner, Wanted(**wanted))
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


def test_pages_of_a_list_that_was_searched_follow_by_post(owners_client: Client, make_document: MakeDocument) -> None:
    for number in range(51):
        make_document(name=f"file {number:02}.txt")
    page = owners_client.post(URL, {"words": "file", "sort": "name", "page": "2"}, headers=PART).content.decode()
    assert "51–51 of 51" in page
    assert "file 50.txt" in page
    assert 'name="page" value="1"' in page


# --- How far all of it is


def test_what_came_together_counts_until_all_of_it_is_read(owner: User, make_document: MakeDocument) -> None:
    batch = uuid.uuid4()
    for status in ("ready", "ready", "failed", "queued", "parsing"):
        make_document(name=f"{uuid.uuid4()}.txt", status=status, batch=batch)
    make_document(name="older.txt", batch=uuid.uuid4())
    reading = listing.reading(owner)
    assert reading is not None
    assert (reading.total, reading.done, reading.failed) == (5, 3, 1)
    Document.objects.filter(status__in=["queued", "parsing"]).update(status="ready")
    assert listing.reading(owner) is None


# --- Tags


def test_a_tag_is_put_on_and_taken_off(owner: User, owners_client: Client, shelf: dict[str, Document]) -> None:
    marked = [str(shelf["zebra.csv"].pk), str(shelf["Résumé.docx"].pk)]
    page = owners_client.post(SEVERAL, {"document": marked, "put": "new", "new_tag": " Taxes "}, headers=PART)
    assert "2 documents got the tag." in page.content.decode()
    tag = Tag.objects.get(owner=owner)
    assert tag.name == "Taxes"
    assert set(names(owner, tag=tag.pk)) == {"zebra.csv", "Résumé.docx"}
    again = owners_client.post(SEVERAL, {"document": marked, "put": str(tag.pk)}, headers=PART)
    assert "have this tag already" in again.content.decode()
    off = owners_client.post(SEVERAL, {"document": marked[:1], "take": str(tag.pk)}, headers=PART)
    assert "1 document lost the tag." in off.content.decode()
    assert names(owner, tag=tag.pk) == ["Résumé.docx"]


def test_a_tag_s_name_is_sealed(owner: User) -> None:
    tagging.TAGS.create(owner, "Taxes")
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, name_hash FROM documents_tag")
        assert all(b"axes" not in bytes(column) for column in cursor.fetchone())


@pytest.mark.parametrize(("name", "sentence"), [("", "needs a name"), ("x" * 61, "60 characters")])
def test_a_name_that_cannot_be_kept_changes_nothing(
    owners_client: Client, shelf: dict[str, Document], name: str, sentence: str
) -> None:
    page = owners_client.post(
        SEVERAL, {"document": [shelf["zebra.csv"].pk], "put": "new", "new_tag": name}, headers=PART
    )
    assert sentence in page.content.decode()
    assert not Tag.objects.exists()


def test_a_document_has_so_many_tags_and_no_more(owner: User, make_document: MakeDocument) -> None:
    document = make_document()
    for number in range(tagging.MOST_TAGS):
        tagging.tag([document], tagging.TAGS.create(owner, f"tag {number}"))
    with pytest.raises(tagging.TagError, match="take one off"):
        tagging.tag([document], tagging.TAGS.create(owner, "one more"))


def test_a_tag_is_renamed_and_deleted(owner: User, owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    tag, other = tagging.TAGS.create(owner, "Taxes"), tagging.TAGS.create(owner, "Other")
    tagging.tag([document], tag)
    page = owners_client.post(f"/documents/tags/{tag.pk}/rename", {"name": "other"}, follow=True).content.decode()
    assert "You have another tag" in page
    owners_client.post(f"/documents/tags/{tag.pk}/rename", {"name": "Duties"})
    assert [one.name for one in tagging.on(document)] == ["Duties"]
    page = owners_client.post(f"/documents/tags/{tag.pk}/delete", follow=True).content.decode()
    assert "Its documents stay" in page
    assert list(Tag.objects.all()) == [other]
    assert Document.objects.count() == 1


def test_a_tag_of_somebody_else_cannot_be_used(
    stranger: User, owners_client: Client, shelf: dict[str, Document]
) -> None:
    theirs = tagging.TAGS.create(stranger, "Secret")
    for verb in ("put", "take"):
        answer = owners_client.post(SEVERAL, {"document": [shelf["zebra.csv"].pk], verb: str(theirs.pk)})
        assert answer.status_code == 404
    assert not DocumentTag.objects.exists()


def test_the_database_keeps_a_tag_to_its_owner_s_documents(
    stranger: User, make_document: MakeDocument, db: None
) -> None:
    tag, document = tagging.TAGS.create(stranger, "Secret"), make_document()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError):
            DocumentTag.objects.create(document=document, tag=tag, owner=stranger)
        transaction.set_rollback(True)


# --- Several at once


def test_several_are_deleted_in_so_many_statements(
    owners_client: Client, make_document: MakeDocument, django_capture_on_commit_callbacks: Callable
) -> None:
    counts = []
    for number in (2, 12):
        before = files_on_disk()
        made = [make_document(name=f"{uuid.uuid4()}.txt") for _ in range(number)]
        data = {"document": [document.pk for document in made], "delete": "1", "confirmed": "1"}
        with django_capture_on_commit_callbacks(execute=True), CaptureQueriesContext(connection) as queries:
            page = owners_client.post(SEVERAL, data, headers=PART)
        assert f"{number} documents were deleted." in page.content.decode()
        # Each is told of in the audit log, in one statement of its own.
        counts.append(len([q for q in queries if "audit_" not in q["sql"]]))
        assert files_on_disk() == before
    assert not Document.objects.exists()
    assert counts[1] - counts[0] <= 2


def test_deleting_without_a_script_asks_first(owners_client: Client, shelf: dict[str, Document]) -> None:
    marked = [document.pk for document in shelf.values()]
    page = owners_client.post(SEVERAL, {"document": marked, "delete": "1"}).content.decode()
    assert "Delete 4 documents?" in page
    assert Document.objects.count() == 4
    owners_client.post(SEVERAL, {"document": marked, "delete": "1", "confirmed": "1"})
    assert not Document.objects.exists()


def test_several_are_read_again(owners_client: Client, shelf: dict[str, Document]) -> None:
    page = owners_client.post(SEVERAL, {"document": [d.pk for d in shelf.values()], "retry": "1"}, headers=PART)
    assert "1 document was queued again." in page.content.decode()
    assert Document.objects.get(pk=shelf["report 9.pdf"].pk).status == "queued"
    assert Document.objects.get(pk=shelf["Report 10.pdf"].pk).status == "ready"


def test_several_are_moved(owner: User, stranger: User, owners_client: Client, shelf: dict[str, Document]) -> None:
    collection, theirs = keeping.create(owner, "Work"), keeping.create(stranger, "Work")
    marked = [document.pk for document in shelf.values()]
    assert owners_client.post(SEVERAL, {"document": marked, "move": str(theirs.pk)}).status_code == 404
    page = owners_client.post(SEVERAL, {"document": marked, "move": str(collection.pk)}, headers=PART)
    assert "4 documents were moved to the collection." in page.content.decode()
    assert Document.objects.filter(collection=collection).count() == 4


@pytest.mark.parametrize("verb", ["put", "take", "move", "retry", "delete"])
def test_what_is_not_one_s_own_is_not_there(
    stranger: User, strangers_client: Client, make_document: MakeDocument, verb: str
) -> None:
    theirs = make_document(status="failed")
    tag = tagging.TAGS.create(stranger, "Mine")
    data = {"document": [theirs.pk], verb: str(tag.pk), "confirmed": "1"}
    assert strangers_client.post(SEVERAL, data).status_code == 404
    # Among one's own it is passed over.
    own = make_document(user=stranger, name="own.txt", status="failed")
    strangers_client.post(SEVERAL, {**data, "document": [theirs.pk, own.pk]})
    theirs.refresh_from_db()
    assert theirs.status == "failed"
    assert not DocumentTag.objects.filter(document=theirs).exists()


@pytest.mark.parametrize("verb", ["put", "take", "move", "retry", "delete"])
def test_a_reader_changes_nothing(owner: User, owners_client: Client, make_document: MakeDocument, verb: str) -> None:
    document = make_document(status="failed")
    owner.role = "viewer"
    owner.save()
    assert owners_client.post(SEVERAL, {"document": [document.pk], verb: "1", "confirmed": "1"}).status_code == 403
    assert Document.objects.get().status == "failed"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"retry": "1"}, "No document was marked"),
        ({"document": ["x"], "retry": "1"}, "is broken"),
        ({"document": [str(uuid.UUID(int=n)) for n in range(501)], "retry": "1"}, "At most 500 documents"),
        ({"document": [str(uuid.UUID(int=1))]}, "Choose what to do"),
    ],
    ids=["nothing", "broken", "too many", "no verb"],
)
def test_what_cannot_be_done_says_why(
    owners_client: Client, make_document: MakeDocument, data: dict, sentence: str
) -> None:
    make_document()
    assert sentence in owners_client.post(SEVERAL, data, follow=True).content.decode()


def test_a_legal_hold_keeps_them_all(owner: User, owners_client: Client, shelf: dict[str, Document]) -> None:
    LegalHold.objects.create(user_id=owner.pk, reason="a case")
    data = {"document": [document.pk for document in shelf.values()], "delete": "1", "confirmed": "1"}
    assert "legal hold" in owners_client.post(SEVERAL, data, headers=PART).content.decode()
    assert Document.objects.count() == 4


# --- A look into one


def test_a_preview_shows_the_beginning(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(pages=("Alpha " * 2000,))
    answer = owners_client.get(f"/documents/{document.pk}/preview", headers=PART)
    page = answer.content.decode()
    assert "Alpha Alpha" in page
    assert "Alpha …" in page
    assert len(page) < 8000
    assert owners_client.get(f"/documents/{document.pk}/preview")["Location"] == f"/documents/{document.pk}"


def test_a_preview_of_a_pdf_is_its_first_page(owners_client: Client, pdf_document: Document) -> None:
    page = owners_client.get(f"/documents/{pdf_document.pk}/preview", headers=PART).content.decode()
    assert f'src="/documents/{pdf_document.pk}/versions/1/pages/1/image.png"' in page


def test_a_preview_of_what_failed_says_why(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(status="failed", error_code="corrupt_file", error_text="This file is damaged.", pages=())
    assert (
        "This file is damaged." in owners_client.get(f"/documents/{document.pk}/preview", headers=PART).content.decode()
    )
