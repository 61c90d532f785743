import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from chatsite.celery import app
from documents import blobs, views
from documents.models import Document
from tests.library.conftest import only, pdf_of_colours, text_file
from tests.library.test_blobs import files_on_disk

URL = "/documents/upload"
FRAGMENT = {"HX-Request": "true"}


def upload(client: Client, *files: SimpleUploadedFile, fragment: bool = True):
    return client.post(URL, {"files": list(files)}, headers=FRAGMENT if fragment else {})


def test_a_file_becomes_a_waiting_document(owner: User, owners_client: Client) -> None:
    response = upload(owners_client, text_file())
    document = only(Document.objects.visible_to(owner))
    version = document.versions.get()
    assert response.status_code == 200
    assert response.content.strip() == b""
    assert (document.name, document.status) == ("notes.txt", Document.Status.QUEUED)
    assert (version.number, version.media_type, version.size) == (1, "text/plain", 30)
    with blobs.open_blob(version.blob, owner_id=owner.pk) as file:
        assert file.read() == b"The kettle is in the kitchen.\n"


def test_without_a_script_the_person_returns_to_the_library(owner: User, owners_client: Client) -> None:
    response = owners_client.post(URL, {"files": [text_file(), text_file("b.md", b"# Two\n")]}, follow=True)
    assert response.redirect_chain == [("/documents/", 302)]
    assert "2 files are being read." in response.content.decode()
    assert {document.name for document in Document.objects.visible_to(owner)} == {"notes.txt", "b.md"}


