"""Files of Office before 2007: named streams in one file, each in records of a few bytes' head."""

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

import olefile

from documents.errors import CorruptFile, TooLarge
from documents.reading.limits import MEGABYTE

_LARGEST = 100 * MEGABYTE


class Streams:
    """Raises CorruptFile, also for a stream that is not there."""

    def __init__(self, data: bytes) -> None:
        # What olefile makes of broken directories is not documented.
        try:
            self._file = olefile.OleFileIO(io.BytesIO(data))
        except Exception as error:
            raise CorruptFile(detail=type(error).__name__) from error

    def has(self, name: str) -> bool:
        return bool(self._file.exists(name))

    def read(self, name: str) -> bytes:
        try:
            with self._file.openstream(name) as stream:
                content = bytes(stream.read(_LARGEST + 1))
        except Exception as error:
            raise CorruptFile(detail=f"{name}: {type(error).__name__}") from error
        if len(content) > _LARGEST:
            raise TooLarge
        return content


class Record(NamedTuple):
    kind: int
    instance: int
    is_container: bool
    start: int
    end: int


def records(data: bytes, start: int, end: int) -> Iterator[Record]:
    """Those that stand side by side in a range. Ends where they stop making sense."""
    end = min(end, len(data))
    while start + 8 <= end:
        head, kind, length = struct.unpack_from("<HHI", data, start)
        if start + 8 + length > end:
            return
        yield Record(kind, head >> 4, head & 0xF == 0xF, start + 8, start + 8 + length)
        start += 8 + length


def number(data: bytes, at: int) -> int:
    """Of four bytes. Raises CorruptFile."""
    if not 0 <= at <= len(data) - 4:
        raise CorruptFile(detail="offset")
    return int(struct.unpack_from("<I", data, at)[0])
