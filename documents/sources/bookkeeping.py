"""Which document a file is. Callers act as the owner."""

import hashlib
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.db import transaction

from accounts.encryption.fields import KeyedHashField, keyed_hash
from accounts.models import User
from documents.models import Document, DocumentVersion
from documents.sources.models import Source

_STEP = 1024 * 1024


def fingerprint(file: BinaryIO, *, owner_id: UUID) -> str:
    """As documents.blobs makes it of what it stores. The file is at its beginning again afterwards."""
    digest = hashlib.sha256()
    while part := file.read(_STEP):
        digest.update(part)
    file.seek(0)
    return keyed_hash(owner_id, "content", digest.digest()).hex()


def source_of(user: User, path: Path) -> Source | None:
    return (
        Source.objects.filter(owner=user, path_hash=KeyedHashField.of(Source, "path_hash", user.pk, str(path)))
        .select_related("document")
        .first()
    )


def is_newest(document: Document, content: str) -> bool:
    """Whether the document's newest version has this fingerprint."""
    newest = document.versions.order_by("-number").values_list("fingerprint", flat=True).first()
    return newest == content


def with_content(user: User, content: str) -> Document | None:
    """A document of the person's, any version of which has this fingerprint."""
    version = DocumentVersion.objects.filter(document__owner=user, fingerprint=content).select_related("document")
    found = version.order_by("-created_at").first()
    return found.document if found else None


def remember(document: Document, path: Path, *, blog: bytes = b"") -> Source:
    """From now on this file is that document, wherever the document came from before."""
    with transaction.atomic():
        Source.objects.filter(document=document).delete()
        return Source.objects.create(document=document, owner_id=document.owner_id, path=str(path), blog_hash=blog)
