"""Messages over a pipe: a length in four bytes, then JSON. Never pickle: the sender read a stranger's file."""

import json
import os
import select
import struct
import time
from typing import Any

from documents.reading.pages import BadReport

_LENGTH = struct.Struct(">I")


class Silence(Exception):
    """Nothing came in the given time."""


def write_frame(pipe: int, payload: Any) -> None:
    """Blocks while the reader is busy, which is what bounds the memory of both sides."""
    body = json.dumps(payload, ensure_ascii=True, separators=(",", ":")).encode()
    data = memoryview(_LENGTH.pack(len(body)) + body)
    while data:
        data = data[os.write(pipe, data) :]


class FrameReader:
    def __init__(self, pipe: int, *, largest: int) -> None:
        self._pipe = pipe
        self._largest = largest

    def read(self, *, before: float) -> dict[str, Any] | None:
        """The next message, or None at the end. `before` is on time.monotonic(). Raises Silence and BadReport."""
        head = self._take(_LENGTH.size, before)
        if not head:
            return None
        (length,) = _LENGTH.unpack(head)
        if length > self._largest:
            raise BadReport(f"a message of {length} bytes")
        body = self._take(length, before)
        try:
            payload = json.loads(body)
        except ValueError as error:
            raise BadReport("not JSON") from error
        if not isinstance(payload, dict):
            raise BadReport("not an object")
        return payload

    def _take(self, count: int, before: float) -> bytes:
        """Exactly `count` bytes; fewer (even none) only where the pipe ended."""
        parts = bytearray()
        while len(parts) < count:
            ready, _, _ = select.select([self._pipe], [], [], max(0.0, before - time.monotonic()))
            if not ready:
                raise Silence
            part = os.read(self._pipe, min(count - len(parts), 1 << 20))
            if not part:
                break
            parts += part
        return bytes(parts)
