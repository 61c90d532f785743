"""A file or a folder into a person's library: what is new is added, what changed becomes a new version.

Through the same door as an upload in the browser (documents.library), with its limits and quotas. Callers act as the
person. Each file is finished before the next one begins, so a run that was killed is simply given again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.db import connection

from accounts.models import User
from documents import library
from documents.collections import keeping
from documents.errors import DocumentError, NoRoom
from documents.models import Collection, Document
from documents.sources import bookkeeping, files

# Documents that are put into the collection at once.
_TOGETHER = 100
_LOCK = 0x50DA


class Busy(Exception):
    """Another run is taking files in for this person."""


@dataclass
class Outcome:
    """What became of the files. `refused` are their paths with a sentence for people."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    duplicates: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    is_full: bool = False
    # All that the files are, also those that were here before; and those of them that are to be read now.
    documents: list[UUID] = field(default_factory=list)
    waiting: list[UUID] = field(default_factory=list)

    @property
    def seen(self) -> int:
        return self.added + self.changed + self.unchanged + self.duplicates + len(self.refused)


@contextmanager
def alone(user: User) -> Iterator[None]:
    """Two runs for one person would each find the other's files new. Raises Busy."""
    key = int.from_bytes(hashlib.sha256(user.pk.bytes).digest()[:4], "big", signed=True)
    if not _locked(key):
        raise Busy
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, key])


def _locked(key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, key])
        return bool(cursor.fetchone()[0])


def take_in(
    user: User, paths: Iterable[Path], *, collection: Collection | None, report: Callable[[Outcome], None]
) -> Outcome:
    """`paths` are those of `files.find`. Raises Busy."""
    outcome, batch = Outcome(), uuid4()
    paths = list(paths)
    known = {str(path) for path in paths}
    with alone(user), filing(user, collection, outcome.documents):
        for path in paths:
            try:
                with files.opened(path) as (file, size):
                    _take_in(user, path, file, size, outcome, batch, known)
            except DocumentError as error:
                outcome.is_full = outcome.is_full or isinstance(error, NoRoom)
                outcome.refused.append((str(path), error.text))
            except files.NotThere:
                outcome.refused.append((str(path), "It was moved or replaced while the folder was being read."))
            except OSError as error:
                outcome.refused.append((str(path), f"It cannot be read: {error.strerror}."))
            report(outcome)
    return outcome


def _take_in(user: User, path: Path, file: BinaryIO, size: int, outcome: Outcome, batch: UUID, known: set[str]) -> None:
    """Raises DocumentError."""
    library.check_size(size)
    content = bookkeeping.fingerprint(file, owner_id=user.pk)
    source = bookkeeping.source_of(user, path)
    if source is not None and bookkeeping.is_newest(source.document, content):
        outcome.unchanged += 1
        outcome.documents.append(source.document_id)
        return
    here = bookkeeping.with_content(user, content)
    if here is not None and (source is None or here.pk != source.document_id):
        _know_again(here, path, content, known)
        outcome.duplicates += 1
        outcome.documents.append(here.pk)
        return
    upload = as_upload(file, path.name, size)
    try:
        if source is not None:
            library.replace(source.document, upload)
            document: Document = source.document
            outcome.changed += 1
        else:
            document = library.add(user, upload, batch=batch)
            bookkeeping.remember(document, path)
            outcome.added += 1
    except library.AlreadyHere as error:  # uploaded in the browser, in this moment
        outcome.duplicates += 1
        outcome.documents.append(error.document.pk)
        return
    except DocumentError as error:
        library.refused(user, upload, error)
        raise
    outcome.documents.append(document.pk)
    outcome.waiting.append(document.pk)


def _know_again(document: Document, path: Path, content: str, known: set[str]) -> None:
    """A document that was uploaded otherwise, or whose file was moved, is from now on the one of this path.

    One whose file still lies where it was has a copy here, and copies are passed over.
    """
    source = getattr(document, "source", None)
    moved = source is not None and source.path not in known and not Path(source.path).exists()
    if (source is None or moved) and bookkeeping.is_newest(document, content):
        bookkeeping.remember(document, path)


def as_upload(file: "BinaryIO | File[bytes]", name: str, size: int) -> "UploadedFile[bytes]":
    return UploadedFile(file, name, size=size)


@contextmanager
def filing(user: User, collection: Collection | None, documents: list[UUID]) -> Iterator[None]:
    """Puts all that is in `documents` by then into the collection, however the run ends."""
    try:
        yield
    finally:
        if collection is not None:
            for start in range(0, len(documents), _TOGETHER):
                keeping.put(user, documents[start : start + _TOGETHER], collection)
