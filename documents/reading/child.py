"""The process that reads one stranger's file, and may do nothing else. Whatever it says is checked by its hearer."""

import os
import sys
import time
import traceback
from typing import NoReturn

from documents.errors import CorruptFile, DocumentError, ParserMemory
from documents.reading import confine, formats
from documents.reading.bounds import NESTED
from documents.reading.frames import FrameReader, write_frame
from documents.reading.limits import Limits
from documents.reading.pages import ReadPage, to_payload
from documents.sniffing import Kind

# Of an error's story, as much as goes into a log.
_DETAIL = 2000


class Asking:
    """The child's end of the way to its keeper."""

    def __init__(self, requests: int, replies: int) -> None:
        self.descriptors = (requests, replies)
        self._requests = requests
        self._replies = FrameReader(replies)

    def recognise(self, picture: bytes, resolution: int) -> str | None:
        write_frame(self._requests, {"resolution": resolution}, picture)
        # The keeper minds the time.
        frame = self._replies.read(before=time.monotonic() + 3600)
        return frame.blob.decode() if frame is not None and frame.payload["done"] else None


def live(kind: str, source: int, pipe: int, asking: Asking, limits: Limits, password: str = "") -> NoReturn:
    code = 1
    try:
        confine.die_with_parent()
        confine.keep_descriptors((source, pipe, *asking.descriptors))
        write_frame(pipe, {"type": "born"})
        confine.limit(memory=limits.memory, cpu=limits.cpu)
        confine.close_for_reading(source)
        _read(Kind(kind), source, pipe, formats.Tools(asking.recognise, password=password), limits)
        code = 0
    except BrokenPipeError:
        code = 0  # the worker has given this job up
    except Exception:  # noqa: BLE001 - the outermost frame of a process
        _complain(pipe)
    finally:
        os._exit(code)


def _read(kind: Kind, source: int, pipe: int, tools: formats.Tools, limits: Limits) -> None:
    try:
        for event in formats.read(kind, formats.Source(f"/proc/self/fd/{source}"), tools, limits):
            if isinstance(event, ReadPage):
                write_frame(pipe, *to_payload(event))
            elif isinstance(event, formats.Part):
                _send_part(event, pipe, limits.piece)
            else:
                write_frame(pipe, event)
    except MemoryError:
        failure: DocumentError = ParserMemory()
    except RecursionError:
        failure = CorruptFile(NESTED, detail="RecursionError")
    except DocumentError as error:
        failure = error
    else:
        write_frame(pipe, {"type": "end"})
        return
    write_frame(pipe, {"type": "error", "code": failure.code, "text": failure.text, "detail": failure.detail[:_DETAIL]})


def _send_part(part: formats.Part, pipe: int, piece: int) -> None:
    content = memoryview(part.content)
    for start in range(0, max(1, len(content)), piece):
        more = start + piece < len(content)
        write_frame(
            pipe, {"type": "part", "name": part.name[:1000], "more": more}, bytes(content[start : start + piece])
        )


def _complain(pipe: int) -> None:
    """An error of ours, or of a library: where it happened, for the log. Not its words: they may quote the file."""
    kind, _, trace = sys.exc_info()
    story = "".join(traceback.format_tb(trace))
    write_frame(pipe, {"type": "crash", "detail": f"{kind.__name__ if kind else ''} {story[-_DETAIL:]}"})
