"""Sealed values and sealed columns."""

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
