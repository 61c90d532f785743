"""Static files are collected, compressed and named by content once, and again when one of them changed."""

import fcntl
import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.core.management import call_command


def collect_if_stale() -> bool:
    """Whether anything was done. Several processes may call it at once; one of them works, the others wait."""
    root = Path(settings.STATIC_ROOT)
    stamp = root / ".collected"
    wanted = _fingerprint()
    if _is(stamp, wanted):
        return False
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is(stamp, wanted):
                return False
            # Django leaves alone what is not older than its source. After a return to an older version nothing is.
            for path, _ in _files():
                (root / path).unlink(missing_ok=True)
            call_command("collectstatic", interactive=False, verbosity=0)
            stamp.write_text(wanted, encoding="ascii")
    except OSError as error:
        raise ImproperlyConfigured(f"The static files cannot be written to {root}: {error.strerror}.") from error
    return True


def _is(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text(encoding="ascii") == wanted


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path, storage in _files():
        digest.update(f"{path}\0".encode())
        with storage.open(path) as file:
            digest.update(file.read())
    return digest.hexdigest()


def _files() -> Iterator[tuple[str, Storage]]:
    for finder in get_finders():
        yield from finder.list([])
