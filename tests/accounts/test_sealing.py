"""Sealed values and sealed columns."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from accounts.encryption.errors import Forged
from accounts.encryption.sealing import OVERHEAD, derived, seal, unseal

KEY = AESGCM(b"k" * 32)


@given(st.binary(max_size=2000), st.binary(max_size=40))
def test_what_was_sealed_comes_back(value: bytes, place: bytes) -> None:
    sealed = seal(KEY, value, place)
    assert unseal(KEY, sealed, place) == value
    assert len(sealed) == len(value) + OVERHEAD


def test_nothing_of_it_is_seen_and_no_two_are_alike() -> None:
    value = b"a long and recognisable sentence"
    first, second = seal(KEY, value, b""), seal(KEY, value, b"")
    assert value not in first
    assert first != second


def test_no_nonce_is_used_twice_in_threads_or_after_a_fork() -> None:
    def nonces(count: int) -> list[bytes]:
        return [seal(KEY, b"", b"")[1:13] for _ in range(count)]

    made = nonces(10)  # some are left over from this
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(nonces(50)))
        os._exit(0)
    os.waitpid(child, 0)
    forked = os.read(reading, 50 * 12)
    made += nonces(200) + [forked[at : at + 12] for at in range(0, 600, 12)]
    with ThreadPoolExecutor(4) as threads:
        made += [nonce for some in threads.map(nonces, [100] * 8) for nonce in some]
    assert len(set(made)) == len(made) == 10 + 200 + 50 + 800


@given(st.integers(min_value=0, max_value=8 * (OVERHEAD + 4) - 1))
def test_every_changed_bit_is_found(bit: int) -> None:
    sealed = bytearray(seal(KEY, b"four", b"here"))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Forged):
        unseal(KEY, bytes(sealed), b"here")


def test_another_place_or_key_is_found() -> None:
    sealed = seal(KEY, b"value", b"message.content:1")
    with pytest.raises(Forged):
        unseal(KEY, sealed, b"message.content:2")
    with pytest.raises(Forged):
        unseal(AESGCM(b"j" * 32), sealed, b"message.content:1")
    with pytest.raises(Forged):
        unseal(KEY, b"", b"message.content:1")


def test_keys_for_different_purposes_differ() -> None:
    made = {derived(b"x" * 32, purpose) for purpose in ("terms", "files", "columns")}
    assert len(made | {derived(b"x" * 32, "files", salt=b"1" * 32)}) == 4
