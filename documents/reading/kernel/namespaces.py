"""A network and a table of processes of one's own, where the kernel (or the container) permits that."""

import ctypes
import os

from documents.reading.kernel.libc import Refused, call, prctl

_NEWUSER, _NEWPID, _NEWNET, _NEWIPC = 0x10000000, 0x20000000, 0x40000000, 0x08000000
_PR_SET_DUMPABLE = 4


def leave(*, processes: bool) -> bool:
    """Leave the machine's network; with `processes`, children will live among themselves too.

    The process must have one thread. The sockets it already holds go on working.
    """
    wanted = _NEWNET | _NEWIPC | (_NEWPID if processes else 0)
    for flags in (wanted, wanted | _NEWUSER):
        try:
            call("unshare", ctypes.c_int(flags))
        except Refused:
            continue
        # A new user namespace makes the process undumpable, and then it may not even open /proc/self/fd.
        prctl(_PR_SET_DUMPABLE, 1)
        return True
    return False


class Processes:
    """Gives every child that is forked next a table of processes of its own. When it ends, all in it end.

    For a process that came to live in such a table itself (`leave` and a fork).
    """

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def renew(self) -> bool:
        try:
            call("setns", ctypes.c_int(self._own), ctypes.c_int(_NEWPID))
            call("unshare", ctypes.c_int(_NEWPID))
        except Refused:
            return False
        return True
