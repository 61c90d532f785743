"""The process that children are forked from: it has loaded what readers need, and has never seen a file itself.

    python -m documents.reading.nursery FD light|heavy

Jobs come over the socket FD: JSON, with the file and the write end of a pipe attached. One at a time: a fork, the
child's messages on the pipe, and, after the child ended, how it ended. Loading `unstructured` takes seconds and
175 MB, so only the heavy nursery does, once, for the first file that needs it.
"""

import contextlib
import json
import os
import resource
import socket
import sys
from typing import Any

from documents.errors import CorruptFile, DocumentError, ParserMemory
from documents.reading import confine, formats
from documents.reading.frames import write_frame
from documents.reading.limits import Limits
from documents.reading.pages import to_payload
from documents.sniffing import Kind

# A nursery that nobody wants any more gives its memory back.
_IDLE_SECONDS = 900


def main(descriptor: int, weight: str) -> None:
    channel = socket.socket(fileno=descriptor)
    channel.settimeout(_IDLE_SECONDS)
    confine.cut_network()
    confine.die_with_parent()
    formats.load(weight)
    while True:
        try:
            message, files, _, _ = socket.recv_fds(channel, 65536, 2)
        except TimeoutError:
            return
        if not message:
            return
        source, pipe = files
        _raise(json.loads(message), source, pipe, channel)


def _raise(job: dict[str, Any], source: int, pipe: int, channel: socket.socket) -> None:
    child = os.fork()
    if child == 0:
        channel.close()
        _live(job, source, pipe)
    os.close(source)
    _, status, usage = os.wait4(child, 0)
    # A broken pipe: the worker has given this job up.
    with contextlib.suppress(BrokenPipeError):
        write_frame(pipe, {"type": "exit", "code": os.waitstatus_to_exitcode(status), "peak_kb": usage.ru_maxrss})
    os.close(pipe)


def _live(job: dict[str, Any], source: int, pipe: int) -> None:
    """The child's life, ending the process. What is no domain error ends it loudly, with a traceback in the log."""
    code = 1
    try:
        os.setsid()
        confine.die_with_parent()
        limits = Limits(**job["limits"])
        write_frame(pipe, {"type": "born", "pid": os.getpid(), "base_kb": _peak()})
        confine.drop_privileges()
        confine.limit(limits)
        _read(job, source, pipe, limits)
        code = 0
    except BrokenPipeError:
        code = 0
    except Exception:  # noqa: BLE001 - the outermost frame of a process: the report of it is the exit code
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _read(job: dict[str, Any], source: int, pipe: int, limits: Limits) -> None:
    try:
        for event in formats.read(Kind(job["kind"]), f"/dev/fd/{source}", job["options"], limits):
            write_frame(pipe, event if isinstance(event, dict) else to_payload(event))
    except MemoryError:
        failure: DocumentError = ParserMemory()
    except RecursionError:
        failure = CorruptFile("The parts of this file are nested too deeply to be read.", detail="RecursionError")
    except DocumentError as error:
        failure = error
    else:
        write_frame(pipe, {"type": "end"})
        return
    write_frame(pipe, {"type": "error", "code": failure.code, "text": failure.text, "detail": failure.detail[:2000]})


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
