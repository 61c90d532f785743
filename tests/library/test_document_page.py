from collections.abc import Callable
from uuid import uuid4

import pytest
from django.template.loader import render_to_string
from django.test import Client

from documents.models import Chunk, Document
from documents.pages import MarkedText, passage_view
from tests.library.conftest import MakeDocument

BOXES = [[2, 30.5, 40, 130.5, 52], [2, 30.5, 54, 90, 66], [3, 1, 1, 2, 2]]


def page_url(document: Document, page: int, version: int = 1) -> str:
    return f"/documents/{document.pk}/versions/{version}/pages/{page}"


# --- The document


def test_a_document_opens_at_its_first_page(owners_client: Client, pdf_document: Document) -> None:
    page = owners_client.get(f"/documents/{pdf_document.pk}").content.decode()
    assert f'src="{page_url(pdf_document, 1)}/image.png"' in page
    assert page_url(pdf_document, 2) in page
    assert "3 pages" in page
    assert "<rect" not in page


def test_a_text_shows_as_text(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(pages=("First <b>line</b>\nSecond line",))
    page = owners_client.get(f"/documents/{document.pk}").content.decode()
    assert "First &lt;b&gt;line&lt;/b&gt;\nSecond line" in page
    assert "image.png" not in page


def test_a_busy_document_says_so_and_looks_again(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(
        status="parsing", media_type="application/pdf", progress_done=2, progress_total=9, pages=()
    )
    page = owners_client.get(f"/documents/{document.pk}").content.decode()
    assert "Reading page 3 of 9" in page
    assert 'hx-trigger="every 3s"' in page


def test_a_failed_document_shows_the_sentence_and_a_retry(owners_client: Client, make_document: MakeDocument) -> None:
    document = make_document(status="failed", error_text="This file is protected by a password.", pages=())
    page = owners_client.get(f"/documents/{document.pk}").content.decode()
    assert "This file is protected by a password." in page
    assert f"/documents/{document.pk}/retry" in page
    assert 'hx-trigger="every' not in page


def test_the_number_of_queries_is_constant(
    owners_client: Client, make_document: MakeDocument, django_assert_num_queries
) -> None:
    document = make_document(pages=tuple(f"Text of page {number}" for number in range(200)))
    owners_client.get("/settings")  # at first sight a session is written down
    # The session, the person, what is shared with them, the document with its version, its first page, the collections
    # it could be in, the chats beside it and their folders.
    with django_assert_num_queries(11):
        owners_client.get(f"/documents/{document.pk}")
    with django_assert_num_queries(11):
        owners_client.get(page_url(document, 100))


@pytest.mark.parametrize("path", ["", "/versions/1/pages/1", "/versions/1/pages/1/image.png"])
def test_it_is_its_owners_alone(strangers_client: Client, client: Client, pdf_document: Document, path: str) -> None:
    url = f"/documents/{pdf_document.pk}{path}"
    assert strangers_client.get(url).status_code == 404
    assert "/accounts/login/" in client.get(url)["Location"]


@pytest.mark.parametrize("path", ["", "/versions/1/pages/1", "/versions/1/pages/1/image.png"])
def test_posting_is_refused(owners_client: Client, pdf_document: Document, path: str) -> None:
    assert owners_client.post(f"/documents/{pdf_document.pk}{path}").status_code == 405


# --- One page, with a passage


def test_the_passage_is_marked_on_the_picture(
    owners_client: Client, pdf_document: Document, make_chunk: Callable[..., Chunk]
) -> None:
    chunk = make_chunk(pdf_document, "Lime is the second", page=2, boxes=BOXES)
    page = owners_client.get(page_url(pdf_document, 2), {"chunk": chunk.pk}).content.decode()
    assert 'viewBox="0 0 300.00 400.00"' in page
    assert '<rect id="passage" x="30.50" y="40.00" width="100.00" height="12.00"' in page
    assert page.count("<rect") == 2
    assert "Quoted passage" in page
    assert "style=" not in page


def test_the_passage_is_marked_in_the_text(
    owners_client: Client, make_document: MakeDocument, make_chunk: Callable[..., Chunk]
) -> None:
    document = make_document()
    chunk = make_chunk(document, "The passage stands here.")
    page = owners_client.get(page_url(document, 1), {"chunk": chunk.pk}).content.decode()
    assert 'Alpha beta gamma. <mark id="passage">The passage stands here.</mark> Omega.' in page


@pytest.mark.parametrize("chunk", ["999999", "abc", "-1", "1e9", "²", "9" * 40, ""])
def test_a_passage_that_is_gone_shows_the_page_without_a_mark(
    owners_client: Client, make_document: MakeDocument, chunk: str
) -> None:
    response = owners_client.get(page_url(make_document(), 1), {"chunk": chunk})
    assert response.status_code == 200
    assert "<mark" not in response.content.decode()


def test_a_passage_of_somebody_else_is_not_shown(
    owners_client: Client, stranger, make_document: MakeDocument, make_chunk: Callable[..., Chunk]
) -> None:
    theirs = make_chunk(make_document(user=stranger, name="theirs.txt"), "Their secret")
    response = owners_client.get(page_url(make_document(), 1), {"chunk": theirs.pk})
    assert "Their secret" not in response.content.decode()


@pytest.mark.parametrize(("version", "page"), [(1, 0), (1, 4), (2, 1), (0, 1)])
def test_a_page_that_is_not_there_is_not_found(
    owners_client: Client, pdf_document: Document, version: int, page: int
) -> None:
    assert owners_client.get(page_url(pdf_document, page, version)).status_code == 404


@pytest.mark.parametrize(("wanted", "page"), [("2", 2), ("0", 1), ("999999999999", 3)])
def test_a_page_number_leads_to_the_page(owners_client: Client, pdf_document: Document, wanted: str, page: int) -> None:
    response = owners_client.get(page_url(pdf_document, 1), {"page": wanted})
    assert response["Location"] == page_url(pdf_document, page)


# --- Where a quote stands in a text


@pytest.mark.parametrize(
    ("text", "quoted", "marked"),
    [
        ("one two three", "two", "two"),
        ("one two\n  three four", "two three", "two\n  three"),
        ("one two three", "four", ""),
        ("one two three", "", ""),
        ("one two three", "  \n ", ""),
        ("a (b)* [c]", "(b)* [c]", "(b)* [c]"),
        ("x a b c d e f g h i j", "a b c d e f g h i j and on the next page", "a b c d e f g h i j"),
    ],
)
def test_a_quote_is_found_whatever_the_spaces(text: str, quoted: str, marked: str) -> None:
    found = MarkedText.of(text, quoted)
    assert found.marked == marked
    assert found.before + found.marked + found.after == text


def test_near_a_passage_only_its_neighbours_are_kept() -> None:
    text = "before " * 1000 + "PASSAGE" + " after" * 1000
    near = MarkedText.of(text, "PASSAGE").near()
    assert near.marked == "PASSAGE"
    assert near.before.startswith("… before ")
    assert near.after.endswith(" after …")
    assert len(near.before) + len(near.after) < 3100


# --- The side panel of a chat


def panel(**context: object) -> str:
    return render_to_string("documents/_passage.html", context)


def test_a_citation_shows_picture_mark_name_page_and_a_way_in(
    pdf_document: Document, django_assert_num_queries
) -> None:
    with django_assert_num_queries(2):
        context = passage_view(pdf_document.current_version_id, 2, BOXES, "Lime is", chunk_id=7)
    html = panel(**context)
    assert "colours.pdf" in html
    assert "Page 2 of 3" in html
    assert f'src="{page_url(pdf_document, 2)}/image.png"' in html
    assert html.count("<rect") == 2
    assert f'href="{page_url(pdf_document, 2)}?chunk=7#passage"' in html


def test_a_citation_of_a_text_shows_the_neighbours(make_document: MakeDocument) -> None:
    html = panel(**passage_view(make_document().current_version_id, 1, [], "The passage stands here."))
    assert 'gamma. <mark id="passage">The passage stands here.</mark> Omega.' in html


def test_a_citation_of_a_deleted_document_keeps_its_quote() -> None:
    html = panel(**passage_view(None, 4, [], "It was said.", document_name="gone.pdf"))
    assert "gone.pdf" in html
    assert "This document was deleted" in html
    assert "It was said." in html
    assert "Open document" not in html


@pytest.mark.django_db
def test_a_citation_of_a_version_that_cannot_be_read_says_so() -> None:
    assert "not shared with you any more, or was deleted" in panel(**passage_view(uuid4(), 1, [], "It was said."))


def test_a_citation_of_a_page_that_is_being_read_again_keeps_its_quote(pdf_document: Document) -> None:
    html = panel(**passage_view(pdf_document.current_version_id, 9, [], "It was said."))
    assert "This page is being read again" in html
    assert f'href="/documents/{pdf_document.pk}"' in html
