"""Keys of the installation for what passes by in great numbers and lives for hours: another one each day."""

import time
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts.encryption import keys
from accounts.encryption.errors import Forged
from accounts.encryption.sealing import seal, unseal

_DAY: Final = 86400


class DailyCipher:
    """Seals with today's key (of UTC) and opens what was sealed today, yesterday, or, by a host whose clock is a
    little ahead, tomorrow. So no key seals without end, and what is older than a day is not believed any more."""

    def __init__(self, purpose: str, clock: Callable[[], float] = time.time) -> None:
        self._purpose = purpose
        self._clock = clock
        self._ciphers: dict[int, AESGCM] = {}

    def seal(self, value: bytes, place: bytes) -> bytes:
        return seal(self._of(self._today()), value, place)

    def unseal(self, sealed: bytes, place: bytes) -> bytes:
        """Raises Forged."""
        today = self._today()
        try:
            return unseal(self._of(today), sealed, place)
        except Forged:
            try:
                return unseal(self._of(today - 1), sealed, place)
            except Forged:
                return unseal(self._of(today + 1), sealed, place)

    def _today(self) -> int:
        return int(self._clock() // _DAY)

    def _of(self, day: int) -> AESGCM:
        cipher = self._ciphers.get(day)
        if cipher is None:
            cipher = AESGCM(keys.installation_key(f"{self._purpose}:{day}"))
            # Replaced, not changed: other threads may be reading it.
            self._ciphers = {one: kept for one, kept in self._ciphers.items() if abs(one - day) <= 2} | {day: cipher}
        return cipher
