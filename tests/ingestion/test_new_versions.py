"""A new version takes the place of the old one in one moment, whatever happens to the worker that reads it."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from documents import library, versions
from documents.ingestion import ingest
from documents.models import Chunk, Document, Embedding, EmbeddingSpace, Page, Posting
from documents.retrieval.searching import search
from tests.files import samples
from tests.ingestion.conftest import Upload
from tests.ingestion.test_ingestion import blocked, in_thread
from tests.ingestion.test_recovery import kill, requeue, worker
from tests.waiting import until

OLD, NEW = b"The kettle is in the old kitchen.", b"The kettle is in the new kitchen."


def file(content: bytes, name: str = "a.txt") -> "UploadedFile[bytes]":
    inside: Any = io.BytesIO(content)
    return UploadedFile(inside, name, size=len(content))


def found(document: Document, words: str = "kettle kitchen") -> list[str]:
    passages = search(user_id=document.owner_id, query=words).passages
    return [passage.text for passage in passages if passage.document_id == document.pk]


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (library, versions):
        monkeypatch.setattr(module, "enqueue", lambda _: None)


def test_the_old_version_is_searched_until_the_new_one_is_ready(upload: Upload) -> None:
    document = upload(OLD, "a.txt")
    ingest(document.pk)
    first = Document.objects.get(pk=document.pk).current_version
    library.replace(document, file(NEW))
    assert found(document) == [OLD.decode()]
    ingest(document.pk)
    assert found(document) == [NEW.decode()]
    document.refresh_from_db()
    assert (document.status, document.current_version.number) == (Document.Status.READY, 2)
    # The old one is kept for citations, and nothing finds it.
    assert Page.objects.filter(version=first).count() == Chunk.objects.filter(version=first).count() == 1
    assert not Posting.objects.filter(version=first).exists()
    assert not Embedding.objects.filter(version=first).exists()


def test_a_failed_new_version_leaves_the_old_one_in_place(upload: Upload) -> None:
    document = upload(OLD, "a.txt")
    ingest(document.pk)
    library.replace(document, file(samples.blank(), "a.pdf"))
    ingest(document.pk)
    document.refresh_from_db()
    assert (document.status, document.current_version.number) == (Document.Status.FAILED, 1)
    assert found(document) == [OLD.decode()]
    assert versions.drop_newest(document)
    document.refresh_from_db()
    assert (document.status, document.versions.count()) == (Document.Status.READY, 1)
    assert found(document) == [OLD.decode()]


def test_a_version_that_is_replaced_while_it_is_read_ends_quietly(upload: Upload) -> None:
    document = upload(samples.handbook(80), "handbook.pdf")
    thread, errors = in_thread(lambda: ingest(document.pk))
    until(lambda: Document.objects.filter(pk=document.pk, progress_done__gt=0).exists())
    library.replace(Document.objects.get(pk=document.pk), file(NEW))
    thread.join(timeout=60)
    assert errors == []
    document.refresh_from_db()
    assert document.status == Document.Status.QUEUED
    ingest(document.pk)
    assert found(document) == [NEW.decode()]
    assert list(Page.objects.values_list("version__number", flat=True)) == [2]


def test_a_worker_killed_while_it_stores_a_new_version_leaves_the_old_one(upload: Upload) -> None:
    document = upload(OLD, "a.txt")
    ingest(document.pk)
    library.replace(document, file(NEW))
    with worker(document) as process, transaction.atomic():
        EmbeddingSpace.objects.select_for_update().get()
        until(lambda: blocked() == 1)
        kill(process)
    until(lambda: blocked() == 0)
    assert found(document) == [OLD.decode()]
    requeue()
    ingest(document.pk)
    assert found(document) == [NEW.decode()]
    assert Chunk.objects.count() == 2
    assert Embedding.objects.count() == 1


def test_a_second_document_that_is_joined_while_it_is_read_is_read_again(upload: Upload) -> None:
    old, new = upload(OLD, "a.txt"), upload(samples.handbook(80), "a.pdf")
    ingest(old.pk)
    thread, errors = in_thread(lambda: ingest(new.pk))
    until(lambda: Document.objects.filter(pk=new.pk, progress_done__gt=0).exists())
    assert versions.join(Document.objects.get(pk=new.pk), old)
    thread.join(timeout=60)
    assert errors == []
    assert found(old) == [OLD.decode()]
    ingest(old.pk)
    assert any(samples.fact(7) in " ".join(text.split()) for text in found(old, samples.fact(7)))


def test_a_ready_document_that_is_joined_is_found_at_once(upload: Upload) -> None:
    old, new = upload(OLD, "a.txt"), upload(NEW, "b.txt")
    ingest(old.pk)
    ingest(new.pk)
    assert versions.join(new, old)
    assert found(old) == [NEW.decode()]


def test_a_document_renamed_while_it_is_read_is_indexed_by_its_new_name_after_that(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    from documents.ingestion import job

    again: list[object] = []
    monkeypatch.setattr(job, "enqueue_name", again.append)
    document = upload(samples.handbook(80), "handbook.pdf")
    thread, errors = in_thread(lambda: ingest(document.pk))
    until(lambda: Document.objects.filter(pk=document.pk, progress_done__gt=0).exists())
    library.rename(document, "ladder.pdf")
    thread.join(timeout=60)
    assert errors == []
    assert again == [document.pk]
