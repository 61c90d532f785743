"""The keeper of one child: forks it, runs the programs that it asks for, and tells how it ended.

It never sees the stranger's file. Where children have a table of processes of their own it is the first of it, so that
whatever the child could start ends with it.
"""

import json
import os
import resource
import select
import signal
import time
from contextlib import suppress
from typing import Any, Final, TypedDict

from documents.reading import child, confine, programs
from documents.reading.frames import FrameReader, Silence, write_frame
from documents.reading.limits import Limits
from documents.reading.pages import BadReport

# Seconds for a request to come whole, once it has begun.
_REQUEST: Final = 10.0
# Seconds between two looks at a child, on kernels that do not tell when it ends.
_LOOK_EVERY: Final = 0.05
# So that a web page is not slower because a file is read.
_NICENESS: Final = 5


class Ending(TypedDict):
    """`code` as in subprocess. `grown_kb` is what the child took beyond what it began with; `cpu` is in seconds."""

    code: int
    grown_kb: int
    cpu: float


def keep(job: dict[str, Any], source: int, pipe: int, status: int) -> None:
    """The life of this process. `status` is a pipe that the Ending is written to."""
    os.setsid()
    confine.die_with_parent()
    confine.drop_privileges()
    os.nice(_NICENESS)
    limits = Limits(**job["limits"])
    requests, asking = os.pipe()
    hearing, replies = os.pipe()
    base_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pid = os.fork()
    if pid == 0:
        child.live(
            job["kind"], source, pipe, child.Asking(asking, hearing), limits, str(job["options"].get("password", ""))
        )
    for descriptor in (source, pipe, asking, hearing):
        os.close(descriptor)
    code, usage = _Keeper(pid, job["options"], requests, replies, limits).serve()
    ending: Ending = {
        "code": code,
        "grown_kb": usage.ru_maxrss - base_kb,
        "cpu": usage.ru_utime + usage.ru_stime,
    }
    os.write(status, json.dumps(ending).encode())


class _Keeper:
    def __init__(self, pid: int, options: dict[str, Any], requests: int, replies: int, limits: Limits) -> None:
        self._pid = pid
        self._languages = str(options.get("languages", "eng"))
        self._requests = requests
        self._replies = replies
        self._limits = limits
        self._frames = FrameReader(requests)
        self._recognised = 0

    def serve(self) -> tuple[int, resource.struct_rusage]:
        """Until the child ends: its exit code, and what it took."""
        poll = select.poll()
        poll.register(self._requests, select.POLLIN)
        end = pidfd(self._pid)
        if end is not None:
            poll.register(end, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(None if end is not None else _LOOK_EVERY * 1000)}
            if self._requests in ready and not self._is_answered():
                # It ends, or says what no child says.
                poll.unregister(self._requests)
                if end is None:
                    time.sleep(_LOOK_EVERY)
            if end is None or end in ready:
                pid, code, usage = os.wait4(self._pid, os.WNOHANG)
                if pid:
                    return os.waitstatus_to_exitcode(code), usage

    def _is_answered(self) -> bool:
        """False: there is nothing more to answer."""
        try:
            frame = self._frames.read(before=time.monotonic() + _REQUEST)
            if frame is None:
                return False
            table = self._recognise(frame.blob, frame.payload.get("resolution"))
            write_frame(self._replies, {"done": table is not None}, (table or "").encode())
        except BrokenPipeError:
            return False
        except (BadReport, Silence):
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            return False
        return True

    def _recognise(self, picture: bytes, resolution: object) -> str | None:
        self._recognised += 1
        if self._recognised > self._limits.recognised_pages or not isinstance(resolution, int):
            return None
        return programs.tesseract(picture, resolution=resolution, languages=self._languages, limits=self._limits)


def pidfd(pid: int) -> int | None:
    """A descriptor that can be read from once the process has ended. None where the kernel is older than that."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
