"""Sealed files: AES-256-GCM in chunks, so that a part can be read without the rest, and nothing can be moved about.

    CSF1 | 32 bytes salt | chunk 0 | chunk 1 | … | last chunk

Each chunk holds 64 KiB of content (the last one less) and its tag. The file's own key is derived from the owner's,
the salt and the file's name. A chunk's nonce is its number and whether it is the last one (the STREAM construction of
Hoang, Reyhanitabar, Rogaway and Vizár): chunks cannot be left out, doubled, exchanged or taken from elsewhere, and a
file that was cut short has no last chunk.

Nothing here knows Django: the child that draws a page reads with `SealedReader` and the key of this one file.
"""

import io
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts.encryption.errors import Forged
from accounts.encryption.sealing import KEY_SIZE, derived

CHUNK: Final = 64 * 1024
_MAGIC: Final = b"CSF1"
_SALT: Final = 32
_HEAD: Final = len(_MAGIC) + _SALT
_TAG: Final = 16
_STORED: Final = CHUNK + _TAG
# Chunks of one reader that stay opened: a PDF is read in small steps, forth and back.
_KEPT: Final = 16


def sealed_parts(parts: Iterable[bytes], key: bytes, name: str) -> Iterator[bytes]:
    """The bytes of a sealed file with this content. `key` is the owner's for files, `name` where it will lie."""
    salt = os.urandom(_SALT)
    yield _MAGIC + salt
    cipher = AESGCM(_file_key(key, salt, name))
    number, held = 0, b""
    for part in parts:
        chunks, held = _whole_chunks(held + part)
        for chunk in chunks:
            yield cipher.encrypt(_nonce(number, is_last=False), chunk, None)
            number += 1
    yield cipher.encrypt(_nonce(number, is_last=True), held, None)


def file_key(file: IO[bytes], key: bytes, name: str) -> bytes:
    """The key of this one sealed file. Raises Forged for one that is none."""
    file.seek(0)
    head = file.read(_HEAD)
    if len(head) < _HEAD or not head.startswith(_MAGIC):
        raise Forged
    return _file_key(key, head[len(_MAGIC) :], name)


class SealedReader(io.RawIOBase):
    """The content of a sealed file, readable from any place. Closes the file beneath it with itself.

    Raises Forged at the first look at a chunk that is not what was stored there; a file that was cut short is refused
    at once.
    """

    def __init__(self, file: IO[bytes], key: bytes) -> None:
        """`key`: of this one file."""
        super().__init__()
        self._file = file
        self._cipher = AESGCM(key)
        self._opened: OrderedDict[int, bytes] = OrderedDict()
        self._at = 0
        stored = file.seek(0, io.SEEK_END) - _HEAD
        self._last = max(0, -(-stored // _STORED) - 1)
        self.size = stored - (self._last + 1) * _TAG
        if self.size < 0:
            raise Forged
        self._chunk(self._last)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if begin + offset < 0:
            raise ValueError("A place before the beginning.")
        self._at = begin + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self.size - self._at))
        done = 0
        while done < wanted:
            number, offset = divmod(self._at, CHUNK)
            part = memoryview(self._chunk(number))[offset : offset + wanted - done]
            view[done : done + len(part)] = part
            done += len(part)
            self._at += len(part)
        return done

    def readall(self) -> bytes:
        rest = bytearray(max(0, self.size - self._at))
        self.readinto(rest)
        return bytes(rest)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
            self._opened.clear()
        super().close()

    def _chunk(self, number: int) -> bytes:
        if (found := self._opened.get(number)) is not None:
            self._opened.move_to_end(number)
            return found
        self._file.seek(_HEAD + number * _STORED)
        try:
            opened = self._cipher.decrypt(_nonce(number, is_last=number == self._last), self._file.read(_STORED), None)
        except InvalidTag as error:
            raise Forged from error
        self._opened[number] = opened
        if len(self._opened) > _KEPT:
            self._opened.popitem(last=False)
        return opened


class SealedSpool(io.RawIOBase):
    """A temporary file: in memory while it is small, then without a name on disk and sealed under a key that only
    this object has. Written once from the beginning to the end, then read from any place.
    """

    def __init__(self, *, in_memory: int = 1024 * 1024, folder: Path | None = None) -> None:
        super().__init__()
        self._in_memory = in_memory
        self._folder = folder
        self._held = bytearray()
        self._sealed: _SealedTail | None = None
        self._reader: IO[bytes] | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return self._reader is None

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._reader is not None:
            raise io.UnsupportedOperation("It has been read; nothing is written after that.")
        part = memoryview(data).cast("B")
        self._held += part
        if self._sealed is None and len(self._held) > self._in_memory:
            self._sealed = _SealedTail(self._folder)
        if self._sealed is not None:
            chunks, rest = _whole_chunks(bytes(self._held))
            for chunk in chunks:
                self._sealed.add(chunk, is_last=False)
            self._held = bytearray(rest)
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._reading().seek(offset, whence)

    def tell(self) -> int:
        if self._reader is not None:
            return self._reader.tell()
        return len(self._held) + (self._sealed.chunks * CHUNK if self._sealed is not None else 0)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        part = self._reading().read(len(view))
        view[: len(part)] = part
        return len(part)

    def readall(self) -> bytes:
        return self._reading().read()

    @property
    def is_in_memory(self) -> bool:
        return self._sealed is None

    def close(self) -> None:
        if not self.closed:
            if self._reader is not None:
                self._reader.close()
            if self._sealed is not None:
                self._sealed.file.close()
            self._held.clear()
        super().close()

    def _reading(self) -> IO[bytes]:
        if self._reader is None:
            if self._sealed is None:
                self._reader = io.BytesIO(bytes(self._held))
            else:
                self._sealed.add(bytes(self._held), is_last=True)
                self._reader = self._sealed.reader()
            self._held.clear()
        return self._reader


class _SealedTail:
    """The part of a spool that is on disk."""

    def __init__(self, folder: Path | None) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by the spool
        self.file.write(bytes(_HEAD))
        self.chunks = 0
        self._key = os.urandom(KEY_SIZE)
        self._cipher = AESGCM(self._key)

    def add(self, chunk: bytes | memoryview, *, is_last: bool) -> None:
        view = memoryview(self._cipher.encrypt(_nonce(self.chunks, is_last=is_last), chunk, None))
        while view:
            view = view[self.file.write(view) :]
        self.chunks += 1

    def reader(self) -> IO[bytes]:
        reader: Any = SealedReader(self.file, self._key)
        return reader  # type: ignore[no-any-return]  # a raw reader is no IO to type checkers


def _whole_chunks(data: bytes) -> tuple[list[memoryview], bytes]:
    """Its full chunks, and what remains. One is held back: only at the end it is known to be the last."""
    view = memoryview(data)
    whole = max(0, len(data) - 1) // CHUNK * CHUNK
    return [view[begin : begin + CHUNK] for begin in range(0, whole, CHUNK)], data[whole:]


def _file_key(key: bytes, salt: bytes, name: str) -> bytes:
    return derived(key, f"file:{name}", salt=salt)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if is_last else b"\x00")
