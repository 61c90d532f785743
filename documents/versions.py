"""A document's versions: a newer file takes the place of an older one for search, and old citations keep the old one.

A new version is read beside the one that is searched, as the same job: a document is read for its newest version. Once
it is stored, the same transaction makes it the current one, so that every search sees one of the two. If it cannot be
read, the document has failed and is still searched as it was.

Verbs take documents of the person's own. Locks: the document's row first, then the rows of its versions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.urls import reverse

from accounts import audit
from accounts.encryption.fields import KeyedHashField
from accounts.rights import requesting
from documents import blobs, page_images, progress
from documents.errors import Gone, Held
from documents.models import Document, DocumentVersion, Embedding, Page, Posting
from documents.tasks import enqueue, enqueue_name

# Shown on a document's page. The others are kept and exported all the same.
SHOWN = 50
# As a document is when it waits to be read, whoever was reading it before: that worker's lease is gone.
WAITING: dict[str, Any] = {
    "status": Document.QUEUED,
    "progress_done": 0,
    "progress_total": 0,
    "error_code": "",
    "error_text": "",
    "attempts": 0,
    "claimed_by": "",
    "lease_until": None,
    "queued_at": Now(),
    "updated_at": Now(),
}


@dataclass(frozen=True)
class Told:
    """A version as a document's page tells of it."""

    version: DocumentVersion
    state: str
    is_current: bool

    @property
    def url(self) -> str:
        """Where it can be read; "" where nothing was read of it."""
        if not self.version.page_count:
            return ""
        return reverse("documents:page", args=[self.version.document_id, self.version.number, 1])


def told(document: Document) -> list[Told]:
    """Newest first. One query."""
    rows = list(document.versions.order_by("-number")[:SHOWN])
    current = next((row.number for row in rows if row.pk == document.current_version_id), None)
    return [_told(document, row, current, is_newest=row is rows[0]) for row in rows]


def _told(document: Document, version: DocumentVersion, current: int | None, *, is_newest: bool) -> Told:
    if version.pk == document.current_version_id:
        return Told(version, "In use", is_current=True)
    if is_newest:
        words = "Could not be read" if document.status == Document.Status.FAILED else "Being read"
    elif current is not None and version.number > current:
        words = "Replaced before it was read"
    else:
        words = "Replaced" if version.page_count else "Replaced before it was read"
    return Told(version, words, is_current=False)


def replaced_by(version: DocumentVersion) -> DocumentVersion | None:
    """The version that is searched in the place of this one. Asks the database only if there is one."""
    current = version.document.current_version_id
    if current is None or current == version.pk:
        return None
    found = version.document.current_version
    return found if found is not None and found.number > version.number else None


def append(document_id: UUID, **fields: Any) -> DocumentVersion:
    """One more version, to be read. In the caller's transaction, which announces it.

    Whoever reads the version before this one loses the document and stops. Raises Gone.
    """
    if not Document.objects.select_for_update(no_key=True).filter(pk=document_id).values_list("pk"):
        raise Gone
    version = DocumentVersion.objects.create(document_id=document_id, number=_next_number(document_id), **fields)
    Document.objects.filter(pk=document_id).update(**WAITING)
    return version


def namesake(document: Document) -> Document | None:
    """Another document of the person's with this very name, the latest: perhaps this is its new version.

    Of files that came together none replaces another: folders have many a README.
    """
    name = KeyedHashField.of(Document, "name_hash", document.owner_id, document.name)
    others = Document.objects.filter(owner=document.owner_id, name_hash=name).exclude(pk=document.pk)
    if document.batch:
        others = others.exclude(batch=document.batch)
    return others.filter(created_at__lt=document.created_at).order_by("-created_at").first()


