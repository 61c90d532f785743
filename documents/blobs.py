"""Where the bytes of files lie: in the default storage, under random keys.

This module is the only one that touches them, so another storage (S3) or encryption changes nothing else. A blob is
written once, appears whole or not at all, and is never changed.
"""

import hashlib
import os
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO

from django.core.files.base import File
from django.core.files.storage import default_storage

from documents.errors import TooLarge

# Half-written files, beside the finished ones so that a rename moves them. Never a key.
_INCOMING = ".incoming"
_STEP = 256 * 1024


@dataclass(frozen=True)
class Blob:
    key: str
    sha256: str
    size: int


def store(file: "File[bytes] | BinaryIO", *, at_most: int | None = None) -> Blob:
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
    _write(key, measured())
    return Blob(key=key, sha256=digest.hexdigest(), size=size)


def put(key: str, content: bytes) -> None:
    """Keep something derived (the picture of a page) under a key of the caller's making; the last writer wins."""
    _write(key, [content])


def open_blob(key: str) -> IO[bytes]:
    """Raises FileNotFoundError."""
    return default_storage.open(key, "rb")


@contextmanager
def local_path(key: str) -> Iterator[Path]:
    """A file that a program of its own can read. It may be gone after the block, so do not keep the path."""
    if _root() is not None:
        path = Path(default_storage.path(key))
        if not path.is_file():
            raise FileNotFoundError(key)
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="chatsite-") as copy:
        with default_storage.open(key, "rb") as source:
            shutil.copyfileobj(source, copy, _STEP)
        copy.flush()
        yield Path(copy.name)


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
