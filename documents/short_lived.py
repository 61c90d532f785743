"""Programs of our own that live for a moment, see what a stranger made, and hold nothing."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

_HOME = Path(__file__).resolve().parent.parent


def in_memory(name: str) -> IO[bytes]:
    """A file without a place on the disk. Its name only shows in the lists of open files."""
    return os.fdopen(os.memfd_create(name, os.MFD_CLOEXEC), "w+b")


def run(program: Sequence[str], made: IO[bytes], *, seconds: float, **given: Any) -> int:
    """Have a program of ours write to `made`, up to a limit of its own, and return its exit code.

    `program` is `-m`, its module and its arguments; `given` is its `stdin` or `input`, and `pass_fds`. Raises
    subprocess.TimeoutExpired.
    """
    # -B: it may write no file, not even bytecode. The environment, with its secrets, stays here.
    done = subprocess.run(
        [sys.executable, "-B", *program],
        cwd=_HOME,
        stdout=made,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=seconds,
        env={},
        **given,
    )
    return done.returncode
