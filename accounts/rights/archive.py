"""The archive of an export: a ZIP that is made, sealed and stored in one pass, in little memory."""

import io
import re
import time
import unicodedata
import uuid
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta
from pathlib import PurePosixPath
from typing import IO, Any
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.encryption import keys
from accounts.encryption.errors import Forged
from accounts.encryption.files import SealedReader, file_key, sealed_parts
from accounts.rights.holdings import Entry
from accounts.unseen import UNSEEN

_FOLDER = "exports"
# Tells what the archive ought to hold and does not.
LEFT_OUT = "not-in-this-copy.txt"
# A file is written before its row names it: a young one may still get its row.
_YOUNG = timedelta(days=1)
_STEP = 256 * 1024
_LONGEST_PART = 100
# What some system forbids in a name, and what would change the direction of the text.
_UNFIT = re.compile(rf'[{UNSEEN}<>:"|?*\\]')
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")


def store(
    entries: Iterable[Entry], *, owner_id: UUID, check: Callable[[], None] = lambda: None, folder: str = _FOLDER
) -> tuple[str, int]:
    """Where the archive lies now, and how many bytes it has. `check` is called every now and then; what it raises ends
    the work, and nothing is left."""
    return store_parts(_zipped(entries), owner_id=owner_id, check=check, folder=folder)


def store_parts(
    parts: Iterable[bytes], *, owner_id: UUID, folder: str, check: Callable[[], None] = lambda: None
) -> tuple[str, int]:
    """The same for any other file, made in one pass."""
    name = uuid.uuid4().hex
    key = f"{folder}/{name[:2]}/{name}"
    size = 0

    def measured() -> Iterator[bytes]:
        nonlocal size
        for part in parts:
            check()
            size += len(part)
            yield part

    sealed = sealed_parts(measured(), keys.of(owner_id, make=True).files, key)
    try:
        return default_storage.save(key, _Made(sealed)), size
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


def sweep(is_named: Callable[[str], bool], *, folder: str = _FOLDER) -> int:
    """Delete what a kill left of an archive that was being made: old, and named by no request. How many there were."""
    before, deleted = timezone.now() - _YOUNG, 0
    for key in list(_stored(folder)):
        with suppress(FileNotFoundError):
            if default_storage.get_modified_time(key) < before and not is_named(key):
                default_storage.delete(key)
                deleted += 1
    return deleted


def _stored(top: str) -> Iterator[str]:
    with suppress(FileNotFoundError):
        for folder in default_storage.listdir(top)[0]:
            yield from (f"{top}/{folder}/{name}" for name in default_storage.listdir(f"{top}/{folder}")[1])


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
    pipe, taken, left_out = _Pipe(), dict[str, int](), list[str]()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            path = unique(safe_path(entry.path), taken)
            try:
                for _ in _packed(archive, path, entry):
                    yield pipe.take()
            except (FileNotFoundError, Forged) as error:
                left_out.append(f"{path}: {'its file is missing' if isinstance(error, OSError) else 'it is damaged'}")
            yield pipe.take()
        if left_out:
            lines = ["This could not be read where it is stored. Everything else is here.", "", *left_out, ""]
            archive.writestr(unique(LEFT_OUT, taken), "\n".join(lines))
    yield pipe.take()


def _packed(archive: zipfile.ZipFile, path: str, entry: Entry) -> Generator[None, None, None]:
    """Comes back after every part. What cannot be read from the beginning on gets no place in the archive."""
    with _opened(entry) as file:
        part = file.read(_STEP)
        info = zipfile.ZipInfo(path, time.localtime()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w", force_zip64=True) as out:
            while part:
                out.write(part)
                yield
                part = file.read(_STEP)


def _opened(entry: Entry) -> AbstractContextManager[IO[bytes]]:
    return nullcontext(io.BytesIO(entry.content)) if isinstance(entry.content, bytes) else entry.content()


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


def unique(path: str, taken: dict[str, int]) -> str:
    """Also on systems where large and small letters are the same. `taken`: {path: the last number given for it}."""
    found, place = path, PurePosixPath(path)
    number = taken.get(path.casefold(), 0) or 1
    while found.casefold() in taken:
        number += 1
        found = str(place.with_name(f"{place.stem} ({number}){place.suffix}"))
    taken[path.casefold()] = number
    taken.setdefault(found.casefold(), 1)
    return found
