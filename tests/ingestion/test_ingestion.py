"""A document becomes searchable, once, whatever happens on the way."""

import contextvars
import re
import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from documents import library
from documents.ingestion import ingest
from documents.models import Chunk, Document, DocumentVersion, Embedding, EmbeddingSpace, Page, Posting
from jobs.leases import claim
from tests.files import samples
from tests.ingestion.conftest import Upload
from tests.waiting import until


def rows() -> dict[str, int]:
    return {
        model.__name__: model.objects.count() for model in (Document, DocumentVersion, Page, Chunk, Posting, Embedding)
    }


def passages() -> list[tuple[object, ...]]:
    return [(row.pk, row.index, row.page, row.start, row.content) for row in Chunk.objects.order_by("id")]


def holding(document: Document, words: str) -> list[Chunk]:
    """The passages of the document with these words."""
    return [chunk for chunk in Chunk.objects.filter(version__document=document) if words in chunk.content]


def test_a_pdf_becomes_searchable(upload: Upload) -> None:
    document = upload(samples.handbook(24), "handbook.pdf")
    ingest(document.pk)
    document.refresh_from_db()
    version = document.versions.get()
    assert (document.status, document.error_code, document.error_text) == (Document.Status.READY, "", "")
    assert document.current_version == version
    assert (document.claimed_by, document.lease_until) == ("", None)
    assert (document.progress_done, document.progress_total, version.page_count) == (24, 24, 24)
    chunks = list(version.chunks.order_by("index"))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert version.passage_count == len(chunks) == Embedding.objects.count()
    texts = {page.number: page.text for page in version.pages.all()}
    for chunk in chunks:
        assert texts[chunk.page][chunk.start :].startswith(chunk.content)
        assert chunk.boxes
        assert {box[0] for box in chunk.boxes} == {chunk.page}


def test_every_fact_is_in_a_passage_of_its_page_under_its_headings(upload: Upload) -> None:
    document = upload(samples.handbook(24), "handbook.pdf")
    ingest(document.pk)
    passages = Chunk.objects.filter(version__document=document)
    for number in range(1, 25):
        found = [chunk for chunk in passages if samples.fact(number) in " ".join(chunk.content.split())]
        assert {chunk.page for chunk in found} == {number}
        assert {chunk.heading.rpartition(" › ")[2] for chunk in found} == {f"Record {number}"}
        assert all(chunk.heading.startswith("Chapter ") for chunk in found)


def test_running_lines_stay_in_the_page_but_not_in_its_passages(upload: Upload) -> None:
    document = upload(samples.handbook(8), "handbook.pdf")
    ingest(document.pk)
    header = "Handbook of the Harbour Council"
    assert all(header in page.text for page in Page.objects.all())
    assert {chunk.page for chunk in holding(document, header)} == {1}
    assert not any(re.search(r"Page \d", chunk.content) for chunk in Chunk.objects.all())


@pytest.mark.parametrize(
    ("content", "name", "phrase"),
    [
        ("Die Frist endet am 3. März.".encode("cp1252"), "brief.txt", "3. März"),
        (b"# Rules\n\nDogs stay *outside*.", "rules.md", "Dogs stay outside."),
        (b"<html><body><h1>Pool</h1><p>Opens on 3 May.</p></body></html>", "pool.html", "Opens on 3 May."),
        (samples.word_document(), "report.docx", "Forty-one apple trees"),
    ],
)
def test_the_other_formats_become_searchable(upload: Upload, content: bytes, name: str, phrase: str) -> None:
    document = upload(content, name)
    ingest(document.pk)
    document.refresh_from_db()
    assert document.status == Document.Status.READY, document.error_text
    assert holding(document, phrase)


def test_tables_are_not_cut(upload: Upload) -> None:
    table = "\n".join(f"| item {n} | {n * 7} euros and a few words more |" for n in range(40))
    text = f"# Prices\n\n{'Some words before it. ' * 30}\n\n| What | Price |\n| --- | --- |\n{table}\n\nAfter it."
    document = upload(text.encode(), "prices.md")
    ingest(document.pk)
    found = holding(document, "item 0 |")
    assert all("item 39 | 273 euros" in chunk.content for chunk in found)
    assert found


