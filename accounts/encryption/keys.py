"""The keys: one for each person and one of the installation, each a small file in KEYS_DIR.

They lie neither in the database nor beside the files they seal, so that what is erased here stays erased: a backup of
the database or of the files, however old, brings no key back. Each key is random and wrapped (AES-256-GCM) by the
root key, which is made of ENCRYPTION_KEY and kept nowhere.
"""

import base64
import contextlib
import functools
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from accounts.encryption import whole_files
from accounts.encryption.errors import Forged, KeyErased, KeyMissing, KeyUnreadable
from accounts.encryption.sealing import KEY_SIZE, derived, seal, unseal

__all__ = [
    "KeyErased",
    "KeyMissing",
    "KeyUnreadable",
    "OwnerKeys",
    "data_key",
    "destroy",
    "forget_cached",
    "installation_key",
    "is_installed",
    "of",
    "rewrap_all",
]

# Seconds after which a process looks at the file again: so long may another one work with a key that was erased here.
CACHED_FOR = 60.0
_MOST_CACHED = 10_000
_INSTALLATION = "installation"
_VERSION = 1


@dataclass(frozen=True)
class OwnerKeys:
    """What is made of one person's data key, so that no two purposes share a key."""

    data_key: bytes = field(repr=False)

    @functools.cached_property
    def columns(self) -> AESGCM:
        return AESGCM(derived(self.data_key, "columns"))

    @functools.cached_property
    def files(self) -> bytes:
        return derived(self.data_key, "files")

    @functools.cached_property
    def terms(self) -> bytes:
        """For search terms (documents.terms)."""
        return derived(self.data_key, "terms")

    @functools.cached_property
    def hashes(self) -> bytes:
        """For keyed hashes by which equal values are found (accounts.encryption.fields)."""
        return derived(self.data_key, "hashes")


# {owner: (until when, keys)}
_cached: dict[UUID, tuple[float, OwnerKeys]] = {}


def of(owner_id: UUID, *, make: bool = False) -> OwnerKeys:
    """The keys of this person. `make`: at first use, for whoever is about to seal something.

    Raises KeyMissing (KeyErased, where it is known to be erased) and KeyUnreadable.
    """
    found = _cached.get(owner_id)
    if found is not None and found[0] > time.monotonic():
        return found[1]
    key = _kept(str(UUID(str(owner_id))), make=make)
    owner_keys = found[1] if found is not None and found[1].data_key == key else OwnerKeys(key)
    if len(_cached) >= _MOST_CACHED:
        _cached.clear()
    _cached[owner_id] = (time.monotonic() + CACHED_FOR, owner_keys)
    return owner_keys


def data_key(owner_id: UUID) -> bytes:
    """Made at first use. Raises KeyMissing and KeyUnreadable."""
    return of(owner_id, make=True).data_key


def installation_key(purpose: str) -> bytes:
    """For what belongs to nobody. Kept for the life of the process: this key is never erased."""
    return derived(_installation_key(settings.KEYS_DIR), purpose)


@functools.cache
def _installation_key(_folder: Path) -> bytes:
    return _kept(_INSTALLATION, make=True)


def is_installed() -> bool:
    """Whether there is a key of the installation: the folder has been used before."""
    return (whole_files.folder() / _INSTALLATION).exists()


def destroy(owner_id: UUID) -> None:
    """Erase the key: whatever it sealed is unreadable from now on, in every backup too. Doing it twice is no error.

    What stays is a file that says so. Without it, whoever writes for this person next would make a new key.
    """
    name = str(owner_id)
    path = whole_files.folder() / name
    with whole_files.alone():
        with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
            # A file system that writes in place forgets it with this; others forget it in their own time.
            file.write(b"\0" * path.stat().st_size)
            file.flush()
            os.fsync(file.fileno())
        whole_files.replace(path, json.dumps({"version": _VERSION, "erased": True}))
    _cached.pop(owner_id, None)


def forget_cached() -> None:
    """So that the next use looks at the files."""
    _cached.clear()
    _installation_key.cache_clear()


def rewrap_all(report: Callable[[int, int], None]) -> int:
    """Wrap every key by the present ENCRYPTION_KEY; how many were not yet. Interrupted, it goes on where it stopped.

    Raises KeyUnreadable, with everything before it done.
    """
    names = sorted(path.name for path in whole_files.folder().iterdir() if _is_key(path.name))
    current = _root(settings.ENCRYPTION_KEY)
    changed = 0
    for done, name in enumerate(names, start=1):
        # Each for itself, so that an account can be deleted meanwhile: a rewrapped key must not come back after that.
        with whole_files.alone():
            path = whole_files.folder() / name
            held = _read(path)
            if not held.get("erased") and held.get("root") != current.fingerprint:
                whole_files.replace(path, _wrapped(name, _unwrapped(name, held), current))
                changed += 1
        report(done, len(names))
    return changed


# --- Root keys ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Root:
    cipher: AESGCM = field(repr=False)
    # Names the root key in the files that it wrapped, and tells nothing about it.
    fingerprint: str


@functools.lru_cache(maxsize=16)
def _root(secret: str) -> _Root:
    material = secret.encode()
    return _Root(AESGCM(derived(material, "root key")), derived(material, "root key fingerprint")[:8].hex())


def _roots() -> dict[str, _Root]:
    """The present one and those that are being replaced, by their fingerprints."""
    found = [_root(secret) for secret in (settings.ENCRYPTION_KEY, *settings.ENCRYPTION_KEY_PREVIOUS)]
    return {root.fingerprint: root for root in found}


def _wrapped(name: str, key: bytes, root: _Root) -> str:
    wrapped = seal(root.cipher, key, _place(name))
    return json.dumps({"version": _VERSION, "root": root.fingerprint, "key": base64.b64encode(wrapped).decode("ascii")})


def _unwrapped(name: str, held: dict[str, object]) -> bytes:
    if held.get("erased"):
        raise KeyErased
    root = _roots().get(str(held.get("root")))
    if root is None:
        raise KeyUnreadable
    try:
        return unseal(root.cipher, base64.b64decode(str(held.get("key"))), _place(name))
    except (Forged, ValueError) as error:
        raise KeyUnreadable(f"The key {name} in KEYS_DIR is damaged. Restore this file from its backup.") from error


def _place(name: str) -> bytes:
    """A wrapped key under somebody else's name is refused."""
    return f"key:{name}".encode()


# --- Files --------------------------------------------------------------------------------------------------------


def _is_key(name: str) -> bool:
    if name == _INSTALLATION:
        return True
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _kept(name: str, *, make: bool) -> bytes:
    path = whole_files.folder() / name
    try:
        held = _read(path)
    except FileNotFoundError:
        if not make:
            raise KeyMissing from None
        _make(path)
        held = _read(path)
    return _unwrapped(name, held)


def _read(path: Path) -> dict[str, object]:
    try:
        held = json.loads(path.read_text(encoding="ascii"))
    except ValueError as error:
        raise KeyUnreadable(
            f"The key {path.name} in KEYS_DIR is damaged. Restore this file from its backup."
        ) from error
    return held if isinstance(held, dict) else {}


def _make(path: Path) -> None:
    """Written aside and linked into place: whoever reads the path reads a whole key, and the first one wins."""
    content = _wrapped(path.name, os.urandom(KEY_SIZE), _root(settings.ENCRYPTION_KEY))
    with whole_files.draft(path, content) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)
    whole_files.sync(path.parent)
