"""Sealing: every few seconds what was written since is bound, in batches, to everything before by keyed hashes.

Each event gets a digest of its own and each batch a seal, whose hash covers the seal before. Who writes never waits:
an event is sealed once its transaction is visible, whatever its number. An event of a long transaction comes into a
later batch than its neighbours, and a seal lists the events that it holds.

Whoever has the database, but not the key (accounts.encryption.keys), can change nothing unnoticed (verifying). How far
the chain went is kept outside the database (kept_head); a chain that does not contain that is not sealed on.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.core.cache import cache
from django.db import connection, transaction

from accounts.audit import kept_head
from accounts.encryption import keys
from accounts.tenancy import acting_as_system

logger = logging.getLogger(__name__)

# One transaction's worth: what verifying holds in memory, and what one seal lists.
BATCH = 1000
# For pg_try_advisory_xact_lock: "audit" in letters.
_LOCK = 0x6175646974
_VERSION = 1
# Seconds. Sealing is tried every three.
_SAY_AGAIN_AFTER = 60

# A row as it is digested: all but what sealing fills in, as text that depends on neither time zones nor drivers.
ROW = (
    "id, extract(epoch FROM at)::text, action, coalesce(user_id::text, ''), resource_kind, resource_id, address, "
    "agent, request_id, details::text"
)
# A seal's, in the order of Seal.
SEAL = (
    "number, event_ids, content, previous, to_char(sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), hash"
)
_TO_THE_HOUR = len("2026-01-01T00")
_TIME = "%Y-%m-%dT%H:%M:%S.%f"
GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class Seal:
    number: int
    event_ids: list[int]
    content: bytes
    previous: bytes
    # In UTC, as _TIME writes it: the database may hold moments that Python cannot.
    sealed_at: str
    hash: bytes = b""

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Seal":
        number, event_ids, content, previous, sealed_at, hash_ = row
        return cls(number, event_ids, bytes(content), bytes(previous), sealed_at, bytes(hash_))

    def hashed(self, key: bytes) -> bytes:
        what = [
            "seal",
            _VERSION,
            self.number,
            self.previous.hex(),
            self.sealed_at,
            self.event_ids,
            self.content.hex(),
        ]
        return _mac(key, what)

    @property
    def head(self) -> str:
        """As it is written down outside, and given to `verify_audit --head`."""
        return f"{self.number}:{self.hash.hex()}"


def chain_key() -> bytes:
    return keys.installation_key("audit")


def digest(key: bytes, row: Sequence[Any]) -> bytes:
    """Of one event, its columns as in ROW."""
    return _mac(key, ["event", _VERSION, *row])


def content_of(digests: Sequence[bytes]) -> bytes:
    return hashlib.sha256(b"".join(digests)).digest()


def pruned_mark(key: bytes, number: int, hash_: bytes) -> bytes:
    """Proves that the product itself deleted this seal's events."""
    return _mac(key, ["pruned", _VERSION, number, hash_.hex()])


def _mac(key: bytes, what: list[Any]) -> bytes:
    return hmac.digest(key, json.dumps(what, separators=(",", ":")).encode(), "sha256")


def seal_pending(*, now: datetime | None = None) -> int:
    """Seal what is visible and not sealed yet. Returns how many events; 0 also while another process seals.

    Nothing is sealed where the chain does not contain the head that is kept: the product would put its own seal under
    a log that was cut. Events are written all the same, and wait.
    """
    count = 0
    with acting_as_system("seal the audit log"):
        while True:
            try:
                sealed = _seal_batch(now or datetime.now(UTC))
            except kept_head.Contradicted as contradicted:
                if cache.add("audit:contradicted", True, _SAY_AGAIN_AFTER):
                    logger.error("The audit log is not sealed any more. %s See `verify_audit`.", contradicted)  # noqa: TRY400
                return count
            count += sealed
            if sealed < BATCH:
                return count


def head() -> Seal | None:
    """The newest seal. For the system."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SEAL} FROM audit_seal ORDER BY number DESC LIMIT 1")  # noqa: S608
        row = cursor.fetchone()
    return Seal.of(row) if row else None


def waiting_for() -> float:
    """Seconds for which the oldest event has waited for its seal; 0 when none waits."""
    with acting_as_system("see whether the audit log is sealed"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp() - at)::float8 FROM audit_event "
            "WHERE seal IS NULL ORDER BY id LIMIT 1"
        )
        row = cursor.fetchone()
    return float(row[0]) if row else 0.0


def contradiction() -> str:
    """Why nothing is sealed, in a sentence; "" where nothing is wrong."""
    try:
        head = kept_head.kept()
        with acting_as_system("see whether the audit log was cut"):
            kept_head.compare(head)
    except kept_head.Contradicted as contradicted:
        return str(contradicted)
    return ""


def is_intact(event_id: int) -> bool:
    """Whether a sealed event is as it was sealed. Whether its seal is, only the whole chain tells. For the system."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {ROW}, digest FROM audit_event WHERE id = %s", [event_id])  # noqa: S608
        *row, kept = cursor.fetchone() or [None]
    return kept is not None and hmac.compare_digest(bytes(kept), digest(chain_key(), row))


def _seal_batch(now: datetime) -> int:
    kept = kept_head.kept()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(f"SELECT {ROW} FROM audit_event WHERE seal IS NULL ORDER BY id LIMIT {BATCH}")  # noqa: S608
        rows = cursor.fetchall()
        if not rows:
            return 0
        kept_head.compare(kept)
        key = chain_key()
        digests = [digest(key, row) for row in rows]
        last = head()
        if kept is None and last is not None:
            logger.warning("No head of the audit log was kept; from seal %s on it is.", last.number + 1)
        seal = _next(last, key, [row[0] for row in rows], digests, now)
        cursor.execute(
            "INSERT INTO audit_seal (number, event_ids, count, content, previous, hash, sealed_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [seal.number, seal.event_ids, len(rows), seal.content, seal.previous, seal.hash, now],
        )
        cursor.execute(
            "UPDATE audit_event SET seal = %s, digest = fresh.digest "
            "FROM unnest(%s::bigint[], %s::bytea[]) AS fresh (id, digest) WHERE audit_event.id = fresh.id",
            [seal.number, seal.event_ids, digests],
        )
        transaction.on_commit(lambda: kept_head.keep(kept_head.Head(seal.number, seal.hash)))
        if last is None or last.sealed_at[:_TO_THE_HOUR] != seal.sealed_at[:_TO_THE_HOUR]:
            # For whoever keeps logs elsewhere: a chain that was cut or made anew does not contain this any more.
            logger.info("The head of the audit log's chain is %s", seal.head)
    return len(rows)


def _next(last: Seal | None, key: bytes, event_ids: list[int], digests: list[bytes], now: datetime) -> Seal:
    number, previous = (last.number + 1, last.hash) if last else (1, GENESIS)
    draft = Seal(number, event_ids, content_of(digests), previous, now.astimezone(UTC).strftime(_TIME))
    return replace(draft, hash=draft.hashed(key))
