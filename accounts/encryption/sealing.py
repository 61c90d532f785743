"""Sealing one value: AES-256-GCM with the place it belongs to as associated data.

A sealed value is a version byte, a random nonce and the ciphertext with its tag. One key must seal far fewer than the
2^32 values for which random nonces are safe: every person has a key of their own, and what passes through Redis, frame
by frame, is sealed with a key of the day (accounts.encryption.daily).
"""

import os
import threading
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from accounts.encryption.errors import Forged

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
_VERSION: Final = b"\x01"
_HEAD: Final = len(_VERSION) + NONCE_SIZE
# What a sealed value is longer than the value.
OVERHEAD: Final = _HEAD + 16


class _Nonces(threading.local):
    """Random bytes from the system, fetched for many nonces at once: the call costs more than the sealing."""

    left = b""

    def next(self) -> bytes:
        if not self.left:
            self.left = os.urandom(_NONCES_AT_ONCE * NONCE_SIZE)
        nonce, self.left = self.left[:NONCE_SIZE], self.left[NONCE_SIZE:]
        return nonce

    def forget(self) -> None:
        self.left = b""


_NONCES_AT_ONCE: Final = 64
_nonces = _Nonces()
# A process and the one it was forked from must never use the same ones.
os.register_at_fork(after_in_child=_nonces.forget)


def seal(cipher: AESGCM, value: bytes, place: bytes) -> bytes:
    nonce = _nonces.next()
    return _VERSION + nonce + cipher.encrypt(nonce, value, place)


def unseal(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    """Raises Forged: another key, another place, or changed bytes."""
    if len(sealed) < OVERHEAD or sealed[:1] != _VERSION:
        raise Forged
    try:
        return cipher.decrypt(sealed[1:_HEAD], sealed[_HEAD:], place)
    except InvalidTag as error:
        raise Forged from error


def derived(key: bytes, purpose: str, *, salt: bytes | None = None) -> bytes:
    """A key of its own for each purpose."""
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=salt, info=f"chatsite {purpose}".encode()).derive(key)
