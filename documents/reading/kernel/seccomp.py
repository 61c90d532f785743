"""Which system calls a process may still make: a short list, filtered by the kernel, for good.

A list of what is allowed, because the kernel grows. Whatever is not on it answers EPERM: sockets of every kind (also
Unix sockets: the carried database listens on one), starting processes and threads, signals to others, tracing, key
rings, mounts, io_uring, bpf. Files can be opened for reading only; which ones, says `landlock`.
"""

import ctypes
import os
import struct
from dataclasses import dataclass
from typing import Final

from documents.reading.kernel import syscalls
from documents.reading.kernel.libc import Refused, prctl

_PR_GET_SECCOMP = 21
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_KILL_PROCESS: Final = 0x80000000
_EPERM: Final = 1
_ENOSYS: Final = 38

# Instructions of the classic packet filter: load a word, and with a constant, jump, return.
_LOAD, _AND, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_INSTRUCTION = struct.Struct("=HBBI")
# Where `struct seccomp_data` holds what, on machines that put the low half first.
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16


@dataclass(frozen=True, slots=True)
class Where:
    """A call is allowed where the masked low half of one argument has one of these values."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    # The other half must be 0 too: for pointers.
    whole: bool = False


Rules = dict[str, Where | None]

# The file is open before the filter closes; libraries are loaded as they are needed, so reading stays.
_READING: Final = """
read pread64 readv write writev close close_range lseek fstat newfstatat stat lstat statx access faccessat faccessat2
readlink readlinkat getcwd getdents64 mmap munmap mprotect mremap madvise brk futex set_robust_list rseq membarrier
sched_yield sched_getaffinity rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack getpid gettid getppid getuid geteuid
getgid getegid getrandom getrusage getrlimit times clock_gettime clock_getres gettimeofday time nanosleep
clock_nanosleep uname sysinfo poll ppoll select pselect6 exit exit_group restart_syscall
""".split()
# What starting a program takes beyond that. It may not start another process.
_STARTING: Final = "execve arch_prctl set_tid_address dup dup2 dup3".split()

_NO_WRITING: Final = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
_FCNTL: Final = (0, 1, 2, 3, 1030)  # duplicates and flags of descriptors; none that sends signals
_IOCTL: Final = (0x5401, 0x5450, 0x5451)  # is it a terminal, close it on exec


def reader() -> Rules:
    """For this very process: the only one that it may signal, which is how abort() ends it."""
    return {
        **dict.fromkeys(_READING),
        "open": Where(1, (0,), mask=_NO_WRITING),
        "openat": Where(2, (0,), mask=_NO_WRITING),
        "fcntl": Where(1, _FCNTL),
        "ioctl": Where(1, _IOCTL),
        "prlimit64": Where(2, (0,), whole=True),
        "tgkill": Where(0, (os.getpid(),)),
    }


def program() -> Rules:
    """For a process that is about to become another program, such as Tesseract."""
    return {**reader(), **dict.fromkeys(_STARTING)}


def is_available() -> bool:
    try:
        prctl(_PR_GET_SECCOMP)
    except Refused:
        return False
    return syscalls.architecture() is not None


def restrict(rules: Rules) -> bool:
    """For good, also for what this process becomes. It must have given up new privileges before."""
    if not is_available():
        return False
    code = assemble(rules)
    instructions = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a count, padding, a pointer.
    description = ctypes.create_string_buffer(
        struct.pack("@HP", len(code) // _INSTRUCTION.size, ctypes.addressof(instructions))
    )
    try:
        prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(description))
    except Refused:
        return False
    return True


def assemble(rules: Rules) -> bytes:
    """The filter. An unknown architecture, such as 32-bit calls on a 64-bit kernel, ends the process."""
    architecture = syscalls.architecture()
    if architecture is None:
        raise Refused(_ENOSYS, "This machine's system calls are not known.")
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for name, where in rules.items():
        if (number := syscalls.number(name)) is not None:
            block = _allowed(where)
            code += [(_JUMP_EQUAL, 0, len(block), number), *block]
    # "No such call" for these: libraries then use the older one, whose arguments can be looked at.
    for name in ("clone3", "openat2"):
        code += [(_JUMP_EQUAL, 0, 1, syscalls.number(name) or 0), (_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    # The other numbering of x86_64 begins above 2**30: refused below, like everything else.
    code += [
        (_JUMP_AT_LEAST, 0, 2, syscalls.NEWER),
        (_JUMP_AT_LEAST, 1, 0, 1 << 30),
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
    ]
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in code)


def _allowed(where: Where | None) -> list[tuple[int, int, int, int]]:
    if where is None:
        return [(_RETURN, 0, 0, _ALLOW)]
    low = _ARGUMENTS_AT + 8 * where.argument
    code = [(_LOAD, 0, 0, low + 4), (_JUMP_EQUAL, 1, 0, 0), (_RETURN, 0, 0, _ERRNO | _EPERM)] if where.whole else []
    code += [(_LOAD, 0, 0, low), (_AND, 0, 0, where.mask)]
    for value in where.values:
        code += [(_JUMP_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*code, (_RETURN, 0, 0, _ERRNO | _EPERM)]
