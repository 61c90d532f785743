"""Finding the files of a folder, and opening them, without being led out of it.

Links are not followed, wherever they lead; hidden files and folders, and whatever is no regular file (pipes, sockets,
devices), are passed over. All of it is counted, so that nothing is missed in silence.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

# Folders within folders. Real ones are rarely ten deep.
DEEPEST = 40


class TooMany(Exception):
    """There are more files than were allowed."""


class NotThere(Exception):
    """A file went, or changed into something else, between being found and being opened."""


@dataclass
class Found:
    """`files` in order of their paths. The others are counted, those that could not be read by name."""

    files: list[Path] = field(default_factory=list)
    hidden: int = 0
    links: int = 0
    special: int = 0
    unreadable: list[str] = field(default_factory=list)


def find(root: Path, *, at_most: int) -> Found:
    """The regular files at `root`, which is a file or a folder and may itself be a link. Raises TooMany.

    Raises OSError if `root` itself cannot be read.
    """
    root = root.resolve(strict=True)
    found = Found()
    if not root.is_dir():
        if not root.is_file():
            found.special = 1
        else:
            found.files.append(root)
        return found
    _walk(root, found, at_most, depth=0, is_root=True)
    found.files.sort()
    return found


def _walk(folder: Path, found: Found, at_most: int, *, depth: int, is_root: bool = False) -> None:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        if is_root:
            raise
        found.unreadable.append(str(folder))
        return
    for entry in inside:
        if entry.name.startswith("."):
            found.hidden += 1
        elif entry.is_symlink():
            found.links += 1
        elif entry.is_dir(follow_symlinks=False):
            if depth >= DEEPEST:
                found.unreadable.append(entry.path)
            else:
                _walk(Path(entry.path), found, at_most, depth=depth + 1)
        elif entry.is_file(follow_symlinks=False):
            found.files.append(Path(entry.path))
            if len(found.files) > at_most:
                raise TooMany
        else:
            found.special += 1


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file and its size in bytes. `path` comes from `find`. Raises NotThere, and OSError where it cannot be read.

    Whoever may write in the folder may put a link in the place of a folder after it was looked at: what was opened
    must lie where it was asked for.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or os.readlink(f"/proc/self/fd/{descriptor}") != str(path):  # noqa: PTH115 - a link of the kernel's
            raise NotThere
        yield file, state.st_size
