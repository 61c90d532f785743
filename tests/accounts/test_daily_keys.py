"""Keys for a day: what they open around midnight, and what they no longer do."""

import pytest

from accounts.encryption.daily import DailyCipher
from accounts.encryption.errors import Forged

MIDNIGHT = 20_000 * 86400


class Clock:
    now = float(MIDNIGHT - 1)

    def __call__(self) -> float:
        return self.now


def test_what_was_sealed_before_midnight_opens_for_a_day_after_it() -> None:
    clock = Clock()
    cipher = DailyCipher("test", clock)
    before = cipher.seal(b"late", b"here")
    assert cipher.unseal(before, b"here") == b"late"
    clock.now = MIDNIGHT
    after = cipher.seal(b"early", b"here")
    assert [cipher.unseal(one, b"here") for one in (before, after)] == [b"late", b"early"]
    clock.now = MIDNIGHT + 86399
    assert [cipher.unseal(one, b"here") for one in (before, after)] == [b"late", b"early"]
    clock.now = MIDNIGHT + 86400
    assert cipher.unseal(after, b"here") == b"early"
    with pytest.raises(Forged):
        cipher.unseal(before, b"here")


def test_hosts_whose_clocks_differ_a_little_understand_each_other() -> None:
    slow, fast = Clock(), Clock()
    fast.now = MIDNIGHT + 1
    ahead, behind = DailyCipher("test", fast), DailyCipher("test", slow)
    assert behind.unseal(ahead.seal(b"from ahead", b""), b"") == b"from ahead"
    assert ahead.unseal(behind.seal(b"from behind", b""), b"") == b"from behind"


def test_purposes_and_places_stay_apart() -> None:
    sealed = DailyCipher("one").seal(b"value", b"here")
    for cipher, place in ((DailyCipher("other"), b"here"), (DailyCipher("one"), b"there")):
        with pytest.raises(Forged):
            cipher.unseal(sealed, place)


def test_only_the_keys_of_a_few_days_are_kept() -> None:
    clock = Clock()
    cipher = DailyCipher("test", clock)
    for _ in range(20):
        clock.now += 86400
        assert cipher.unseal(cipher.seal(b"value", b""), b"") == b"value"
    assert len(cipher._ciphers) <= 5
