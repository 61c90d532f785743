import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from accounts.models import User
from documents import blobs
from documents.models import Chunk, Document, DocumentVersion, Page

PAGE_COLOURS = ("red", "lime", "blue")
MakeDocument = Callable[..., Document]


def files_on_disk() -> set[Path]:
    root = Path(settings.STORAGES["default"]["OPTIONS"]["location"])
    return {path for path in root.rglob("*") if path.is_file()}


def pdf_of_colours(*colours: str) -> bytes:
    """A PDF of 300 × 400 points; each page is one colour, so a picture of it says which page it is."""
    pages = [Image.new("RGB", (300, 400), colour) for colour in colours]
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:], resolution=72)
    return out.getvalue()


def text_file(name: str = "notes.txt", content: bytes = b"The kettle is in the kitchen.\n") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def only(documents: Any) -> Document:
    (document,) = documents
    return document


@pytest.fixture
def owners_client(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def strangers_client(stranger: User) -> Client:
    client = Client()
    client.force_login(stranger)
    return client


@pytest.fixture
def make_document(owner: User) -> MakeDocument:
    def make(
        *,
        user: User = owner,
        name: str = "report.txt",
        media_type: str = "text/plain",
        content: bytes = b"",
        pages: tuple[str, ...] = ("Alpha beta gamma. The passage stands here. Omega.",),
        width: float = 0,
        height: float = 0,
        **fields: Any,
    ) -> Document:
        """A document as ingestion leaves it: ready, unless `fields` say otherwise."""
        fields.setdefault("status", Document.Status.READY)
        document = Document.objects.create(owner=user, name=name, **fields)
        blob = blobs.store(ContentFile(content or name.encode()), owner_id=user.pk)
        version = DocumentVersion.objects.create(
            document=document,
            number=1,
            blob=blob.key,
            fingerprint=blob.fingerprint,
            size=blob.size,
            media_type=media_type,
            page_count=len(pages),
            indexed_at=timezone.now(),
        )
        for number, text in enumerate(pages, start=1):
            Page.objects.create(version=version, number=number, text=text, width=width, height=height)
        if document.status == Document.Status.READY:
            document.current_version = version
            document.save(update_fields=["current_version"])
        return document

    return make


@pytest.fixture
def pdf_document(make_document: MakeDocument) -> Document:
    return make_document(
        name="colours.pdf",
        media_type="application/pdf",
        content=pdf_of_colours(*PAGE_COLOURS),
        pages=("Red is the first page.", "Lime is the second page.", "Blue is the third page."),
        width=300,
        height=400,
    )


@pytest.fixture
def make_chunk() -> Callable[..., Chunk]:
    def make(document: Document, content: str, *, page: int = 1, boxes: list[list[float]] | None = None) -> Chunk:
        version = document.current_version
        return Chunk.objects.create(
            version=version,
            index=version.chunks.count(),
            page=page,
            start=0,
            content=content,
            boxes=boxes or [],
            length=3,
        )

    return make
