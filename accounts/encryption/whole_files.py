"""Small files in KEYS_DIR: whoever reads one reads all of it, whatever happens while it is written."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings


def folder() -> Path:
    found = Path(settings.KEYS_DIR)
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def replace(path: Path, content: str) -> None:
    with draft(path, content) as written:
        written.replace(path)
    sync(path.parent)


@contextmanager
def draft(path: Path, content: str) -> Iterator[Path]:
    """On disk and readable by its owner only, before it gets its name."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=path.parent, prefix=".draft-", delete=False) as file:
        written = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            yield written
        finally:
            written.unlink(missing_ok=True)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time replaces files here: what another one wrote meanwhile must not be undone."""
    descriptor = os.open(folder() / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
