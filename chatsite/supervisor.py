"""Runs the parts of the product, keeps them running, and stops them in order.

One thread, no Django: it costs little memory and its own failure modes are few. Each part is the leader of a session
of its own. When a leader dies, whatever it left behind is killed before it is started again, so that no two of a kind
ever run. When the supervisor itself dies, even by kill -9, the kernel ends the parts (on Linux).
"""

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from chatsite import processes
from chatsite.carried import CannotStart
from chatsite.console import Console

FIRST_RESTART_AFTER = 0.1
LONGEST_PAUSE = 10.0
# A part that ran for this long was well: its next restart is quick again.
WELL_AFTER = 10.0
# So many deaths before it was ever ready, and the start is given up (about six seconds).
GIVE_UP_AFTER = 7
PROJECT = Path(__file__).resolve().parent.parent
MARK = "CHATSITE_PART"


@dataclass(frozen=True)
class Part:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_with: signal.Signals = signal.SIGTERM
    stop_within: float = 10.0
    # Parts of the highest wave stop first, all parts of a wave at the same time.
    wave: int = 0
    pass_fds: tuple[int, ...] = ()
    # Lines that match this say nothing that anybody could act on.
    unremarkable: str = "(?!)"


class Stopped(Exception):
    """Somebody asked to stop while the parts were still starting."""


class _Running:
    def __init__(self, part: Part, *, once: bool = False) -> None:
        self.part = part
        self.once = once
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.start_at: float | None = None
        self.failures = 0
        self.last_line = ""


