"""ZIP archives, and the formats that are made of them. What comes out is counted, whatever the directory promises."""

import io
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, Final

from documents.errors import CorruptFile, EncryptedFile, TooLarge
from documents.reading.limits import MEGABYTE

_STEP: Final = 1 << 20
# Where a member says where it came from.
_UNIX: Final = 3
_ENCRYPTED: Final = 0x1


@dataclass
class Budget:
    """What an upload may unpack to, together with the archives inside it."""

    total: int = 300 * MEGABYTE
    largest: int = 100 * MEGABYTE
    members: int = 10_000
    # Archives within archives.
    depth: int = 2

    def spend(self, size: int) -> None:
        self.total -= size
        if self.total < 0:
            raise TooLarge("This file unpacks to more than can be taken in at once.")

    def count(self, members: int) -> None:
        self.members -= members
        if self.members < 0:
            raise TooLarge("This file holds more parts than can be taken in at once. Split it into smaller files.")


@dataclass(frozen=True, slots=True)
class Member:
    """`path` is inside the archive, whatever its maker wrote; use it as a title, and never as a file's name."""

    path: PurePosixPath
    info: zipfile.ZipInfo


class Archive:
    """Raises CorruptFile if it is none, and TooLarge."""

    def __init__(self, file: IO[bytes], budget: Budget, *, depth: int = 0) -> None:
        self._budget = budget
        self._depth = depth
        if depth > budget.depth:
            raise TooLarge("This archive holds archives within archives, deeper than can be taken in. Unpack it first.")
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as error:
            raise CorruptFile(detail=f"{type(error).__name__}: {error}") from error
        budget.count(len(self._zip.infolist()))

    def members(self) -> Iterator[Member]:
        """Files only. One whose name leads out of the archive has the rest of that name; links lead nowhere."""
        for info in self._zip.infolist():
            path = inside(info.filename)
            if path is not None and not info.is_dir() and not _is_link(info):
                yield Member(path, info)

    def read(self, member: Member) -> bytes:
        """Raises CorruptFile (also where its content is not what its checksum promises), EncryptedFile, TooLarge.

        After TooLarge there is no use in going on; after the others the next member can be read.
        """
        if member.info.flag_bits & _ENCRYPTED:
            raise EncryptedFile(detail=str(member.path))
        content = bytearray()
        try:
            with self._zip.open(member.info) as stream:
                while piece := stream.read(_STEP):
                    self._budget.spend(len(piece))
                    content += piece
                    if len(content) > self._budget.largest:
                        raise TooLarge("A part of this file unpacks to more than can be taken in at once.")
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise CorruptFile(detail=f"{member.path}: {type(error).__name__}: {error}") from error
        return bytes(content)

    @contextmanager
    def stream(self, member: Member) -> Iterator[IO[bytes]]:
        """The same for a member that is read in steps and never held whole. Reading raises what `read` does."""
        if member.info.flag_bits & _ENCRYPTED:
            raise EncryptedFile(detail=str(member.path))
        try:
            with self._zip.open(member.info) as content:
                yield io.BufferedReader(_Counted(content, self._budget), _STEP)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise CorruptFile(detail=f"{member.path}: {type(error).__name__}: {error}") from error

    def inner(self, content: bytes) -> "Archive":
        """A member that is an archive itself: one step deeper, on the same account. Raises as the outer one does."""
        return Archive(io.BytesIO(content), self._budget, depth=self._depth + 1)


class _Counted(io.RawIOBase):
    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        super().__init__()
        self._file, self._budget = file, budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._file.read(len(buffer))
        self._budget.spend(len(piece))
        buffer[: len(piece)] = piece
        return len(piece)


def inside(name: str) -> PurePosixPath | None:
    """A member's name without what leads elsewhere: roots, drives, "..", and characters that are not shown."""
    shown = "".join(c for c in name.replace("\\", "/") if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    parts = [part.strip() for part in shown.split("/")]
    kept = [part for part in parts if part.strip(".") and not part.endswith(":")]
    return PurePosixPath(*kept) if kept else None


def _is_link(info: zipfile.ZipInfo) -> bool:
    return info.create_system == _UNIX and stat.S_ISLNK(info.external_attr >> 16)
