"""What a process gives up before it opens a stranger's file. Each layer holds where another is missing.

| layer | what is gone |
| --- | --- |
| namespaces | the machine's network; other processes; whatever a reader starts ends with it |
| Landlock | every file but libraries and the one to be read; all writing |
| seccomp | sockets of every kind, new processes, signals to others, tracing, all rare system calls |
| privileges | capabilities, set-user-id programs |
| limits | memory, processor time, descriptors, bytes written, core dumps |

    python -m documents.reading.confine      tries them here, and tells which hold
"""

import ctypes
import errno
import functools
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from documents.reading.kernel import landlock, namespaces, seccomp
from documents.reading.kernel.libc import Refused, call, prctl
from documents.reading.limits import MEGABYTE

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522

PROJECT: Final = Path(__file__).resolve().parents[2]
# Libraries, fonts and what loading them asks for. Nothing here tells one installation from another.
_SYSTEM: Final = tuple(
    map(
        Path,
        """/usr /lib /lib64 /bin /etc/ld.so.cache /etc/fonts /etc/localtime /dev/null /dev/urandom
        /sys/devices/system/cpu""".split(),
    )
)
_SOCKET_EVENTS = {
    "socket.__new__",
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
}
# The layers by the names that people read; the others are there on every Linux.
LAYERS: Final = ("namespaces", "files", "system calls")


def die_with_parent() -> None:
    """A worker killed by -9 cannot tidy up: the kernel does. Also where the parent died before this line."""
    parent = os.getppid()
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """What a child leaves behind becomes a child of this process, which can then end it."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def drop_privileges() -> None:
    """No capability, none to be had by running another program, and no set-user-id program that works.

    So root's readers cannot look into the processes of root's workers either.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for arguments in (
        (_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL),
        *((_PR_CAPBSET_DROP, capability) for capability in range(64)),
    ):
        _try(prctl, *arguments)  # those that do not exist, or may not be dropped, are refused
    _try(call, "capset", (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)())


def limit(*, memory: int, cpu: int, output: int = 0) -> None:
    """Caps on top of what the process holds now, which differs by what was loaded into it. Bytes and seconds."""
    ceiling = _address_space() + memory
    for what, least, most in (
        (resource.RLIMIT_AS, ceiling, ceiling),
        (resource.RLIMIT_CPU, cpu, cpu + 5),
        (resource.RLIMIT_FSIZE, output, output),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 64, 64),
        # Root may start processes beyond this; the filter of system calls does not let it.
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        resource.setrlimit(what, (least, most))


def keep_descriptors(kept: Iterable[int]) -> None:
    """Close all others. Standard input, output and error lead nowhere, unless they are named."""
    kept = set(kept)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in {0, 1, 2} - kept:
        os.dup2(nowhere, descriptor)
    for entry in list(Path("/proc/self/fd").iterdir()):
        if (descriptor := int(entry.name)) > 2 and descriptor not in kept:
            with suppress(OSError):  # the one that listed them
                os.close(descriptor)


def close_for_reading(file: int) -> None:
    """The last step: only the open `file` and libraries can be read from here on, and nothing else can be done."""
    landlock.restrict(_libraries(), file=file)
    if not seccomp.restrict(seccomp.reader()):
        sys.addaudithook(_refuse_sockets)


def close_for_program(program: Path, data: Iterable[Path]) -> None:
    """For a process that becomes `program` next, which reads its standard input and what is below `data`."""
    landlock.restrict((*_SYSTEM, program.resolve().parent, *data), programs=True)
    seccomp.restrict(seccomp.program())


def readable() -> tuple[Path, ...]:
    """The folders whose files a reader could read, were it in a stranger's hands."""
    return (*_libraries(), *_SYSTEM)


@functools.cache
def _libraries() -> tuple[Path, ...]:
    """Of this interpreter. The project's folder is not among them: by default its data lie in it."""
    found = [Path(sys.prefix), Path(sys.base_prefix), PROJECT / "documents"]
    found += [path for path in map(Path, filter(None, sys.path)) if path.is_dir() and path.resolve() != PROJECT]
    return tuple(path for path in (*found, *_SYSTEM) if path.parent != path)


def _try(function: Callable[..., int], *arguments: Any) -> bool:
    try:
        function(*arguments)
    except Refused:
        return False
    return True


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - pathlib would be one more import
        return int(statm.read().split()[0]) * resource.getpagesize()


def _refuse_sockets(event: str, _: tuple[Any, ...]) -> None:
    if event in _SOCKET_EVENTS:
        raise PermissionError(errno.EPERM, "Readers of files have no network.")


@functools.cache
def examine() -> dict[str, bool]:
    """Which of LAYERS hold on this machine: tried in a process of its own, once. Takes a fifth of a second."""
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        cwd=PROJECT,
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=30,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = {}
    return {layer: found.get(layer) is True for layer in LAYERS}


def _try_everything() -> dict[str, bool]:
    found = {"namespaces": namespaces.leave(processes=True)}
    drop_privileges()
    limit(memory=256 * MEGABYTE, cpu=10, output=MEGABYTE)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is what is wanted
        close_for_reading(nothing.fileno())
    found["files"] = _is_refused(lambda: os.close(os.open("/etc/passwd", os.O_RDONLY)))
    # A harmless call, which nothing but the filter refuses.
    found["system calls"] = _is_refused(lambda: os.getpgid(0))
    return found


def _is_refused(attempt: Callable[[], Any]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


if __name__ == "__main__":
    print(json.dumps(_try_everything()))  # noqa: T201 - this is what it is run for
