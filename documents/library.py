"""Everything a person can do with their documents. Each verb changes rows first; files, queue and pages follow.

Callers pass documents they found through `Document.objects.visible_to(user)`.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.encryption.fields import KeyedHashField
from accounts.limits import quotas
from accounts.models import User
from accounts.rights import requesting
from documents import blobs, progress, versions
from documents.errors import DocumentError, EncryptedFile, Held, NoRoom, TooLarge
from documents.models import Document, DocumentVersion
from documents.names import clean_name, renamed
from documents.sniffing import HEAD_SIZE, Kind, sniff
from documents.tasks import enqueue, enqueue_name

_Recorded = TypeVar("_Recorded")


class AlreadyHere(DocumentError):
    """The person has a document with the same content."""

    code = "already_here"
    text = "You already have this file."

    def __init__(self, document: Document, *, is_earlier: bool = False) -> None:
        super().__init__("You already have this file, as an earlier version of a document." if is_earlier else "")
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
    # A document that was taken in, and an earlier one of the same name.
    namesakes: list[tuple[Document, Document]] = field(default_factory=list)

    @property
    def present(self) -> list[Refusal]:
        """Files that were here already: no failure, and told apart from those."""
        return [refusal for refusal in self.refusals if isinstance(refusal.error, AlreadyHere)]

    @property
    def refused(self) -> list[Refusal]:
        return [refusal for refusal in self.refusals if not isinstance(refusal.error, AlreadyHere)]


def upload(user: User, files: "Iterable[UploadedFile[bytes]]", *, batch: UUID | None = None) -> Uploads:
    uploads, batch = Uploads(), batch or uuid4()
    for file in files:
        try:
            document = add(user, file, batch=batch)
        except DocumentError as error:
            uploads.refusals.append(refused(user, file, error))
        else:
            uploads.documents.append(document)
            if earlier := versions.namesake(document):
                uploads.namesakes.append((document, earlier))
    return uploads


def refused(user: User, file: "UploadedFile[bytes]", error: DocumentError) -> Refusal:
    audit.record(audit.Action.DOCUMENT_REFUSED, user=user, because=error.code, size=file.size)
    return Refusal(clean_name(file.name or ""), error)


def add(user: User, file: "UploadedFile[bytes]", *, batch: UUID | None = None) -> Document:
    """Take in one file and queue its reading. Raises DocumentError, and then leaves nothing behind.

    `batch`: what the files have in common that come together.
    """
    name = clean_name(file.name or "")
    return _take_in(user, file, name, lambda kind, blob: _record(user, name, kind, blob, batch))


def replace(document: Document, file: "UploadedFile[bytes]") -> DocumentVersion:
    """Take in a file as the document's newest version and queue its reading. Raises DocumentError, as `add` does.

    The document keeps its name, collection and tags; another kind of file is welcome.
    """
    name = clean_name(file.name or "")
    return _take_in(document.owner, file, name, lambda kind, blob: _record_version(document, kind, blob))


def _take_in(
    user: User, file: "UploadedFile[bytes]", name: str, record: Callable[[Kind, blobs.Blob], _Recorded]
) -> _Recorded:
    check_size(file.size or 0)
    _check_room(user, file.size or 0)
    kind = sniff(file.read(HEAD_SIZE), file.size or 0, name)
    file.seek(0)
    blob = blobs.store(file, owner_id=user.pk, at_most=settings.UPLOAD_MAX_SIZE)
    try:
        return record(kind, blob)
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


def retry(*documents: Document) -> int:
    """Queue failed documents again; how many. What has not failed is left alone."""
    with transaction.atomic():
        failed = Document.objects.filter(pk__in=[each.pk for each in documents], status=Document.Status.FAILED)
        queued = list(failed.select_for_update(no_key=True, of=("self",)).order_by("pk"))
        Document.objects.filter(pk__in=[each.pk for each in queued]).update(**versions.WAITING)
        for document in queued:
            _announce(document.pk)
            _tell(audit.Action.DOCUMENT_RETRIED, document)
    return len(queued)


def unlock(document: Document, password: str) -> bool:
    """Keep the password that a file asks for, sealed, and queue it again. False: it does not ask for one."""
    with transaction.atomic():
        asking = Document.objects.select_for_update(no_key=True).filter(
            pk=document.pk, status=Document.Status.FAILED, error_code=EncryptedFile.code
        )
        newest = document.versions.order_by("-number").first()
        if not asking.exists() or newest is None:
            return False
        sealed = DocumentVersion.sealed(newest.pk, owner_id=document.owner_id, password=password)
        DocumentVersion.objects.filter(pk=newest.pk).update(**sealed)
        return retry(document) == 1


def rename(document: Document, wanted: str) -> str:
    """The name as it was kept."""
    name = renamed(document.name, wanted)
    sealed = Document.sealed(document.pk, owner_id=document.owner_id, name=name)
    with transaction.atomic():
        hashed = KeyedHashField.of(Document, "name_hash", document.owner_id, name)
        Document.objects.filter(pk=document.pk).update(**sealed, name_hash=hashed, updated_at=Now())
        _tell(audit.Action.DOCUMENT_RENAMED, document)
    transaction.on_commit(lambda: enqueue_name(document.pk), robust=True)
    progress.publish(document.pk)
    return name


def delete(*documents: Document) -> int:
    """One person's. The rows at once, the files after the commit; how many there still were.

    A fixed number of statements, however many there are. A worker that reads one finds its lease gone and stops.
    Raises Held.
    """
    if not documents:
        return 0
    owner_id = documents[0].owner_id
    with transaction.atomic():
        if requesting.is_held_for_now(owner_id):
            raise Held
        # Waits for workers that are storing them at this moment (documents.ingestion): their rows are then seen here.
        # In one order, so that two requests for the same ones wait for each other and not both.
        rows = Document.objects.filter(pk__in=[document.pk for document in documents], owner=owner_id)
        locked = list(rows.select_for_update(of=("self",)).order_by("pk"))
        all_of_it = list(DocumentVersion.objects.filter(document__in=locked))
        versions.delete_rows(all_of_it)
        counts = Counter(version.document_id for version in all_of_it)
        for document in locked:
            _tell(audit.Action.DOCUMENT_DELETED, document, versions=counts[document.pk])
            progress.publish_gone(document.pk, owner_id)
        rows.delete()
        transaction.on_commit(lambda: versions.delete_files(all_of_it), robust=True)
    return len(locked)


def _record(user: User, name: str, kind: Kind, blob: blobs.Blob, batch: UUID | None) -> Document:
    with transaction.atomic():
        _take_turns(user)
        _check_is_new(user, blob)
        # Under the lock: of two uploads at once only one gets the last bytes.
        _check_room(user, blob.size)
        document = Document.objects.create(owner=user, name=name, batch=batch)
        DocumentVersion.objects.create(document=document, number=1, **_stored(kind, blob))
        _announce(document.pk)
        _tell(audit.Action.DOCUMENT_UPLOADED, document, size=blob.size, media_type=kind.value)
    return document


def _record_version(document: Document, kind: Kind, blob: blobs.Blob) -> DocumentVersion:
    user = document.owner
    with transaction.atomic():
        _take_turns(user)
        _check_is_new(user, blob, replaces=document)
        _check_room(user, blob.size)
        # A new edition of a file under a password has the same one more often than not.
        newest = document.versions.order_by("-number").first()
        password = newest.password if newest else ""
        version = versions.append(document.pk, password=password, owner=user, **_stored(kind, blob))
        _announce(document.pk)
        _tell(
            audit.Action.DOCUMENT_VERSION_ADDED,
            document,
            version=version.number,
            size=blob.size,
            media_type=kind.value,
        )
    return version


def _stored(kind: Kind, blob: blobs.Blob) -> dict[str, Any]:
    return {"blob": blob.key, "fingerprint": blob.fingerprint, "size": blob.size, "media_type": kind.value}


def _take_turns(user: User) -> None:
    """Two uploads of the same file at the same time, from two tabs or a double click, must see each other."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _check_is_new(user: User, blob: blobs.Blob, *, replaces: Document | None = None) -> None:
    """Raises AlreadyHere. To an earlier version of the document that is replaced a person may go back."""
    same = DocumentVersion.objects.filter(document__owner=user, fingerprint=blob.fingerprint)
    for version in same.select_related("document").order_by("-created_at"):
        is_newest = not version.document.versions.filter(number__gt=version.number).exists()
        if is_newest or replaces is None or version.document_id != replaces.pk:
            raise AlreadyHere(version.document, is_earlier=not is_newest)


def _tell(action: audit.Action, document: Document, **details: Any) -> None:
    audit.record(action, user=document.owner_id, resource=("document", document.pk), **details)


def _announce(document_id: UUID) -> None:
    transaction.on_commit(lambda: enqueue(document_id), robust=True)
    progress.publish(document_id)
