"""Versions: replacing, what the pages tell of them, taking one back, two documents that are one."""

import uuid
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.template.loader import render_to_string
from django.test import Client

from accounts.models import User
from accounts.rights.models import LegalHold
from documents import blobs, library, versions
from documents.models import Chunk, Document, DocumentVersion, Page
from documents.pages import passage_view
from tests.library.conftest import MakeDocument, files_on_disk, text_file

UPLOAD = "/documents/upload"


def replace(client: Client, document: Document, *files: SimpleUploadedFile):
    return client.post(UPLOAD, {"files": list(files), "replaces": str(document.pk)}, follow=True)


def with_new_version(
    document: Document, *, status: str = "failed", pages: int = 0, **fields: object
) -> DocumentVersion:
    """As an upload and a worker leave it: version 2 in `status`; the one in use is 1, unless 2 is ready."""
    blob = blobs.store(ContentFile(uuid.uuid4().bytes), owner_id=document.owner_id)
    version = DocumentVersion.objects.create(
        document=document, number=2, blob=blob.key, fingerprint=blob.fingerprint, size=blob.size,
        media_type="text/plain", page_count=pages,
    )  # fmt: skip
    for number in range(1, pages + 1):
        Page.objects.create(version=version, number=number, text=f"New text {number}.")
    Document.objects.filter(pk=document.pk).update(
        **{"status": status, **fields}, **({"current_version": version} if status == "ready" else {})
    )
    document.refresh_from_db()
    return version


# --- Replacing


def test_a_new_version_waits_beside_the_one_that_is_searched(
    owners_client: Client, make_document: MakeDocument
) -> None:
    document = make_document(name="plan.txt", content=b"old words")
    old = document.current_version
    page = replace(owners_client, document, text_file("renamed by the mailer.md", b"# New words\n")).content.decode()
    document.refresh_from_db()
    assert "Until it is ready the old one is searched" in page
    assert (document.name, document.status, document.current_version) == ("plan.txt", "queued", old)
    new = document.versions.get(number=2)
    assert (new.media_type, new.owner_id) == ("text/markdown", document.owner_id)
    with blobs.open_blob(new.blob, owner_id=new.owner_id) as file:
        assert file.read() == b"# New words\n"
    assert Document.objects.count() == 1


def test_the_same_content_is_no_new_version(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(content=b"words")
    before = files_on_disk()
    page = replace(owners_client, document, text_file("a.txt", b"words")).content.decode()
    assert "You already have this file. This document is as it was." in page
    assert document.versions.count() == 1
    assert files_on_disk() == before


def test_to_an_earlier_version_one_may_go_back(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(content=b"words")
    replace(owners_client, document, text_file("a.txt", b"other words"))
    replace(owners_client, document, text_file("a.txt", b"words"))
    assert [v.number for v in document.versions.order_by("number")] == [1, 2, 3]


def test_an_earlier_version_uploaded_anew_is_known(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(content=b"words")
    replace(owners_client, document, text_file("a.txt", b"other words"))
    response = owners_client.post(UPLOAD, {"files": text_file("a.txt", b"words")}, headers={"HX-Request": "true"})
    assert "as an earlier version of a document" in response.content.decode()
    assert Document.objects.count() == 1


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "Choose one file"),
        ([("a.txt", b"one"), ("b.txt", b"two")], "Choose one file"),
        ([("a.txt", b"")], "This file is empty"),
        ([("large.txt", b"x" * 2000)], "larger than"),
    ],
)
def test_what_cannot_replace_it_leaves_the_document_as_it_was(
    owners_client: Client, make_document: MakeDocument, settings, files: list[tuple[str, bytes]], sentence: str
) -> None:
    settings.UPLOAD_MAX_SIZE = 1000
    document = make_document()
    before = files_on_disk()
    page = replace(owners_client, document, *(text_file(*file) for file in files)).content.decode()
    assert sentence in page
    document.refresh_from_db()
    assert (document.status, document.versions.count()) == ("ready", 1)
    assert files_on_disk() == before


