"""What a collection may have of its own beside the installation's settings: how its documents are cut, and how much of
them an answer gets."""

from dataclasses import dataclass, fields
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts import audit
from documents import progress, versions
from documents.collections.errors import CollectionError
from documents.models import Collection, Document
from documents.tasks import enqueue


@dataclass(frozen=True, slots=True)
class Cut:
    """Of passages, in characters."""

    size: int
    overlap: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """None: as the installation has it."""

    relevance_threshold: float | None = None
    top_k: int | None = None
    chunk_size: int | None = None
    chunk_overlap: int | None = None


def cut_of(collection_id: UUID | None) -> Cut:
    """For a document that is read while in this collection."""
    if collection_id is None:
        return cut(None, None)
    found = Collection.objects.filter(pk=collection_id).values_list("chunk_size", "chunk_overlap").first()
    return cut(*(found or (None, None)))


def cut(size: int | None, overlap: int | None) -> Cut:
    """An overlap of the installation's that a smaller size has no room for becomes a fifth of that."""
    chosen: int = settings.CHUNK_SIZE if size is None else size
    usual = min(settings.CHUNK_OVERLAP, chosen // 5) if size is not None else settings.CHUNK_OVERLAP
    return Cut(chosen, usual if overlap is None else overlap)


def tune(collection: Collection, wanted: Tuning, *, read_again: bool = False) -> int:
    """`read_again`: its documents are read anew, so that they are cut as it now says; until each is done, its old
    passages are searched. Returns how many. Raises CollectionError."""
    if wanted.chunk_overlap is not None and (wanted.chunk_size is None or wanted.chunk_overlap >= wanted.chunk_size):
        raise CollectionError(
            "Passages cannot repeat more of each other than they have. Nothing was changed; choose a length, and an "
            "overlap below it."
        )
    with transaction.atomic():
        values: dict[str, Any] = {one.name: getattr(wanted, one.name) for one in fields(wanted)}
        if not Collection.objects.filter(pk=collection.pk).update(**values):
            raise CollectionError("This collection was deleted meanwhile. Nothing was changed.")
        told: dict[str, Any] = {name: "" if value is None else value for name, value in values.items()}
        resource = ("collection", collection.pk)
        audit.record(
            audit.Action.COLLECTION_CHANGED, user=collection.owner_id, resource=resource, changed="search", **told
        )
        again = _read_again(collection) if read_again else []
    for name, value in values.items():
        setattr(collection, name, value)
    return len(again)


def _read_again(collection: Collection) -> list[UUID]:
    ready = Document.objects.filter(collection=collection.pk, status=Document.Status.READY)
    found = list(ready.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    Document.objects.filter(pk__in=found).update(**versions.WAITING)
    for document_id in found:
        transaction.on_commit(partial(enqueue, document_id), robust=True)
        progress.publish(document_id)
    return found
