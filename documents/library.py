"""Everything a person can do with their documents. Each verb changes rows first; files, queue and pages follow.

Callers pass documents they found through `Document.objects.visible_to(user)`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts import audit
from accounts.limits import quotas
from accounts.models import User
from accounts.rights import requesting
from documents import blobs, page_images, progress
from documents.errors import DocumentError, EncryptedFile, Held, NoRoom, TooLarge
from documents.models import Document, DocumentVersion, Embedding, Page, Posting
from documents.names import clean_name, renamed
from documents.rows import with_newest_version
from documents.sniffing import HEAD_SIZE, Kind, sniff
from documents.tasks import enqueue, enqueue_name


class AlreadyHere(DocumentError):
    """The person has a document with the same content."""

    code = "already_here"
    text = "You already have this file."

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.document = document


@dataclass(frozen=True)
class Refusal:
    name: str
    error: DocumentError


@dataclass(frozen=True)
class Uploads:
    """What became of several files. One bad file never costs a good one."""

    documents: list[Document] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def listing(user: User) -> QuerySet[Document]:
    return with_newest_version(Document.objects.visible_to(user)).order_by("-created_at", "pk")


def upload(user: User, files: "Iterable[UploadedFile[bytes]]") -> Uploads:
    uploads = Uploads()
    for file in files:
        try:
            uploads.documents.append(add(user, file))
        except DocumentError as error:
            uploads.refusals.append(Refusal(clean_name(file.name or ""), error))
            audit.record(audit.Action.DOCUMENT_REFUSED, user=user, because=error.code, size=file.size)
    return uploads


def add(user: User, file: "UploadedFile[bytes]") -> Document:
    """Take in one file and queue its reading. Raises DocumentError, and then leaves nothing behind."""
    name = clean_name(file.name or "")
    check_size(file.size or 0)
    _check_room(user, file.size or 0)
    kind = sniff(file.read(HEAD_SIZE), file.size or 0, name)
    file.seek(0)
    blob = blobs.store(file, owner_id=user.pk, at_most=settings.UPLOAD_MAX_SIZE)
    try:
        return _record(user, name, kind, blob)
    except BaseException:
        blobs.delete(blob.key)
        raise


def check_size(size: int) -> None:
    if size > settings.UPLOAD_MAX_SIZE:
        raise too_large()


def _check_room(user: User, size: int) -> None:
    try:
        quotas.check_storage(user, size)
    except quotas.QuotaReached as error:
        raise NoRoom(error.text) from error


def too_large() -> TooLarge:
    limit = settings.UPLOAD_MAX_SIZE // (1024 * 1024)
    return TooLarge(f"This file is larger than {limit} MB, the most that can be uploaded. Split it into smaller files.")


def retry(document: Document) -> bool:
    """Queue a failed document again. False: it had not failed, so there is nothing to do."""
    with transaction.atomic():
        queued = Document.objects.filter(pk=document.pk, status=Document.Status.FAILED).update(
            status=Document.QUEUED,
            progress_done=0,
            progress_total=0,
            error_code="",
            error_text="",
            attempts=0,
            queued_at=Now(),
            updated_at=Now(),
        )
        if queued:
            _announce(document.pk)
            _tell(audit.Action.DOCUMENT_RETRIED, document)
    return queued == 1


def unlock(document: Document, password: str) -> bool:
    """Keep the password that a file asks for, sealed, and queue it again. False: it does not ask for one."""
    sealed = Document.sealed(document.pk, owner_id=document.owner_id, password=password)
    with transaction.atomic():
        asking = Document.objects.filter(
            pk=document.pk, status=Document.Status.FAILED, error_code=EncryptedFile.code
        ).update(**sealed)
        return bool(asking) and retry(document)


def rename(document: Document, wanted: str) -> str:
    """The name as it was kept."""
    name = renamed(document.name, wanted)
    sealed = Document.sealed(document.pk, owner_id=document.owner_id, name=name)
    with transaction.atomic():
        Document.objects.filter(pk=document.pk).update(**sealed, updated_at=Now())
        _tell(audit.Action.DOCUMENT_RENAMED, document)
    transaction.on_commit(lambda: enqueue_name(document.pk), robust=True)
    progress.publish(document.pk)
    return name


def delete(document: Document) -> None:
    """The rows at once, the files after the commit. A worker that reads it finds its lease gone and stops.

    Raises Held.
    """
    key = document.pk
    with transaction.atomic():
        if requesting.is_held_for_now(document.owner_id):
            raise Held
        # Waits for a worker that is storing it at this moment (documents.ingestion): its rows are then seen here.
        list(Document.objects.select_for_update().filter(pk=document.pk).values_list("pk"))
        versions = list(DocumentVersion.objects.filter(document=document))
        # Leaves first, each in one statement: the ORM's own cascade would load every row to find its dependents.
        Embedding.objects.filter(chunk__version__in=versions).delete()
        Posting.objects.filter(version__in=versions).delete()
        Page.objects.filter(version__in=versions).delete()
        _tell(audit.Action.DOCUMENT_DELETED, document, versions=len(versions))
        document.delete()
        transaction.on_commit(lambda: _delete_files(versions), robust=True)
        progress.publish_gone(key, document.owner_id)


def _record(user: User, name: str, kind: Kind, blob: blobs.Blob) -> Document:
    with transaction.atomic():
        # Two uploads of the same file at the same time, from two tabs or a double click, must see each other.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        existing = Document.objects.visible_to(user).filter(versions__fingerprint=blob.fingerprint).first()
        if existing is not None:
            raise AlreadyHere(existing)
        # Under the lock: of two uploads at once only one gets the last bytes.
        _check_room(user, blob.size)
        document = Document.objects.create(owner=user, name=name)
        DocumentVersion.objects.create(
            document=document,
            number=1,
            blob=blob.key,
            fingerprint=blob.fingerprint,
            size=blob.size,
            media_type=kind.value,
        )
        _announce(document.pk)
        _tell(audit.Action.DOCUMENT_UPLOADED, document, size=blob.size, media_type=kind.value)
    return document


def _tell(action: audit.Action, document: Document, **details: Any) -> None:
    audit.record(action, user=document.owner_id, resource=("document", document.pk), **details)


def _announce(document_id: UUID) -> None:
    transaction.on_commit(lambda: enqueue(document_id), robust=True)
    progress.publish(document_id)


def _delete_files(versions: Iterable[DocumentVersion]) -> None:
    for version in versions:
        blobs.delete(version.blob)
        page_images.forget(version.pk)