def test_doing_it_twice_leaves_the_same_rows(upload: Upload) -> None:
    document = upload(samples.handbook(6), "handbook.pdf")
    ingest(document.pk)
    before = passages()
    counted = rows()
    ingest(document.pk)  # ready: nothing to do
    Document.objects.filter(pk=document.pk).update(status=Document.QUEUED)
    ingest(document.pk)
    assert [
        (chunk.pk, chunk.index, chunk.page, chunk.start, chunk.content) for chunk in Chunk.objects.order_by("id")
    ] == before
    assert rows() == counted


@pytest.mark.parametrize(
    ("content", "name", "code", "words"),
    [
        (samples.encrypted(), "a.pdf", "encrypted_file", "password"),
        (samples.blank(), "a.pdf", "no_text", "no text"),
        (b"%PDF-1.7\nnothing of the kind", "a.pdf", "corrupt_file", "damaged"),
        (samples.word_document()[:-3000], "a.docx", "corrupt_file", "damaged"),
        (b" \n \n", "a.txt", "no_text", "No readable text"),
        (b"!!! ??? ... ---", "a.txt", "no_text", "No readable text"),
    ],
)
def test_what_cannot_be_read_fails_with_a_sentence(
    upload: Upload, content: bytes, name: str, code: str, words: str
) -> None:
    document = upload(content, name)
    ingest(document.pk)
    document.refresh_from_db()
    assert (document.status, document.error_code) == (Document.Status.FAILED, code)
    assert words in document.error_text
    assert Page.objects.count() == Chunk.objects.count() == 0


def test_pages_that_could_not_be_read_are_mentioned(upload: Upload, settings: object) -> None:
    settings.OCR_LANGUAGES = "no-such-language"  # type: ignore[attr-defined]
    document = upload(samples.scanned(and_text_page=True), "scan.pdf")
    ingest(document.pk)
    document.refresh_from_db()
    assert document.status == Document.Status.READY
    assert "Page 2" in document.error_text


def test_a_failed_document_can_be_tried_again(upload: Upload) -> None:
    document = upload(samples.handbook(2), "handbook.pdf")
    Document.objects.filter(pk=document.pk).update(attempts=3)
    ingest(document.pk)
    document.refresh_from_db()
    assert (document.status, document.error_code) == (Document.Status.FAILED, "worker_lost")
    assert library.retry(document)
    ingest(document.pk)
    document.refresh_from_db()
    assert (document.status, document.error_code, document.error_text) == (Document.Status.READY, "", "")


def test_a_lost_file_is_said_plainly(upload: Upload) -> None:
    document = upload(b"Words.", "a.txt")
    DocumentVersion.objects.update(blob="00/00/none")
    ingest(document.pk)
    document.refresh_from_db()
    assert (document.status, document.error_code) == (Document.Status.FAILED, "ingestion_failed")


def test_what_is_not_ours_to_do_is_left_alone(upload: Upload) -> None:
    ingest(uuid.uuid4())
    document = upload(b"Words.", "a.txt")
    assert claim(Document, document.pk, worker="somebody:1:x", status=Document.Status.PARSING)
    ingest(document.pk)
    document.refresh_from_db()
    assert (document.claimed_by, Chunk.objects.count()) == ("somebody:1:x", 0)


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=contextvars.copy_context().run, args=[run])
    thread.start()
    return thread, errors


def test_deleting_a_document_while_it_is_read_ends_the_job_quietly(upload: Upload) -> None:
    document = upload(samples.handbook(80), "handbook.pdf")
    thread, errors = in_thread(lambda: ingest(document.pk))
    until(lambda: Document.objects.filter(pk=document.pk, progress_done__gt=0).exists())
    library.delete(Document.objects.get(pk=document.pk))
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert errors == []
    assert set(rows().values()) == {0}


def test_deleting_a_document_while_it_is_stored_leaves_nothing(upload: Upload) -> None:
    ingest(upload(b"Makes the space.", "first.txt").pk)
    document = upload(samples.handbook(3), "handbook.pdf")
    with transaction.atomic():
        # The index waits for this row in the middle of its transaction.
        EmbeddingSpace.objects.select_for_update().get()
        storing, storing_errors = in_thread(lambda: ingest(document.pk))
        until(lambda: blocked() == 1)
        deleting, deleting_errors = in_thread(lambda: library.delete(Document.objects.get(pk=document.pk)))
        until(lambda: blocked() == 2)
    storing.join(timeout=60)
    deleting.join(timeout=60)
    assert storing_errors == deleting_errors == []
    assert rows()["Document"] == 1
    assert not DocumentVersion.objects.filter(document=document.pk).exists()


def blocked() -> int:
    """Sessions of this database that wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees the same picture all the time
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])
