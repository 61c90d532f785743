"""What this application keeps about people: their files, what was read from them, and how it is found again."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import IO, ClassVar
from uuid import UUID

from django.db.models.functions import Now

from accounts.models import User
from accounts.rights.holdings import Entry, as_json, told
from documents import blobs, library
from documents.errors import Held, NotAllowed
from documents.models import (
    Chunk,
    Collection,
    Document,
    DocumentTag,
    DocumentVersion,
    Embedding,
    Page,
    Posting,
    Reindexing,
    Tag,
)

KEPT = "documents"


class DocumentsHolding:
    name = "documents"
    models: ClassVar = frozenset(
        model._meta.label
        for model in (
            Collection,
            Document,
            Tag,
            DocumentTag,
            DocumentVersion,
            Page,
            Chunk,
            Posting,
            Embedding,
            Reindexing,
        )
    )
    retentions: ClassVar = {KEPT: "documents, from their upload"}

    def count(self, user_id: UUID) -> int:
        return Document.objects.filter(owner_id=user_id).count()

    def export(self, user: User) -> Iterator[Entry]:
        """The files as they were uploaded, every version, and for each document what is known about it."""
        for document in Document.objects.visible_to(user).order_by("created_at").select_related("collection"):
            name, versions = told(document, "name"), list(document.versions.order_by("number"))
            for version in versions:
                folder = "documents" if len(versions) == 1 else f"documents/versions/{version.number}"
                opener: Callable[[], AbstractContextManager[IO[bytes]]] = partial(
                    blobs.open_blob, version.blob, owner_id=user.pk
                )
                yield Entry(f"{folder}/{name}", opener, ends_step=False)
            yield Entry(f"documents/about/{name}.json", as_json(_described(document, versions)))

    def stop(self, user_id: UUID) -> None:
        """Nothing waits to be read any more, and whoever reads finds the lease gone."""
        unfinished = Document.objects.filter(owner_id=user_id, status__in=[Document.QUEUED, *Document.WORKING])
        unfinished.update(
            status=Document.Status.FAILED, error_code=NotAllowed.code, error_text="", claimed_by="", lease_until=None
        )

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        for document in Document.objects.filter(owner_id=user_id):
            library.delete(document)
            step()
        Tag.objects.filter(owner_id=user_id).delete()
        Collection.objects.filter(owner_id=user_id).delete()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - there is one kind
        old = Document.objects.filter(owner_id=user_id, created_at__lt=Now() - timedelta(days=days))
        deleted = 0
        for document in list(old):
            try:
                library.delete(document)
            except Held:  # set meanwhile
                break
            deleted += 1
        return deleted


def _described(document: Document, versions: list[DocumentVersion]) -> dict[str, object]:
    return {
        "id": document.pk,
        "name": told(document, "name"),
        "collection": told(document.collection, "name") if document.collection else None,
        "tags": [told(tagging.tag, "name") for tagging in document.tagged.select_related("tag")],
        "status": document.status,
        "uploaded": document.created_at,
        "versions": [
            {
                "number": version.number,
                "uploaded": version.created_at,
                "bytes": version.size,
                "type": version.media_type,
                "language": version.language,
                "passages": version.passage_count,
                "pages": [
                    {"number": page.number, "text": told(page, "text")}
                    for page in version.pages.order_by("number").iterator()
                ],
            }
            for version in versions
        ],
    }
