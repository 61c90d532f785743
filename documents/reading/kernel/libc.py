"""The C library of this process, for calls that Python has no name for."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class Refused(OSError):
    """The kernel does not know the call, or does not allow it here."""


def call(name: str, *arguments: object) -> int:
    """Raises Refused."""
    result = int(getattr(_libc, name)(*arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise Refused(code, os.strerror(code))
    return result


def prctl(option: int, *arguments: int) -> int:
    """Raises Refused. Whatever is not given is 0, as newer options insist."""
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return call("prctl", ctypes.c_int(option), *(ctypes.c_ulong(argument) for argument in padded))


def syscall(number: int, *arguments: object) -> int:
    """Raises Refused."""
    return call("syscall", ctypes.c_long(number), *arguments)
