"""Where the bytes of files lie: in the default storage, under random keys, sealed with their owner's key.

This module is the only one that touches them, so another storage (S3) changes nothing else. A blob is written once,
appears whole or not at all, and is never changed. Nothing of it is ever on a disk in plain (docs/security.md).
"""

import fcntl
import hashlib
import os
import secrets
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, BinaryIO
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage

from accounts.encryption import keys
from accounts.encryption.fields import keyed_hash
from accounts.encryption.files import SealedReader, file_key, sealed_parts
from documents.errors import TooLarge

# Half-written files, beside the finished ones so that a rename moves them. Never a key.
_INCOMING = ".incoming"
_STEP = 256 * 1024


# Nobody may change what a child reads from memory.
_MEMORY_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@dataclass(frozen=True)
class Blob:
    """`fingerprint` tells an owner's equal files, and says nothing about a file to anybody without the key."""

    key: str
    fingerprint: str
    size: int


def store(file: "File[bytes] | BinaryIO", *, owner_id: UUID, at_most: int | None = None) -> Blob:
    """Keep the content under a new random key. Raises TooLarge once more than `at_most` bytes have come.

    The key says nothing about the file: a name chosen by a person must never reach the file system.
    """
    digest = hashlib.sha256()
    size = 0

    def measured() -> Iterator[bytes]:
        nonlocal size
        for part in _parts(file):
            size += len(part)
            if at_most is not None and size > at_most:
                raise TooLarge
            digest.update(part)
            yield part

    name = uuid.uuid4().hex
    key = f"{name[:2]}/{name[2:4]}/{name}"
    _write(key, sealed_parts(measured(), _file_keys(owner_id, make=True), key))
    return Blob(key=key, fingerprint=keyed_hash(owner_id, "content", digest.digest()).hex(), size=size)


def put(key: str, content: bytes, *, owner_id: UUID) -> None:
    """Keep something derived (the picture of a page) under a key of the caller's making; the last writer wins."""
    _write(key, sealed_parts([content], _file_keys(owner_id, make=True), key))


def open_blob(key: str, *, owner_id: UUID) -> IO[bytes]:
    """From any place in it, without opening the rest. Raises FileNotFoundError and SealingErrors."""
    file = default_storage.open(key, "rb")
    try:
        reader: Any = SealedReader(file, file_key(file, _file_keys(owner_id), key))
    except BaseException:
        file.close()
        raise
    return reader  # type: ignore[no-any-return]  # a raw reader is no IO to type checkers


@contextmanager
def in_memory(key: str, *, owner_id: UUID) -> Iterator[Path]:
    """The content as a file without a disk, at a path of this process. Its open file can be given to a child.

    Raises FileNotFoundError. Takes as much memory as the file has bytes.
    """
    descriptor = os.memfd_create("chatsite", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open_blob(key, owner_id=owner_id) as file:
            while part := memoryview(file.read(_STEP)):
                while part:
                    part = part[os.write(descriptor, part) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _MEMORY_SEALS)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class SealedFile:
    """A stored file as it lies there, open for reading, and the key of this one file."""

    descriptor: int
    key: bytes


@contextmanager
def sealed(key: str, *, owner_id: UUID) -> Iterator[SealedFile]:
    """For a child that opens parts of it by itself (accounts.encryption.files). Raises FileNotFoundError."""
    with default_storage.open(key, "rb") as file:
        own = file_key(file, _file_keys(owner_id), key)
        if _root() is not None:
            yield SealedFile(file.fileno(), own)
            return
        with tempfile.TemporaryFile() as copy:
            file.seek(0)
            while part := file.read(_STEP):
                copy.write(part)
            copy.flush()
            yield SealedFile(copy.fileno(), own)


def delete(key: str) -> None:
    """Deleting what is not there is no error: a job that runs twice ends the same."""
    default_storage.delete(key)


def delete_folder(prefix: str) -> None:
    """Every blob directly under a prefix that was used with `put`."""
    try:
        _, names = default_storage.listdir(prefix)
    except FileNotFoundError:
        return
    for name in names:
        default_storage.delete(f"{prefix}/{name}")
    if _root() is not None:
        default_storage.delete(prefix)


def older_than(moment: datetime) -> Iterator[str]:
    """Keys of everything stored that was written before `moment`, half-written files too."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            inside, names = default_storage.listdir(folder)
        except FileNotFoundError:
            continue
        folders += [f"{folder}/{name}".lstrip("/") for name in inside]
        for name in names:
            key = f"{folder}/{name}".lstrip("/")
            try:
                if default_storage.get_modified_time(key) < moment:
                    yield key
            except FileNotFoundError:
                continue


def _file_keys(owner_id: UUID, *, make: bool = False) -> bytes:
    return keys.of(owner_id, make=make).files


def _parts(file: "File[bytes] | BinaryIO") -> Iterator[bytes]:
    if isinstance(file, File):
        yield from file.chunks(_STEP)
        return
    while part := file.read(_STEP):
        yield part


def _root() -> Path | None:
    """The folder of a storage on this host, None for one that is elsewhere."""
    try:
        return Path(default_storage.path(""))
    except NotImplementedError:
        return None


def _write(key: str, parts: Iterable[bytes]) -> None:
    root = _root()
    folder = root / _INCOMING if root is not None else Path(tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    incoming = folder / secrets.token_hex(16)
    try:
        with _created(incoming) as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if root is not None:
            _move(incoming, Path(default_storage.path(key)))
        else:
            with incoming.open("rb") as file:
                default_storage.save(key, File(file))
    finally:
        incoming.unlink(missing_ok=True)


def _created(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _move(source: Path, target: Path) -> None:
    """Atomic, and on disk when it returns: the row that names this blob may be committed in the next moment."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    source.replace(target)
    for folder in (target.parent, target.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
