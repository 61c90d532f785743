"""Retry, rename, delete, one row, and the rules that they share."""

import uuid
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from accounts.models import User
from documents import blobs
from documents.models import Chunk, Document, DocumentVersion
from tests.library.conftest import MakeDocument

ROW = {"HX-Request": "true", "HX-Request-Type": "partial"}
VERBS = ["retry", "password", "rename", "delete"]


# --- What all share


@pytest.mark.parametrize("verb", VERBS)
def test_a_stranger_finds_nothing_and_changes_nothing(
    strangers_client: Client, make_document: MakeDocument, verb: str
) -> None:
    document = make_document(status="failed", name="mine.txt")
    assert strangers_client.post(f"/documents/{document.pk}/{verb}", {"name": "theirs"}).status_code == 404
    document.refresh_from_db()
    assert (document.name, document.status) == ("mine.txt", "failed")


@pytest.mark.parametrize("verb", VERBS)
def test_an_anonymous_visitor_is_sent_to_sign_in(client: Client, make_document: MakeDocument, verb: str) -> None:
    document = make_document()
    response = client.post(f"/documents/{document.pk}/{verb}")
    assert "/accounts/login/" in response["Location"]
    assert Document.objects.filter(pk=document.pk).exists()


@pytest.mark.parametrize("verb", VERBS)
def test_looking_changes_nothing(owners_client: Client, make_document: MakeDocument, verb: str) -> None:
    assert owners_client.get(f"/documents/{make_document().pk}/{verb}").status_code == 405


@pytest.mark.parametrize("verb", VERBS)
def test_a_person_who_may_only_read_changes_nothing(
    owner: User, owners_client: Client, make_document: MakeDocument, verb: str
) -> None:
    document = make_document()
    owner.role = "viewer"
    owner.save()
    assert owners_client.post(f"/documents/{document.pk}/{verb}", {"name": "new"}).status_code == 403
    assert Document.objects.get(pk=document.pk).name == "report.txt"


