"""A library that is filled through the product's own door, with the built-in embedder."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.db import connections

from documents.index import NewPassage, active_space, searchable_text, write_passages
from documents.spaces import embed

if TYPE_CHECKING:
    from accounts.models import User
    from documents.models import Document, DocumentVersion

AddDocument = Callable[..., "Document"]


def new_version(document: "Document", number: int = 1) -> "DocumentVersion":
    from documents.models import DocumentVersion

    return DocumentVersion.objects.create(
        document=document, number=number, blob="", fingerprint="0" * 64, size=1, media_type="text/plain"
    )


def index(version: "DocumentVersion", texts: Sequence[str], *, headings: Sequence[str] = ()) -> None:
    headings = headings or [""] * len(texts)
    passages = [
        NewPassage(
            page=number,
            start=0,
            content=text,
            heading=heading,
            boxes=[[number, 1.0, 2.0, 3.0, 4.0]],
            searchable=searchable_text(version.document.name, heading, text),
        )
        for number, (text, heading) in enumerate(zip(texts, headings, strict=True), start=1)
    ]
    space = active_space()
    write_passages(version, passages, embed(space, [passage.searchable for passage in passages]), space=space)


@pytest.fixture
def add(db: None) -> AddDocument:
    """`add(user, "name.txt", ["passage", …])`: a ready document."""
    from documents.models import Document

    def add_document(user: "User", name: str, texts: Sequence[str], **options: Sequence[str]) -> Document:
        document = Document.objects.create(owner=user, name=name, status=Document.Status.READY)
        version = new_version(document)
        index(version, texts, **options)
        document.current_version = version
        document.save()
        return document

    return add_document


@pytest.fixture
def clean_after(transactional_db: None):
    """For tests that commit: spaces and their indexes are not touched by Django's flush of tables."""
    yield
    call_command("flush", interactive=False, verbosity=0)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'embedding\\_hnsw\\_%%'")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {name}")
