"""The PostgreSQL and Redis servers that come as Python packages, for installations that bring none of their own.

Both listen on Unix sockets only, in a folder that nobody but the owner can enter.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def socket_dir(data_dir: Path) -> Path:
    """A short path, the same for the same data folder: a Unix socket's path has room for 107 bytes."""
    inside = data_dir / "run"
    if len(str(inside)) <= 80:
        return inside
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"chatsite-{os.getuid()}-{digest}"


def database_url(data_dir: Path) -> str:
    return f"postgresql://chatsite@/chatsite?host={socket_dir(data_dir)}"


def redis_url(data_dir: Path) -> str:
    return f"unix://{socket_dir(data_dir) / 'redis.sock'}"


def kept_secret(data_dir: Path, name: str, *, make: Callable[[], str]) -> str:
    """Read the secret kept under `name`, or make and keep it. Safe when several processes start at once."""
    folder = data_dir / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        value = make()
        file.write(value)
    return value
