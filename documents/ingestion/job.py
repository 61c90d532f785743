"""One document, from its bytes to its place in the index: claim, read, split, embed, store, ready."""

import io
import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection, transaction

from accounts.capabilities import Capability, may
from accounts.encryption.errors import SealingError
from accounts.models import User
from accounts.tenancy import acting_as, acting_as_system
from documents import blobs, library, progress, stopping, versions
from documents.collections import tuning
from documents.errors import DocumentError, IngestionFailed, NotAllowed, NoText, WorkerLost
from documents.index import active_space, write_passages
from documents.ingestion import turns
from documents.ingestion.lease import Lease, LeaseLost
from documents.ingestion.running import bodies
from documents.models import Document, DocumentVersion, EmbeddingSpace, Page
from documents.reading import reader
from documents.reading.formats import Part
from documents.reading.pages import ReadPage
from documents.sniffing import HEAD_SIZE, Kind, sniff
from documents.tasks import enqueue_name
from jobs.leases import claim, settle, worker_name
from llms.errors import ModelError

if TYPE_CHECKING:
    from documents.ingestion.pipeline import Indexer

logger = logging.getLogger(__name__)

# A file that took its worker with it this often will do so again.
MOST_ATTEMPTS = 3
# Passages that are embedded at once; also the step in which progress is seen, and deletion noticed.
_BATCH = 64
_REPORT_EVERY = 0.5  # seconds
_REMARK = "remark"
# What a person is told about a document that was taken in, in sentences.
_MOST_REMARKS = 8
# Seconds to wait for a database that is away, before a document that it interrupted is left to beat.
_RETURNS = 120


def ingest(document_id: UUID) -> None:
    """Make the newest version of the document searchable, if it waits for that. Doing it twice changes nothing."""
    worker = worker_name()
    if stopping.is_asked():
        return
    with acting_as_system("claim a document"):
        if not claim(Document, document_id, worker=worker, status=Document.Status.PARSING):
            return
        owner_id = Document.objects.filter(pk=document_id).values_list("owner_id", flat=True).first()
    if owner_id is not None:  # else it was deleted in this moment
        _ingest(turns.Turn(document_id, owner_id, is_guest=False), worker)


def ingest_next() -> bool:
    """Make the document searchable whose turn it is. False: there was none for this worker."""
    worker = worker_name()
    if stopping.is_asked():
        return False
    with acting_as_system("claim a document"):
        turn = turns.take(worker)
    if turn is not None:
        _ingest(turn, worker)
    return turn is not None


def _ingest(turn: turns.Turn, worker: str) -> None:
    with acting_as(turn.owner_id):
        _ingest_as_owner(turn.document_id, turn.owner_id, Lease(turn.document_id, worker, is_guest=turn.is_guest))


def _ingest_as_owner(document_id: UUID, owner_id: UUID, lease: Lease) -> None:
    worker = lease.worker
    try:
        with lease:
            _check_allowed(owner_id)
            _Job(document_id, lease).run()
    except LeaseLost:
        logger.info("Document %s is somebody else's now, or gone.", document_id)
    except DocumentError as error:
        logger.info("Document %s was not taken in: %s", document_id, error.code)
        # A parser's own words may repeat the file's.
        logger.debug("Document %s: %s", document_id, error.detail)
        _fail(document_id, owner_id, worker, error.code, error.text)
    except SealingError as error:
        logger.exception("Document %s cannot be decrypted.", document_id)
        _fail(document_id, owner_id, worker, error.code, error.text)
    except ModelError as error:
        logger.warning("Document %s could not be embedded: %s", document_id, error)
        _fail(document_id, owner_id, worker, error.code, f"{error.text} The file is kept: try again then.")
    except Exception as error:  # The outermost frame of a job, and a person waits for a word.
        if isinstance(error, DatabaseError | InterfaceError) and _is_interruption(error):
            logger.warning("Document %s waits for the database: %s", document_id, type(error).__name__)
            _give_back(lease)
        else:
            logger.exception("Document %s met an error of ours.", document_id)
            _fail(document_id, owner_id, worker, IngestionFailed.code, IngestionFailed.text)


def _check_allowed(owner_id: UUID) -> None:
    """Raises NotAllowed."""
    if not may(User.objects.get(pk=owner_id), Capability.UPLOAD):
        raise NotAllowed


def _is_interruption(error: DatabaseError | InterfaceError) -> bool:
    """The connection is lost, the server stops or starts, or two transactions met: not the file's doing."""
    if isinstance(error, InterfaceError):
        return True
    state = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, OperationalError) and (state is None or state.startswith(("08", "57P", "40")))


def _give_back(lease: Lease) -> None:
    """Once the database is there again. Should that take too long, the lease has run out and beat sees to it."""
    for _ in range(_RETURNS):
        connection.close()
        try:
            lease.give_back()
        except (OperationalError, InterfaceError):
            time.sleep(1)
        else:
            return


def _fail(document_id: UUID, owner_id: UUID, worker: str, code: str, text: str) -> None:
    try:
        told = Document.sealed(document_id, owner_id=owner_id, error_text=text)
    except SealingError:  # the account is being erased; the code is told without words
        told = {}
    if settle(Document, document_id, worker=worker, status=Document.Status.FAILED, error_code=code, **told):
        progress.publish(document_id)


