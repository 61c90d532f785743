"""What the operating system must know about our processes."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
# Looked up at once: between fork and exec nothing may be imported.
_prctl: Callable[..., int] | None = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def leave_no_cores() -> None:
    """What this process and its children have in memory, keys above all, is not written to disk when they crash."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def die_with_parent() -> None:
    """The kernel kills this process when the one that forked it dies, however it dies (Linux only)."""
    if _prctl:
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def adopt_orphans() -> None:
    """Grandchildren whose parent dies become children of this process (Linux only)."""
    if _prctl:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> list[int]:
    """The children of this process's main thread, adopted ones too (Linux only; elsewhere none)."""
    try:
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(pid) for pid in listed.split()]


def belongs_to(pid: int, mark: tuple[str, str], programs: set[str]) -> bool:
    """Whether a process carries the mark, a variable and its value, in its environment.

    One that carries none is known by its program: PostgreSQL writes its titles over its environment.
    """
    variable, value = mark
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if entry.startswith(f"{variable}=".encode()):
                return entry == f"{variable}={value}".encode()
        return str(Path(f"/proc/{pid}/exe").readlink()) in programs
    return False


def signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
