"""Messages over a pipe: a little JSON, and bytes as they are. Never pickle: the sender read a stranger's file.

The JSON is kept small, because a hostile megabyte of it becomes a hundred when it is parsed; what can be large (the
text of a page, the boxes of its words, a picture) goes beside it.
"""

import json
import os
import select
import struct
import time
from typing import Any, NamedTuple

from documents.reading.limits import MEGABYTE
from documents.reading.pages import BadReport

_HEAD = struct.Struct(">II")
_LARGEST_PAYLOAD = 2 * MEGABYTE
_LARGEST_BLOB = 32 * MEGABYTE
# From a worker to a nursery: end the child, nobody wants it any more.
STOP = b"stop"


class Silence(Exception):
    """Nothing came in the given time."""


class Frame(NamedTuple):
    payload: dict[str, Any]
    blob: bytes


def write_frame(pipe: int, payload: Any, blob: bytes = b"") -> None:
    """Blocks while the reader is busy, which is what bounds the memory of both sides."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    data = memoryview(_HEAD.pack(len(body), len(blob)) + body + blob)
    while data:
        data = data[os.write(pipe, data) :]


class FrameReader:
    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._poll = select.poll()
        self._poll.register(pipe, select.POLLIN)

    def read(self, *, before: float) -> Frame | None:
        """The next message, or None at the end. `before` is on time.monotonic(). Raises Silence and BadReport."""
        head = self._take(_HEAD.size, before)
        if not head:
            return None
        if len(head) < _HEAD.size:
            raise BadReport("half a message")
        length, blob_length = _HEAD.unpack(head)
        if length > _LARGEST_PAYLOAD or blob_length > _LARGEST_BLOB:
            raise BadReport(f"a message of {length} and {blob_length} bytes")
        body, blob = self._take(length, before), self._take(blob_length, before)
        if len(body) + len(blob) < length + blob_length:
            raise BadReport("half a message")
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise BadReport("not JSON") from error
        if not isinstance(payload, dict):
            raise BadReport("not an object")
        return Frame(payload, blob)

    def _take(self, count: int, before: float) -> bytes:
        """Exactly `count` bytes; fewer (even none) only where the pipe ended."""
        parts = bytearray()
        while len(parts) < count:
            if not self._poll.poll(max(0.0, before - time.monotonic()) * 1000):
                raise Silence
            part = os.read(self._pipe, min(count - len(parts), 1 << 20))
            if not part:
                break
            parts += part
        return bytes(parts)