def join(document: Document, into: Document) -> bool:
    """Make `document` the newest version of `into`: what was read of it is kept, and it is no document any more.

    False: one of them is gone or they are the same, so nothing was changed. Raises Held: its name and tags would go.
    """
    with transaction.atomic():
        if requesting.is_held_for_now(into.owner_id):
            raise Held
        pair = Document.objects.select_for_update().filter(pk__in=[document.pk, into.pk], owner=into.owner_id)
        found = {row.pk: row for row in pair.order_by("pk")}
        if len(found) != 2:
            return False
        new, old = found[document.pk], found[into.pk]
        number = _next_number(old.pk)
        for step, version in enumerate(new.versions.order_by("number")):
            DocumentVersion.objects.filter(pk=version.pk).update(document=old, number=number + step)
        _take_over(new, old)
        audit.record(
            audit.Action.DOCUMENT_VERSION_ADDED, user=old.owner_id, resource=("document", old.pk), joined=str(new.pk)
        )
        was_named = new.name != old.name
        new_id = new.pk
        new.delete()
        progress.publish_gone(new_id, old.owner_id)
        progress.publish(old.pk)
    if was_named:
        transaction.on_commit(lambda: enqueue_name(into.pk), robust=True)
    return True


def _take_over(new: Document, old: Document) -> None:
    """The state of `new`, whose versions are now the newest of `old`."""
    if new.status in (Document.Status.READY, Document.Status.FAILED):
        told = Document.sealed(old.pk, owner_id=old.owner_id, error_text=new.error_text)
        changes = WAITING | {
            "status": new.status,
            "progress_done": new.progress_done,
            "progress_total": new.progress_total,
            "error_code": new.error_code,
            **told,
        }
    else:
        changes = dict(WAITING)
        transaction.on_commit(lambda: enqueue(old.pk), robust=True)
    if new.current_version_id:
        changes["current_version"] = new.current_version_id
    Document.objects.filter(pk=old.pk).update(**changes)
    if new.current_version is not None:
        drop_index(old.pk, but=new.current_version)


def drop_newest(document: Document) -> bool:
    """Take back a new version that is not in use: the document is again what it was before. Raises Held.

    False: its newest version is the one in use, or there is no other.
    """
    with transaction.atomic():
        if requesting.is_held_for_now(document.owner_id):
            raise Held
        locked = Document.objects.select_for_update(of=("self",)).filter(pk=document.pk).first()
        if locked is None or locked.current_version is None:
            return False
        dropped = list(locked.versions.filter(number__gt=locked.current_version.number))
        if not dropped:
            return False
        delete_rows(dropped)
        DocumentVersion.objects.filter(pk__in=[version.pk for version in dropped]).delete()
        pages = locked.current_version.page_count
        back = {"status": Document.Status.READY, "progress_done": pages, "progress_total": pages}
        Document.objects.filter(pk=document.pk).update(**WAITING | back)
        audit.record(
            audit.Action.DOCUMENT_VERSION_DROPPED,
            user=document.owner_id,
            resource=("document", document.pk),
            versions=len(dropped),
        )
        transaction.on_commit(lambda: delete_files(dropped), robust=True)
        progress.publish(document.pk)
    return True


def drop_index(document_id: UUID, *, but: DocumentVersion) -> None:
    """What finds the other versions. Nobody searches them any more; their pages and passages stay, for citations."""
    others = list(DocumentVersion.objects.filter(document=document_id).exclude(pk=but.pk).values_list("pk", flat=True))
    if others:
        Embedding.objects.filter(version__in=others).delete()
        Posting.objects.filter(version__in=others).delete()


def delete_rows(versions: list[DocumentVersion]) -> None:
    """What hangs on versions, leaves first, each in one statement: the ORM's own cascade would load every row."""
    Embedding.objects.filter(version__in=versions).delete()
    Posting.objects.filter(version__in=versions).delete()
    Page.objects.filter(version__in=versions).delete()


def delete_files(versions: Iterable[DocumentVersion]) -> None:
    for version in versions:
        blobs.delete(version.blob)
        page_images.forget(version.pk)


def _next_number(document_id: UUID) -> int:
    most = DocumentVersion.objects.filter(document=document_id).aggregate(most=Max("number"))["most"]
    return (most or 0) + 1
