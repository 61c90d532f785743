from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from documents.models import Document
from tests.library.conftest import MakeDocument

URL = "/documents/"
# The session, the person, how many documents, the documents, their versions, their tags, what is being read, all tags,
# all collections, the chats beside them, their folders.
LIBRARY_QUERIES = 12


def test_an_empty_library_says_what_it_is_for_and_offers_one_step(owners_client: Client) -> None:
    page = owners_client.get(URL).content.decode()
    assert "Ask questions of your own files" in page
    assert "<table" not in page


def test_a_person_who_may_only_read_is_offered_no_upload(stranger: User, strangers_client: Client) -> None:
    stranger.role = "viewer"
    stranger.save()
    page = strangers_client.get(URL).content.decode()
    assert 'type="file"' not in page
    assert "an administrator can let you add your own" in page


def test_a_document_shows_its_facts(owners_client: Client, make_document: MakeDocument) -> None:
    make_document(name="minutes.txt", content=b"x" * 2048, pages=("one", "two"))
    page = owners_client.get(URL).content.decode()
    assert "<bdi>minutes.txt</bdi>" in page
    assert '<span class="type-mark txt">TXT</span>' in page
    assert '<span class="badge ok">Ready</span>' in page
    assert 'data-unit="sections" title="2 sections">2</td>' in page
    assert "2.0\xa0KB" in page


@pytest.mark.parametrize(
    ("status", "done", "total", "media_type", "words"),
    [
        ("queued", 0, 0, "application/pdf", "Waiting"),
        ("parsing", 0, 0, "application/pdf", "Reading"),
        ("parsing", 0, 1, "text/plain", "Reading"),
        ("parsing", 11, 80, "application/pdf", "Reading page 12 of 80"),
        ("parsing", 80, 80, "application/pdf", "Reading page 80 of 80"),
        ("parsing", 1, 3, "text/html", "Reading section 2 of 3"),
        ("embedding", 30, 120, "application/pdf", "Indexing, 25 %"),
    ],
)
def test_a_busy_document_says_how_far_it_is(
    owners_client: Client,
    make_document: MakeDocument,
    status: str,
    done: int,
    total: int,
    media_type: str,
    words: str,
) -> None:
    make_document(status=status, progress_done=done, progress_total=total, media_type=media_type)
    page = owners_client.get(URL).content.decode()
    assert f'<span class="badge busy">{words}</span>' in page
    # A bar has a length only where the end is known.
    assert (f'value="{done}" max="{total}"' in page) is (total > 1)


def test_a_failed_document_shows_the_sentence_and_a_retry(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(status="failed", error_code="parser_crashed", error_text="Reading this file failed.")
    page = owners_client.get(URL).content.decode()
    assert "Reading this file failed." in page
    assert f'action="/documents/{document.pk}/retry"' in page


def test_what_a_retry_cannot_help_is_offered_for_deletion(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(status="failed", error_code="corrupt_file", error_text="This file is damaged.")
    page = owners_client.get(URL).content.decode()
    assert "This file is damaged." in page
    assert f"/documents/{document.pk}/retry" not in page
    assert page.count(f'hx-post="/documents/{document.pk}/delete"') == 2  # in the row and in its menu


def test_documents_of_others_are_not_listed(strangers_client: Client, make_document: MakeDocument) -> None:
    make_document(name="private.txt")
    assert "private.txt" not in strangers_client.get(URL).content.decode()


def test_the_newest_stand_first_and_older_ones_on_the_next_page(
    owners_client: Client, make_document: MakeDocument
) -> None:
    for number in range(52):
        document = make_document(name=f"file-{number:02}.txt")
        Document.objects.filter(pk=document.pk).update(created_at=timezone.now() - timedelta(days=number))
    first = owners_client.get(URL).content.decode()
    second = owners_client.get(URL, {"page": 2}).content.decode()
    assert first.index("file-00.txt") < first.index("file-01.txt")
    assert "file-50.txt" not in first
    assert "file-50.txt" in second
    assert "51–52 of 52" in second


@pytest.mark.parametrize("page", ["0", "-1", "99999", "abc", ""])
def test_a_page_number_that_makes_no_sense_shows_a_page(
    owners_client: Client, make_document: MakeDocument, page: str
) -> None:
    make_document(name="here.txt")
    response = owners_client.get(URL, {"page": page})
    assert response.status_code == 200
    assert "here.txt" in response.content.decode()


def test_the_number_of_queries_does_not_grow(
    owners_client: Client, make_document: MakeDocument, django_assert_num_queries
) -> None:
    for number in range(20):
        make_document(name=f"{number}.txt")
    owners_client.get("/settings")  # at first sight a session is written down
    with django_assert_num_queries(LIBRARY_QUERIES):
        owners_client.get(URL)


def test_a_fragment_is_the_list_alone(owners_client: Client, make_document: MakeDocument) -> None:
    make_document()
    page = owners_client.get(URL, headers={"HX-Request": "true", "HX-Request-Type": "partial"}).content.decode()
    assert page.lstrip().startswith('<div id="documents"')
    assert "<html" not in page


@pytest.mark.django_db
def test_an_anonymous_visitor_is_sent_to_sign_in(client: Client) -> None:
    assert "/accounts/login/" in client.get(URL)["Location"]


def test_only_looking_and_finding_are_allowed(owners_client: Client) -> None:
    assert owners_client.put(URL).status_code == owners_client.delete(URL).status_code == 405


def test_a_ready_document_says_what_could_not_be_read(owners_client: Client, make_document: MakeDocument) -> None:
    remark = "2 of 9 pages hold no text that could be read."
    make_document(status="ready", error_code="remark", error_text=remark)
    assert remark in owners_client.get("/documents/").content.decode()


def test_what_cannot_be_read_here_is_said_before_the_upload(
    owners_client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = "Words in pictures and scanned pages cannot be read on this server"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert said in owners_client.get("/documents/").content.decode()
    program = tmp_path / "tesseract"
    program.touch(mode=0o755)
    assert said not in owners_client.get("/documents/").content.decode()
