"""The archive of an export: a ZIP that is made, sealed and stored in one pass, in little memory."""

import io
import re
import time
import unicodedata
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import IO, Any
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage

from accounts.encryption import keys
from accounts.encryption.files import SealedReader, file_key, sealed_parts
from accounts.rights.holdings import Entry

_STEP = 256 * 1024
_LONGEST_PART = 100
# What some system forbids in a name, and what would change the direction of the text.
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")


def store(entries: Iterable[Entry], *, owner_id: UUID) -> tuple[str, int]:
    """Where the archive lies now, and how many bytes it has."""
    name = uuid.uuid4().hex
    key = f"exports/{name[:2]}/{name}"
    size = 0

    def measured() -> Iterator[bytes]:
        nonlocal size
        for part in _zipped(entries):
            size += len(part)
            yield part

    parts = sealed_parts(measured(), keys.of(owner_id, make=True).files, key)
    try:
        return default_storage.save(key, _Made(parts)), size
    except BaseException:
        with suppress(OSError):
            default_storage.delete(key)
        raise


def open_archive(key: str, *, owner_id: UUID) -> IO[bytes]:
    """Raises FileNotFoundError, and a SealingError for a file that is not what was stored."""
    file = default_storage.open(key, "rb")
    try:
        reader: Any = SealedReader(file, file_key(file, keys.of(owner_id).files, key))
    except BaseException:
        file.close()
        raise
    return reader  # type: ignore[no-any-return]  # a raw reader is no IO to type checkers


def delete(key: str) -> None:
    if key:
        default_storage.delete(key)


class _Made(File):  # type: ignore[type-arg]
    """What a storage saves: bytes that come one after the other."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        super().__init__(None, name="export")
        self._parts = parts

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:  # noqa: ARG002 - Django's signature
        return self._parts


class _Pipe(io.RawIOBase):
    """Takes what zipfile writes until it is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def take(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


def _zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    pipe, taken = _Pipe(), set[str]()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            info = zipfile.ZipInfo(unique(safe_path(entry.path), taken), time.localtime()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as out:
                for part in _content(entry):
                    out.write(part)
                    yield pipe.take()
            yield pipe.take()
    yield pipe.take()


def _content(entry: Entry) -> Iterator[bytes]:
    if isinstance(entry.content, bytes):
        yield entry.content
        return
    with entry.content() as file:
        while part := file.read(_STEP):
            yield part


def safe_path(path: str) -> str:
    """A path that no system takes for another place, a device or a hidden file, whatever was typed as a name."""
    parts = []
    for part in PurePosixPath(unicodedata.normalize("NFC", path)).parts:
        if part == "/":
            continue
        clean = _UNFIT.sub("_", part).replace("/", "_").strip(" .")
        if _DEVICES.match(clean):
            clean = f"_{clean}"
        if clean:
            parts.append(_shortened(clean))
    return "/".join(parts) or "unnamed"


def _shortened(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > 10:
        return name[:_LONGEST_PART].strip(" .")
    return f"{stem[: _LONGEST_PART - len(extension)].strip(' .')}{dot}{extension}"


def unique(path: str, taken: set[str]) -> str:
    """Also on systems where large and small letters are the same."""
    found, number = path, 1
    place = PurePosixPath(path)
    while found.casefold() in taken:
        number += 1
        found = str(place.with_name(f"{place.stem} ({number}){place.suffix}"))
    taken.add(found.casefold())
    return found
