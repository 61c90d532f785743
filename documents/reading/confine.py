"""What a child gives up before it opens a stranger's file: the network, writing to disk, and more than its share."""

import ctypes
import errno
import os
import resource
import signal
import sys
from typing import Any

from documents.reading.limits import Limits

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_NETWORK_EVENTS = {
    "socket.__new__",
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
}


def cut_network() -> None:
    """An empty network of its own where the kernel permits; in any case no sockets from Python.

    The process must have one thread. The sockets it already holds go on working.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        # A new user namespace makes the process undumpable, and then it may not even open /proc/self/fd.
        libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    sys.addaudithook(_refuse_network)


def die_with_parent() -> None:
    """A worker killed by -9 cannot tidy up: the kernel does. Also where the parent died before this line."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def drop_privileges() -> None:
    """No capability, none to be had by running another program, and no set-user-id program that works.

    So root's readers cannot look into the processes of root's workers either. No RLIMIT_NPROC: it counts every process
    of the user, and reading a scanned page needs one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for capability in range(64):  # those that do not exist, or may not be dropped, are refused
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.capset((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)())


def limit(limits: Limits) -> None:
    """Caps on top of what the process holds now, which differs by what was loaded into it."""
    ceiling = _address_space() + limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu, limits.cpu + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - pathlib would be one more import
        return int(statm.read().split()[0]) * resource.getpagesize()


def _refuse_network(event: str, _: tuple[Any, ...]) -> None:
    if event in _NETWORK_EVENTS:
        raise PermissionError(errno.EPERM, "Readers of files have no network.")
