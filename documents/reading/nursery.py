"""The process that children are forked from: it has loaded what readers need, and has never seen a file itself.

    python -m documents.reading.nursery FD light|heavy

Jobs come over the socket FD: JSON, with the file and the write end of a pipe attached. One at a time: it forks a
keeper, which forks the child; the child's messages go to the pipe, and how it ended comes back over the socket. "stop"
ends the child before that. Loading `unstructured` takes seconds and 175 MB, so only the heavy nursery does, once, for
the first file that needs it.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from documents.reading import confine, formats, keeper
from documents.reading.formats import trifles
from documents.reading.frames import STOP
from documents.reading.kernel import namespaces

# A nursery that nobody wants any more gives its memory back.
_IDLE_SECONDS = 900
_LOOK_EVERY = 0.05


def main(descriptor: int, weight: str) -> None:
    has_own_processes = namespaces.leave(processes=True)
    confine.die_with_parent()
    if has_own_processes:
        # The next process is the first of a new table, and this one stays outside. Its child is the nursery: a keeper
        # will be the first of its table too, and some libraries know that they were forked only by another number.
        for _ in range(2):
            if pid := os.fork():
                os.close(descriptor)
                os.waitpid(pid, 0)
                return
            confine.die_with_parent()
    confine.adopt_orphans()
    formats.load(weight)
    trifles.read_all(weight)
    # What is there for good need not be looked at, nor copied, in every child.
    gc.collect()
    gc.freeze()
    _Nursery(socket.socket(fileno=descriptor), namespaces.Processes() if has_own_processes else None).work()


class _Nursery:
    def __init__(self, channel: socket.socket, processes: namespaces.Processes | None) -> None:
        self._channel = channel
        self._processes = processes

    def work(self) -> None:
        """Until nobody sends anything for long, or the worker is gone."""
        while True:
            self._channel.settimeout(_IDLE_SECONDS)
            try:
                message, files, _, _ = socket.recv_fds(self._channel, 65536, 2)
            except TimeoutError:
                return
            if not message:
                return
            # A "stop" for a child that had ended by then.
            if message != STOP:
                self._raise(json.loads(message), *files)

    def _raise(self, job: dict[str, Any], source: int, pipe: int) -> None:
        if self._processes is not None:
            self._processes.renew()
        told, telling = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._keep(job, source, pipe, telling)
        for descriptor in (source, pipe, telling):
            os.close(descriptor)
        self._wait(pid)
        ending = os.read(told, 4096)
        os.close(told)
        with suppress(BrokenPipeError, ConnectionResetError):
            self._channel.send(ending or b"{}")

    def _keep(self, job: dict[str, Any], source: int, pipe: int, telling: int) -> None:
        try:
            self._channel.close()
            keeper.keep(job, source, pipe, telling)
        except Exception:  # noqa: BLE001 - the outermost frame of a process
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)

    def _wait(self, pid: int) -> None:
        """Until the keeper has ended, by itself or because the worker wants that; and everything below it."""
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        end = keeper.pidfd(pid)
        if end is not None:
            poll.register(end, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(None if end is not None else _LOOK_EVERY * 1000)}
            if self._channel.fileno() in ready:
                poll.unregister(self._channel)
                _kill(pid)
            if (end is None or end in ready) and os.waitpid(pid, os.WNOHANG)[0]:
                break
        if end is not None:
            os.close(end)
        if self._processes is None:
            _end_orphans()


def _kill(pid: int) -> None:
    for kill in (os.kill, os.killpg):
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def _end_orphans() -> None:
    """Where children have no table of their own, what one left behind has become ours."""
    while orphans := _children():
        for orphan in orphans:
            _kill(orphan)
            with suppress(ChildProcessError):
                os.waitpid(orphan, 0)


def _children() -> list[int]:
    try:
        with open("/proc/thread-self/children", encoding="ascii") as children:  # noqa: PTH123 - one import less
            return [int(pid) for pid in children.read().split()]
    except FileNotFoundError:  # a kernel that does not tell
        return []


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