@pytest.mark.parametrize("verb", VERBS)
def test_a_forged_form_is_refused(owner: User, make_document: MakeDocument, verb: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post(f"/documents/{make_document().pk}/{verb}").status_code == 403


# --- Retry


def test_retry_queues_a_failed_document_afresh(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(status="failed", error_code="parser_crashed", error_text="It broke.", attempts=3)
    response = owners_client.post(f"/documents/{document.pk}/retry", headers=ROW)
    document.refresh_from_db()
    assert (document.status, document.error_code, document.error_text, document.attempts) == ("queued", "", "", 0)
    assert 'class="badge busy">Waiting' in response.content.decode()


def test_retry_leaves_a_ready_document_alone(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    owners_client.post(f"/documents/{document.pk}/retry")
    document.refresh_from_db()
    assert document.status == "ready"


def test_retry_without_a_script_leads_to_the_document(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(status="failed")
    response = owners_client.post(f"/documents/{document.pk}/retry")
    assert response["Location"] == f"/documents/{document.pk}"


# --- Password


def test_a_password_is_kept_sealed_and_the_document_read_again(
    owners_client: Client, make_document: MakeDocument
) -> None:
    document = make_document(status="failed", error_code="encrypted_file", error_text="It asks for a password.")
    asking = owners_client.get(f"/documents/{document.pk}").content.decode()
    assert f'action="/documents/{document.pk}/password"' in asking
    response = owners_client.post(f"/documents/{document.pk}/password", {"password": "user-word"})
    assert response["Location"] == f"/documents/{document.pk}"
    document.refresh_from_db()
    assert (document.status, document.versions.get().password) == ("queued", "user-word")


@pytest.mark.parametrize("password", ["", "x" * 501])
def test_no_password_is_asked_for_again(owners_client: Client, make_document: MakeDocument, password: str) -> None:
    document = make_document(status="failed", error_code="encrypted_file")
    page = owners_client.post(f"/documents/{document.pk}/password", {"password": password}, follow=True)
    assert "enter the one that opens this file" in page.content.decode()
    document.refresh_from_db()
    assert document.status == "failed"


def test_a_document_that_asks_for_no_password_takes_none(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    owners_client.post(f"/documents/{document.pk}/password", {"password": "word"})
    document.refresh_from_db()
    assert (document.status, document.versions.get().password) == ("ready", "")


# --- Rename


def test_rename_gives_the_new_name_and_answers_with_the_row(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(name="old.txt")
    response = owners_client.post(f"/documents/{document.pk}/rename", {"name": " New plan "}, headers=ROW)
    document.refresh_from_db()
    assert document.name == "New plan.txt"
    assert "<bdi>New plan.txt</bdi>" in response.content.decode()


def test_an_empty_name_is_refused_in_words(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(name="old.txt")
    fragment = owners_client.post(f"/documents/{document.pk}/rename", {"name": "  "}, headers=ROW)
    page = owners_client.post(f"/documents/{document.pk}/rename", {}, follow=True)
    document.refresh_from_db()
    assert (fragment.status_code, fragment.content.decode()) == (422, "A document needs a name.")
    assert "A document needs a name." in page.content.decode()
    assert document.name == "old.txt"


# --- Delete


def test_delete_takes_rows_and_files(
    owners_client: Client,
    make_document: MakeDocument,
    make_chunk: Callable[..., Chunk],
    django_capture_on_commit_callbacks: Callable,
) -> None:
    document = make_document()
    make_chunk(document, "The passage")
    version = document.versions.get()
    picture = f"pages/{version.pk.hex[:2]}/{version.pk.hex}/1-1.png"
    blobs.put(picture, b"a picture", owner_id=version.owner_id)
    with django_capture_on_commit_callbacks(execute=True):
        response = owners_client.post(f"/documents/{document.pk}/delete", follow=True)
    assert "The document was deleted." in response.content.decode()
    assert not Document.objects.exists()
    assert not DocumentVersion.objects.exists()
    assert not Chunk.objects.exists()
    for key in (version.blob, picture):
        with pytest.raises(FileNotFoundError):
            blobs.open_blob(key, owner_id=version.owner_id)


def test_delete_leaves_other_documents_alone(
    owners_client: Client, make_document: MakeDocument, make_chunk: Callable[..., Chunk]
) -> None:
    gone, kept = make_document(name="gone.txt"), make_document(name="kept.txt")
    make_chunk(kept, "The passage")
    owners_client.post(f"/documents/{gone.pk}/delete")
    assert list(Document.objects.all()) == [kept]
    assert kept.current_version is not None
    assert kept.current_version.pages.count() == kept.current_version.chunks.count() == 1


def test_deleting_a_row_asks_the_list_to_look_again(owners_client: Client, make_document: MakeDocument) -> None:
    response = owners_client.post(f"/documents/{make_document().pk}/delete", headers=ROW)
    assert response.status_code == 200
    assert response.content == b""
    assert "documents:refresh" in response["HX-Trigger"]


def test_what_is_deleted_is_gone(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    owners_client.post(f"/documents/{document.pk}/delete")
    assert owners_client.post(f"/documents/{document.pk}/delete").status_code == 404


# --- One row


def test_a_row_can_be_asked_for_alone(
    owners_client: Client, make_document: MakeDocument, django_assert_num_queries
) -> None:
    document = make_document()
    owners_client.get("/settings")  # at first sight a session is written down
    with django_assert_num_queries(5):
        response = owners_client.get(f"/documents/{document.pk}/row", headers=ROW)
    assert response.content.decode().lstrip().startswith(f'<tr id="document-{document.pk}"')


def test_a_row_is_its_owners_alone(strangers_client: Client, client: Client, make_document: MakeDocument) -> None:
    url = f"/documents/{make_document().pk}/row"
    assert strangers_client.get(url).status_code == 404
    assert client.get(url).status_code == 302


def test_a_row_of_nothing_is_not_found(owners_client: Client) -> None:
    assert owners_client.get("/documents/00000000-0000-0000-0000-000000000000/row").status_code == 404
    assert owners_client.get("/documents/not-an-id/row").status_code == 404


# --- Download


def test_a_download_is_the_same_bytes_under_the_name(owners_client: Client, make_document: MakeDocument) -> None:
    content = b"<script>alert(1)</script>" * 40_000
    document = make_document(name="Ünïcode “page”.html", media_type="text/html", content=content)
    response = owners_client.get(f"/documents/{document.pk}/file")
    assert b"".join(response.streaming_content) == content
    assert response["Content-Type"] == "text/html"
    assert response["Content-Disposition"].startswith("attachment;")
    assert "%C3%9Cn%C3%AFcode" in response["Content-Disposition"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Length"] == str(len(content))


def test_a_download_is_its_owners_alone(strangers_client: Client, client: Client, make_document: MakeDocument) -> None:
    url = f"/documents/{make_document().pk}/file"
    assert strangers_client.get(url).status_code == 404
    assert client.get(url).status_code == 302


def test_a_lost_file_is_not_found(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document()
    blobs.delete(document.versions.get().blob)
    assert owners_client.get(f"/documents/{document.pk}/file").status_code == 404


def test_downloading_is_looking(owners_client: Client, make_document: MakeDocument) -> None:
    assert owners_client.post(f"/documents/{make_document().pk}/file").status_code == 405


async def _body(response: object) -> bytes:
    return b"".join([part async for part in response.streaming_content])  # type: ignore[attr-defined]


def test_under_asgi_a_download_comes_in_parts(owner: User, make_document: MakeDocument) -> None:
    from asgiref.sync import async_to_sync
    from django.test import AsyncClient

    content = bytes(range(256)) * 4000
    document = make_document(content=content)
    client = AsyncClient()
    client.force_login(owner)

    async def fetch() -> tuple[bool, bytes]:
        response = await client.get(f"/documents/{document.pk}/file")
        return response.is_async, await _body(response)

    assert async_to_sync(fetch)() == (True, content)


def test_a_picture_stored_twice_is_the_last_one() -> None:
    owner_id = uuid.uuid4()
    blobs.put("pages/zz/last.png", b"first", owner_id=owner_id)
    blobs.put("pages/zz/last.png", b"second", owner_id=owner_id)
    with blobs.open_blob("pages/zz/last.png", owner_id=owner_id) as file:
        assert file.read() == b"second"
    assert blobs.store(ContentFile(b""), owner_id=owner_id).size == 0
