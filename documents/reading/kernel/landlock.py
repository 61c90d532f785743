"""Which files a process may still open: some folders for reading, and nothing else. Linux 5.13 and newer."""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from documents.reading.kernel.libc import Refused, syscall

# The same numbers on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ABI_PLEASE = 1
_PATH_BENEATH = 1

_EXECUTE: Final = 1 << 0
_READ_FILE: Final = 1 << 2
_READ_FOLDER: Final = 1 << 3
# How many of the rights to files each version of the interface knows, from the first on.
_FILE_RIGHTS: Final = (13, 14, 15, 15, 16)
_NETWORK_FROM: Final = 4
_TCP: Final = 0b11
_SCOPES_FROM: Final = 6
# Unix sockets without a file, and signals, only to processes that are as confined.
_SCOPES: Final = 0b11


def version() -> int:
    """Of the kernel's interface; 0 where there is none, or where it is switched off."""
    try:
        return syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ABI_PLEASE))
    except Refused:
        return 0


def restrict(folders: Iterable[Path], *, file: int | None = None, programs: bool = False) -> bool:
    """Leave what is below `folders` for reading, and with `programs` for running; and the open file `file`.

    For good, and also for what the process becomes. Descriptors that are open stay open. What a process may ask about
    files without opening them (whether they exist, how large they are) is not restricted by this.
    """
    known = version()
    if not known:
        return False
    every = (1 << _FILE_RIGHTS[min(known, len(_FILE_RIGHTS)) - 1]) - 1
    attributes = struct.pack(
        "=QQQ", every, _TCP if known >= _NETWORK_FROM else 0, _SCOPES if known >= _SCOPES_FROM else 0
    )
    size = 24 if known >= _SCOPES_FROM else 16 if known >= _NETWORK_FROM else 8
    try:
        with closing(_Ruleset(attributes[:size])) as ruleset:
            for path in folders:
                ruleset.allow_path(path, _READ_FILE | _READ_FOLDER | (_EXECUTE if programs else 0))
            if file is not None:
                # Not for a file in memory: nobody else can reach it, so there is no right to it either.
                with suppress(Refused):
                    ruleset.allow(file, _READ_FILE)
            ruleset.enforce()
    except Refused:
        return False
    return True


class _Ruleset:
    def __init__(self, attributes: bytes) -> None:
        self._descriptor = syscall(
            _CREATE_RULESET,
            ctypes.create_string_buffer(attributes, len(attributes)),
            ctypes.c_size_t(len(attributes)),
            ctypes.c_uint32(0),
        )

    def allow_path(self, path: Path, rights: int) -> None:
        """Nothing where there is nothing at that path."""
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        try:
            self.allow(descriptor, rights if path.is_dir() else rights & ~_READ_FOLDER)
        finally:
            os.close(descriptor)

    def allow(self, descriptor: int, rights: int) -> None:
        # struct landlock_path_beneath_attr, which is packed.
        rule = struct.pack("=Qi", rights, descriptor)
        syscall(
            _ADD_RULE,
            ctypes.c_int(self._descriptor),
            ctypes.c_int(_PATH_BENEATH),
            ctypes.create_string_buffer(rule, len(rule)),
            ctypes.c_uint32(0),
        )

    def enforce(self) -> None:
        syscall(_RESTRICT_SELF, ctypes.c_int(self._descriptor), ctypes.c_uint32(0))

    def close(self) -> None:
        os.close(self._descriptor)