def test_somebody_else_s_document_cannot_be_replaced(strangers_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    for wanted in (str(document.pk), str(uuid.uuid4()), "x"):
        answer = strangers_client.post(UPLOAD, {"files": text_file(), "replaces": wanted})
        assert answer.status_code == 404
    assert document.versions.count() == DocumentVersion.objects.count() == 1


def test_a_reader_cannot_replace(owner: User, owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    owner.role = "viewer"
    owner.save()
    assert replace(owners_client, document, text_file()).status_code == 403
    assert document.versions.count() == 1
    page = owners_client.get(f"/documents/{document.pk}").content.decode()
    assert "Replace with a new version" not in page


def test_a_quota_counts_every_version(owners_client: Client, make_document: MakeDocument, settings) -> None:
    settings.QUOTA_STORAGE_MB = {"user": 1}
    document = make_document(content=b"a" * 700_000)
    page = replace(owners_client, document, text_file("a.txt", b"b" * 700_000)).content.decode()
    assert "This document is as it was" in page
    assert document.versions.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_new_versions_at_once_both_get_a_number(make_document: MakeDocument) -> None:
    import contextvars
    import threading

    document = make_document(content=b"first")
    errors: list[BaseException] = []

    def add(content: bytes) -> None:
        try:
            library.replace(Document.objects.get(pk=document.pk), text_file("a.txt", content))
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=[add, content]) for content in (b"2nd", b"3rd")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert sorted(document.versions.values_list("number", flat=True)) == [1, 2, 3]


def test_a_document_that_is_gone_is_not_replaced(make_document: MakeDocument) -> None:
    document = make_document()
    found = Document.objects.get(pk=document.pk)
    library.delete(Document.objects.get(pk=document.pk))
    before = files_on_disk()
    with pytest.raises(library.DocumentError) as caught:
        library.replace(found, text_file("a.txt", b"late"))
    assert caught.value.code == "gone"
    assert files_on_disk() == before


# --- What pages tell


def test_the_page_lists_versions_and_leads_to_each(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    with_new_version(document, status="ready", pages=1)
    page = owners_client.get(f"/documents/{document.pk}").content.decode()
    assert "New text 1." in page
    assert f'href="/documents/{document.pk}/versions/1/pages/1"' in page
    assert "Replaced" in page
    old = owners_client.get(f"/documents/{document.pk}/versions/1/pages/1").content.decode()
    assert "Alpha beta gamma" in old
    assert "It was replaced by" in old
    assert f'<a href="/documents/{document.pk}">version 2</a>' in old
    assert "It was replaced by" not in page


def test_each_version_s_file_can_be_had(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(content=b"old")
    replace(owners_client, document, text_file("a.txt", b"new"))
    for number, content in ((1, b"old"), (2, b"new")):
        answer = owners_client.get(f"/documents/{document.pk}/versions/{number}/file")
        assert answer.getvalue() == content
        assert answer["Content-Disposition"].startswith("attachment")
    assert owners_client.get(f"/documents/{document.pk}/versions/3/file").status_code == 404


def test_a_failed_version_says_that_the_earlier_one_is_searched(
    owners_client: Client, make_document: MakeDocument
) -> None:
    document = make_document()
    with_new_version(document, status="failed", error_code="parser_crashed")
    for address in ("/documents/", f"/documents/{document.pk}"):
        assert "The earlier version is still searched." in owners_client.get(address).content.decode()
    page = owners_client.get(f"/documents/{document.pk}").content.decode()
    assert "Alpha beta gamma" in page
    assert "Keep the earlier version" in page
    assert "Could not be read" in page


def test_an_old_citation_shows_its_page_and_what_replaced_it(make_document: MakeDocument, make_chunk: Callable) -> None:
    document = make_document()
    chunk: Chunk = make_chunk(document, "The passage stands here.")
    old = document.current_version
    new = with_new_version(document, status="ready", pages=1)
    versions.drop_index(document.pk, but=new)
    html = render_to_string(
        "documents/_passage.html", passage_view(old.pk, 1, [], "The passage stands here.", chunk_id=chunk.pk)
    )
    assert "<mark" in html
    assert "It was replaced by" in html
    assert f'href="/documents/{document.pk}"' in html
    assert Chunk.objects.filter(pk=chunk.pk).exists()


# --- Taking a new version back


@pytest.mark.parametrize("status", ["queued", "parsing", "failed"])
def test_a_new_version_is_taken_back(
    owners_client: Client, make_document: MakeDocument, status: str, django_capture_on_commit_callbacks: Callable
) -> None:
    document = make_document(content=b"old")
    before = files_on_disk()
    with_new_version(document, status=status, error_code="parser_crashed" if status == "failed" else "")
    with django_capture_on_commit_callbacks(execute=True):
        owners_client.post(f"/documents/{document.pk}/versions/drop")
    document.refresh_from_db()
    assert (document.status, document.error_code, document.claimed_by) == ("ready", "", "")
    assert document.versions.get() == document.current_version
    assert files_on_disk() == before


def test_the_version_in_use_is_not_taken_back(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    with_new_version(document, status="ready", pages=1)
    only_one = make_document(status="failed", content=b"another")
    for row in (document, only_one):
        count = row.versions.count()
        page = owners_client.post(f"/documents/{row.pk}/versions/drop", follow=True).content.decode()
        assert "There was nothing to undo." in page
        assert row.versions.count() == count


def test_a_legal_hold_keeps_every_version(owner: User, owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    with_new_version(document)
    LegalHold.objects.create(user_id=owner.pk, reason="a case")
    page = owners_client.post(f"/documents/{document.pk}/versions/drop", follow=True).content.decode()
    assert "legal hold" in page
    assert document.versions.count() == 2


# --- The same name


def test_another_file_of_the_name_is_kept_beside_it_and_offered_as_its_version(
    owners_client: Client, make_document: MakeDocument
) -> None:
    earlier = make_document(name="plan.txt", content=b"old")
    answer = owners_client.post(UPLOAD, {"files": text_file("plan.txt", b"new")}, headers={"HX-Request": "true"})
    new = Document.objects.exclude(pk=earlier.pk).get()
    assert answer.status_code == 200
    assert f'value="{new.pk}.{earlier.pk}"' in answer.content.decode()
    # And after a reload, on its page.
    Document.objects.filter(pk=new.pk).update(status="ready")
    page = owners_client.get(f"/documents/{new.pk}").content.decode()
    assert "another document of this name" in page
    assert "another document of this name" not in owners_client.get(f"/documents/{earlier.pk}").content.decode()


def test_files_that_come_together_replace_none_of_each_other(owners_client: Client) -> None:
    batch = str(uuid.uuid4())
    for content in (b"one", b"two"):
        answer = owners_client.post(
            UPLOAD, {"files": text_file("README.md", content), "batch": batch}, headers={"HX-Request": "true"}
        )
        assert "pair" not in answer.content.decode()


def test_without_a_script_the_offer_stands_in_the_library(owners_client: Client, make_document: MakeDocument) -> None:
    make_document(name="plan.txt", content=b"old")
    page = owners_client.post(UPLOAD, {"files": text_file("plan.txt", b"new")}, follow=True).content.decode()
    assert "Make new versions" in page
    assert "The file is being read." in page


@pytest.mark.parametrize("status", ["queued", "parsing", "ready", "failed"])
def test_two_documents_become_one(owners_client: Client, make_document: MakeDocument, status: str) -> None:
    old = make_document(name="plan.txt", content=b"old", pages=("Old.",))
    new = make_document(name="plan.txt", content=b"new", pages=("New.",), status=status, error_text="Because.")
    version = new.versions.get()
    in_use = old.current_version
    answer = owners_client.post("/documents/versions", {"pair": f"{new.pk}.{old.pk}"})
    assert answer["Location"] == f"/documents/{old.pk}"
    old.refresh_from_db()
    version.refresh_from_db()
    assert not Document.objects.filter(pk=new.pk).exists()
    assert (version.document, version.number) == (old, 2)
    assert old.status == {"parsing": "queued"}.get(status, status)
    assert old.current_version == (version if status == "ready" else in_use)
    if status in ("ready", "failed"):
        assert old.error_text == "Because."
    assert Page.objects.get(version=version).text == "New."


def test_several_become_one_each_in_one_request(owners_client: Client, make_document: MakeDocument) -> None:
    pairs = []
    for name in ("a.txt", "b.txt", "c.txt"):
        old = make_document(name=name, content=f"old {name}".encode())
        new = make_document(name=name, content=f"new {name}".encode())
        pairs.append(f"{new.pk}.{old.pk}")
    answer = owners_client.post("/documents/versions", {"pair": pairs}, headers={"HX-Request": "true"})
    assert "3 documents have a new version." in answer.content.decode()
    assert "documents:refresh" in answer["HX-Trigger"]
    assert Document.objects.count() == 3
    # Pressing again finds nothing that could be changed.
    again = owners_client.post("/documents/versions", {"pair": pairs}, headers={"HX-Request": "true"})
    assert again.status_code == 404


def test_nothing_of_another_person_is_joined(
    stranger: User, strangers_client: Client, make_document: MakeDocument
) -> None:
    theirs, own = make_document(name="a.txt"), make_document(user=stranger, name="a.txt", content=b"mine")
    for pair in (f"{own.pk}.{theirs.pk}", f"{theirs.pk}.{own.pk}", f"{theirs.pk}.{theirs.pk}", "x.y", "x", ""):
        assert strangers_client.post("/documents/versions", {"pair": [pair]}).status_code == 404
    assert Document.objects.count() == 2
    assert list(DocumentVersion.objects.values_list("number", flat=True)) == [1, 1]


def test_a_document_is_not_joined_with_itself(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    answer = owners_client.post("/documents/versions", {"pair": f"{document.pk}.{document.pk}"}, follow=True)
    assert "Nothing was changed" in answer.content.decode()
    assert document.versions.count() == 1


def test_a_reader_joins_nothing(owner: User, owners_client: Client, make_document: MakeDocument) -> None:
    first, second = make_document(name="a.txt"), make_document(name="a.txt", content=b"b")
    owner.role = "viewer"
    owner.save()
    assert owners_client.post("/documents/versions", {"pair": f"{first.pk}.{second.pk}"}).status_code == 403
    assert Document.objects.count() == 2


# --- Deleting


def test_deleting_a_document_deletes_every_version(
    make_document: MakeDocument, django_capture_on_commit_callbacks: Callable
) -> None:
    before = files_on_disk()
    document = make_document()
    with_new_version(document, status="ready", pages=2)
    with django_capture_on_commit_callbacks(execute=True):
        library.delete(document)
    assert not DocumentVersion.objects.exists()
    assert not Page.objects.exists()
    assert files_on_disk() == before