def test_the_kind_comes_from_the_content(owner: User, owners_client: Client) -> None:
    upload(owners_client, SimpleUploadedFile("a.pdf", pdf_of_colours("red"), content_type="text/html"))
    assert only(Document.objects.visible_to(owner)).versions.get().media_type == "application/pdf"


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (text_file("empty.txt", b""), "This file is empty"),
        (text_file("picture.pdf", b"\x89PNG\r\n\x1a\n" + b"\0" * 64), "This file is named .pdf"),
        (text_file("program.exe", b"MZ" + bytes(range(256))), "a program"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_before_a_row_is_made(
    owners_client: Client, file: SimpleUploadedFile, sentence: str
) -> None:
    before = files_on_disk()
    response = upload(owners_client, file)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert str(file.name) in response.content.decode()
    assert not Document.objects.exists()
    assert files_on_disk() == before


def test_a_file_over_the_limit_is_refused_and_the_others_are_kept(
    owner: User, owners_client: Client, settings: object
) -> None:
    settings.UPLOAD_MAX_SIZE = 1024 * 1024  # type: ignore[attr-defined]
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000  # type: ignore[attr-defined]
    large = text_file("large.txt", b"much text \n" * 200_000)
    response = upload(owners_client, text_file("a.txt", b"one"), large, text_file("b.txt", b"two"))
    page = response.content.decode()
    assert response.status_code == 200
    assert "large.txt" in page
    assert "This file is larger than 1 MB" in page
    assert {document.name for document in Document.objects.visible_to(owner)} == {"a.txt", "b.txt"}


def test_one_bad_file_among_many_loses_no_good_one(owner: User, owners_client: Client) -> None:
    response = owners_client.post(
        URL,
        {"files": [text_file("a.txt", b"one"), text_file("bad.txt", b""), text_file("c.txt", b"three")]},
        follow=True,
    )
    page = response.content.decode()
    assert "<bdi>bad.txt</bdi></strong>: This file is empty" in page
    assert "2 files are being read." in page
    assert {document.name for document in Document.objects.visible_to(owner)} == {"a.txt", "c.txt"}


def test_the_same_content_again_leads_to_the_document_one_has(owner: User, owners_client: Client) -> None:
    upload(owners_client, text_file("first.txt"))
    before = files_on_disk()
    response = upload(owners_client, text_file("second.txt"))
    document = only(Document.objects.visible_to(owner))
    assert response.status_code == 422
    assert "You already have this file" in response.content.decode()
    assert reverse("documents:detail", args=[document.pk]) in response.content.decode()
    assert document.name == "first.txt"
    assert files_on_disk() == before


def test_somebody_elses_copy_is_none_of_ones_business(
    owner: User, stranger: User, owners_client: Client, strangers_client: Client
) -> None:
    upload(owners_client, text_file())
    response = upload(strangers_client, text_file())
    assert response.status_code == 200
    assert Document.objects.visible_to(owner).count() == Document.objects.visible_to(stranger).count() == 1


def test_a_malicious_name_is_cleaned(owner: User, owners_client: Client) -> None:
    upload(owners_client, text_file('../../<img src=x>\u202e"txt.txt'))
    document = only(Document.objects.visible_to(owner))
    assert "\u202e" not in document.name
    assert "/" not in document.name
    page = owners_client.get("/documents/").content.decode()
    assert "<img src=x" not in page


def test_nothing_chosen_is_said(owners_client: Client) -> None:
    response = owners_client.post(URL, {}, follow=True)
    assert "Choose at least one file" in response.content.decode()


def test_too_many_files_at_once_is_said(owners_client: Client, settings: object) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2  # type: ignore[attr-defined]
    files = [text_file(f"{number}.txt", str(number).encode()) for number in range(3)]
    response = owners_client.post(URL, {"files": files}, follow=True)
    assert "At most 2 files can be uploaded at once." in response.content.decode()
    assert not Document.objects.exists()


def test_a_dead_broker_loses_no_upload(
    owner: User,
    owners_client: Client,
    django_capture_on_commit_callbacks: Callable,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(app.conf, "broker_url", "redis+socket:///nowhere/redis.sock")
        app._after_fork()  # forget the connections that are open
        with django_capture_on_commit_callbacks(execute=True):
            response = upload(owners_client, text_file())
    app._after_fork()
    assert response.status_code == 200
    assert "A document could not be queued" in caplog.text
    assert only(Document.objects.visible_to(owner)).status == Document.Status.QUEUED


def test_a_person_who_may_only_read_may_not_upload(stranger: User, strangers_client: Client) -> None:
    stranger.role = "viewer"
    stranger.save()
    assert upload(strangers_client, text_file()).status_code == 403
    assert not Document.objects.exists()


def test_nothing_is_read_of_what_a_person_sends_who_may_not_upload(stranger: User, rf: RequestFactory) -> None:
    request = rf.post(URL, {"files": [text_file()]})
    request.user = User(role="viewer")
    with pytest.raises(PermissionDenied):
        views.upload(request)
    assert not hasattr(request, "_files")


@pytest.mark.django_db
def test_an_anonymous_visitor_is_sent_to_sign_in(client: Client) -> None:
    assert "/accounts/login/" in upload(client, text_file(), fragment=False)["Location"]
    assert "/accounts/login/" in upload(client, text_file())["HX-Redirect"]
    assert not Document.objects.exists()


def test_only_posting_uploads(owners_client: Client) -> None:
    assert owners_client.get(URL).status_code == 405


def test_a_forged_form_is_refused(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert upload(client, text_file()).status_code == 403
    assert not Document.objects.exists()


def test_too_many_files_at_once_are_refused_in_a_fragment(owners_client: Client, settings: object) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2  # type: ignore[attr-defined]
    files = [text_file(f"{number}.txt", str(number).encode()) for number in range(3)]
    response = owners_client.post(URL, {"files": files}, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert response.content.decode().lstrip().startswith("<li")


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/evil.txt",
        "..\\..\\boot.txt",
        "/absolute.txt",
        "nul\x00l.txt",
        "CON.txt",
        "a" * 400 + ".txt",
        "漢" * 90 + ".txt",
        "evil\u202etxt.txt",
        '"><svg onload=alert(1)>.txt',
        "line\r\nSet-Cookie: a=b.txt",
        "%2e%2e%2fescape.txt",
        "-rf.txt",
        "…/….txt",
    ],
)
def test_no_name_reaches_the_file_system_or_leaves_the_page(owners_client: Client, settings: object, name: str) -> None:
    before = set((settings.DATA_DIR / "files").rglob("*"))  # type: ignore[attr-defined]
    body = f"--line\r\nContent-Disposition: form-data; name=\"files\"; filename*=UTF-8''{quote(name)}\r\n\r\n".encode()
    response = owners_client.post(
        URL, body + b"plain words\r\n--line--\r\n", content_type="multipart/form-data; boundary=line"
    )
    assert response.status_code == 302
    document = Document.objects.get()
    assert not re.search(r"[\x00-\x1f\x7f/\\\u202a-\u202e\u2066-\u2069]", document.name)
    assert len(document.name.encode()) <= 240
    assert document.name.endswith(".txt")
    new = set((settings.DATA_DIR / "files").rglob("*")) - before  # type: ignore[attr-defined]
    files = [path.name for path in new if path.is_file()]
    assert files
    assert all(re.fullmatch(r"[0-9a-f]{32}", name) for name in files)
    sent = owners_client.get(f"/documents/{document.pk}/file")
    assert "\n" not in sent["Content-Disposition"]
    assert sent["Content-Disposition"].startswith("attachment;")
    page = owners_client.get("/documents/").content.decode()
    assert "<svg onload" not in page
