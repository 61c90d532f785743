"""Sealing one value: AES-256-GCM with the place it belongs to as associated data.

A sealed value is a version byte, a random nonce and the ciphertext with its tag. One key seals far fewer than the
2^32 values for which random nonces are safe: every person has a key of their own.
"""

import os
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


def seal(cipher: AESGCM, value: bytes, place: bytes) -> bytes:
    nonce = os.urandom(NONCE_SIZE)
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