class _Job:
    """The state of one attempt."""

    def __init__(self, document_id: UUID, lease: Lease) -> None:
        self._document_id = document_id
        self._lease = lease
        self._remarks: list[str] = []
        self._pages: list[Page] = []
        self._total = 0
        self._password = self._name = ""
        self._began = self._reported = 0.0

    def run(self) -> None:
        document = Document.objects.filter(pk=self._document_id).first()
        version = DocumentVersion.objects.filter(document=self._document_id).order_by("-number").first()
        if document is None or version is None:
            raise LeaseLost
        if document.attempts > MOST_ATTEMPTS:
            raise WorkerLost
        self._lease.report(progress_done=0, progress_total=0, error_code="", error_text="")
        self._began = self._reported = time.monotonic()
        self._password, self._name = version.password, document.name
        self._cut = tuning.cut_of(document.collection_id)
        space = active_space()
        # Reading takes seconds to an hour: no connection is held meanwhile.
        close_old_connections()
        try:
            with blobs.in_memory(version.blob, owner_id=version.owner_id) as path:
                indexer = self._index(path, version, space)
        except FileNotFoundError as error:
            self._lease.report()  # Quietly, if it is missing because the document was deleted.
            raise IngestionFailed("The stored file is missing. Upload it again.", detail=str(error)) from error
        self._store(version, indexer, space)

    def _index(self, path: Path, version: DocumentVersion, space: EmbeddingSpace) -> "Indexer":
        with closing(self._read(path, version)) as pages:
            # The child begins to read while LlamaIndex is being loaded.
            first = next(pages, None)
            from documents.ingestion.pipeline import Indexer

            indexer = Indexer(self._name, space, size=self._cut.size, overlap=self._cut.overlap)
            with closing(bodies(_chain(first, pages))) as found:
                for body in found:
                    indexer.add([body])
                    while indexer.waiting >= _BATCH:
                        self._lease.check()
                        indexer.embed(_BATCH)
        count = len(indexer.passages) + indexer.waiting
        while indexer.waiting:
            self._report(status=Document.Status.EMBEDDING, progress_done=len(indexer.passages), progress_total=count)
            indexer.embed(_BATCH)
        if not indexer.passages:
            raise NoText
        return indexer

    def _read(self, path: Path, version: DocumentVersion) -> Generator[ReadPage, None, None]:
        """The pages as they come; keeps what will be stored of them, and tells the owner how far it is."""
        options = {"languages": settings.OCR_LANGUAGES, "password": self._password}
        with closing(reader.read(path, _kind(path, version), options=options)) as events:
            for event in events:
                self._lease.check()
                if isinstance(event, ReadPage):
                    self._pages.append(
                        Page(
                            version=version,
                            number=event.number,
                            text=event.text,
                            width=event.width,
                            height=event.height,
                        )
                    )
                    self._report(progress_done=event.number, progress_total=max(self._total, event.number))
                    yield event
                elif isinstance(event, Part):
                    self._take_in(event, version)
                elif event["type"] == "remark":
                    self._remarks.append(event["text"])
                else:
                    self._total = event["pages"]

    def _take_in(self, part: Part, version: DocumentVersion) -> None:
        """A file of an archive becomes a document beside it. Doing it again changes nothing: it is there already."""
        file: Any = io.BytesIO(part.content)
        upload: UploadedFile[bytes] = UploadedFile(file, PurePath(part.name).name, size=len(part.content))
        try:
            library.add(User.objects.get(pk=version.owner_id), upload, batch=version.document.batch)
        except library.AlreadyHere:
            pass
        except DocumentError as error:
            self._remarks.append(f"“{part.name}” was not taken in. {error.text}")

    def _report(self, **changes: object) -> None:
        """At most twice a second: a person cannot read faster, and each report is a write and a push."""
        self._lease.check()
        if time.monotonic() - self._reported >= _REPORT_EVERY:
            self._lease.report(**changes)
            self._reported = time.monotonic()
            close_old_connections()

    def _store(self, version: DocumentVersion, indexer: "Indexer", space: EmbeddingSpace) -> None:
        """Everything or nothing, and only while the job is ours."""
        if time.monotonic() - self._began >= _REPORT_EVERY:  # else nobody could read it before it is ready
            self._lease.report(status=Document.Status.EMBEDDING)
        # The thread would wait for the row that is locked below, and the lock is the stronger claim.
        self._lease.release()
        with transaction.atomic():
            # The document first, as in library.delete: whoever deletes it waits here, or we find it gone.
            held = Document.objects.select_for_update(no_key=True).filter(
                pk=self._document_id, claimed_by=self._lease.worker, status__in=Document.WORKING
            )
            document = held.first()
            if document is None:
                raise LeaseLost
            Page.objects.filter(version=version).delete()
            Page.objects.bulk_create(self._pages, batch_size=500)
            DocumentVersion.objects.filter(pk=version.pk).update(page_count=len(self._pages))
            write_passages(version, indexer.passages, indexer.vectors, space=space)
            versions.drop_index(version.document_id, but=version)
            remark = " ".join(self._remarks[:_MOST_REMARKS])
            if len(self._remarks) > _MOST_REMARKS:
                remark += f" And {len(self._remarks) - _MOST_REMARKS:,} more like these."
            settle(
                Document,
                self._document_id,
                worker=self._lease.worker,
                status=Document.Status.READY,
                current_version=version,
                progress_done=len(self._pages),
                progress_total=len(self._pages),
                error_code=_REMARK if remark else "",
                **Document.sealed(self._document_id, owner_id=version.owner_id, error_text=remark),
            )
        progress.publish(self._document_id)
        if document.name != self._name:  # renamed while it was read
            enqueue_name(self._document_id)


def _kind(path: Path, version: DocumentVersion) -> Kind:
    """As found at upload. A version from elsewhere is looked at here; its name may have been changed since."""
    try:
        return Kind(version.media_type)
    except ValueError:
        with path.open("rb") as file:
            return sniff(file.read(HEAD_SIZE), version.size, "")


def _chain(first: ReadPage | None, rest: Iterator[ReadPage]) -> Iterator[ReadPage]:
    if first is not None:
        yield first
        yield from rest