class Supervisor:
    """Use as a context manager: leaving it stops every part, wave by wave."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: list[_Running] = []
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._wake, self._woken = os.pipe()
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)
        self._selector.register(self._wake, selectors.EVENT_READ)

    # --- For the caller -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        # What a dying part leaves behind becomes our child, so that it can be found and ended.
        processes.adopt_orphans()
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._stop_all()
        finally:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            self._selector.close()
            os.close(self._wake)
            os.close(self._woken)

    def start(self, part: Part, *, ready: Callable[[], bool] | None = None) -> None:
        """Start a part and, with `ready`, return when it holds. Raises CannotStart, or Stopped."""
        running = _Running(part)
        self._running.append(running)
        self._spawn(running)
        while ready and not (running.process and ready()):
            self._turn(0.05)
            if self._stopping:
                raise Stopped
            if running.failures >= GIVE_UP_AFTER:
                raise CannotStart(f"{part.name} does not start. Its last words: {running.last_line or 'none'}")

    def run_to_end(self, part: Part) -> None:
        """Run a step that ends by itself. Raises CannotStart with its last words if it fails, or Stopped."""
        running = _Running(part, once=True)
        self._running.append(running)
        process = self._spawn(running)
        while process.poll() is None:
            self._turn(0.2)
            if self._stopping:
                raise Stopped
        self._turn(0)
        self._running.remove(running)
        if process.returncode:
            raise CannotStart(running.last_line or f"{part.name} failed with code {process.returncode}.")

    def watch(self) -> None:
        """Keep the parts running until somebody asks to stop."""
        while not self._stopping:
            self._turn(None)

    # --- One turn of the loop ---------------------------------------------------------------------------------------

    def _turn(self, at_most: float | None) -> None:
        due = [running.start_at for running in self._running if running.start_at is not None]
        pauses = [] if at_most is None else [at_most]
        pauses += [max(0.0, moment - time.monotonic()) for moment in due]
        for key, _ in self._selector.select(min(pauses) if pauses else None):
            if key.data is None:
                with suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            else:
                self._relay(key.fd, *key.data)
        if self._stopping:
            return
        for running in self._running:
            if running.process and running.process.poll() is not None and not running.once:
                self._died(running, running.process)
            if running.start_at is not None and running.start_at <= time.monotonic():
                self._spawn(running)
        self._reap()

    def _spawn(self, running: _Running) -> "subprocess.Popen[bytes]":
        part = running.part
        supervisor = os.getpid()

        def tie_to_supervisor() -> None:
            processes.die_with_parent()
            if os.getppid() != supervisor:  # it died in between
                os._exit(1)

        process = subprocess.Popen(
            part.command,
            cwd=PROJECT,
            env={**os.environ, **part.environment, MARK: part.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=tie_to_supervisor,  # noqa: PLW1509 - single-threaded, and the function allocates nothing
            pass_fds=part.pass_fds,
        )
        if process.stdout:
            os.set_blocking(process.stdout.fileno(), False)
            self._selector.register(process.stdout, selectors.EVENT_READ, (running, process.stdout, bytearray()))
        running.process, running.started_at, running.start_at = process, time.monotonic(), None
        return process

    def _died(self, running: _Running, process: "subprocess.Popen[bytes]") -> None:
        running.process = None
        if time.monotonic() - running.started_at >= WELL_AFTER:
            running.failures = 0
        pause = min(LONGEST_PAUSE, FIRST_RESTART_AFTER * 2**running.failures)
        running.failures += 1
        self._kill_left_behind(running.part, process.pid)
        running.start_at = time.monotonic() + pause
        self._console.say(
            f"{running.part.name} ended ({_how(process.returncode)}); starting it again in {pause:.1f} s."
        )

    # --- Logs -----------------------------------------------------------------------------------------------------

    def _relay(self, handle: int, running: _Running, pipe: IO[bytes], rest: bytearray) -> None:
        try:
            arrived = os.read(handle, 65536)
        except BlockingIOError:
            return
        rest += arrived
        ended = not arrived
        *lines, remainder = rest.split(b"\n")
        if remainder and (ended or len(remainder) > 65536):
            lines.append(remainder)
            remainder = bytearray()
        rest[:] = remainder
        for line in lines:
            words = line.decode("utf-8", "replace").rstrip()
            if words and not re.search(running.part.unremarkable, words):
                running.last_line = words
                self._console.relay(running.part.name, words)
        if ended:
            self._selector.unregister(pipe)
            pipe.close()

    # --- Stopping ---------------------------------------------------------------------------------------------------

    def _asked_to_stop(self, number: int, _frame: object) -> None:
        if self._stopping and number == signal.SIGINT:
            # Asked twice: no more patience.
            for running in self._running:
                if running.process:
                    processes.signal_group(running.process.pid, signal.SIGKILL)
        self._stopping = True

    def _stop_all(self) -> None:
        self._stopping = True
        if self._running:
            self._console.say("Stopping.")
        for wave in sorted({running.part.wave for running in self._running}, reverse=True):
            self._end([running for running in self._running if running.part.wave == wave])
        self._reap()

    def _end(self, wave: Sequence[_Running]) -> None:
        started = time.monotonic()
        for running in wave:
            running.start_at = None
            if running.process:
                running.process.send_signal(running.part.stop_with)
        for running in wave:
            process, part = running.process, running.part
            if process is None:
                continue
            while process.poll() is None and (left := started + part.stop_within - time.monotonic()) > 0:
                self._turn(min(0.5, left))
            if process.poll() is None:
                self._console.say(f"{part.name} does not stop; killing it.")
            self._kill_left_behind(part, process.pid)
            process.wait()
            self._turn(0)
            running.process = None

    def _kill_left_behind(self, part: Part, leader: int) -> None:
        processes.signal_group(leader, signal.SIGKILL)
        programs = {os.path.realpath(word) for word in part.command if word.startswith("/")}
        for pid in self._strangers():
            if processes.belongs_to(pid, (MARK, part.name), programs):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _strangers(self) -> list[int]:
        """Children of ours that we did not start: what dead parts left behind."""
        own = {running.process.pid for running in self._running if running.process}
        return [pid for pid in processes.children() if pid not in own]

    def _reap(self) -> None:
        for pid in self._strangers():
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _how(code: int) -> str:
    if code >= 0:
        return f"code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
