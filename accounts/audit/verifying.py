"""Reading the whole audit log again and proving that it is what was sealed."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from accounts.audit import kept_head, sealing
from accounts.audit.sealing import Seal
from accounts.tenancy import acting_as_system

_ROWS_AT_ONCE = 2000
_SEALS_AT_ONCE = 100


class Broken(Exception):
    """The first thing that is not as it was sealed, in a sentence that names it."""


@dataclass(slots=True)
class Report:
    events: int = 0
    seals: int = 0
    pruned_seals: int = 0
    pruned_events: int = 0
    waiting: int = 0
    head: str = ""
    # The head in KEYS_DIR that the chain was compared with; "" where none was kept yet, or none was asked for.
    kept: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A seal as it is in the database, with what retention made of it."""

    seal: Seal
    count: int
    is_pruned: bool
    pruned_mark: bytes


@dataclass(frozen=True, slots=True)
class _Event:
    seal: int
    digest: bytes
    row: tuple[Any, ...]

    @property
    def id(self) -> int:
        return int(self.row[0])


def verify(*, head: str = "", is_restored: bool = False) -> Report:
    """Raises Broken, or kept_head.Contradicted. Needs little memory.

    The chain is compared with the head that is kept in KEYS_DIR, unless it `is_restored` and may be older, and with
    `head`, if one was noted elsewhere: both show whether the end was cut off.
    """
    kept = None if is_restored else kept_head.kept()
    with acting_as_system("verify the audit log"):
        # Tells the connection who acts, before the transaction whose first statement must be the isolation level.
        sealing.head()
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            # Closed here and now: left to the collector, a cursor would be closed amid another statement.
            with closing(_events()) as events, closing(_seals()) as seals:
                report = _Verifying(_Ahead(events), head).run(seals)
            kept_head.compare(kept)
    report.kept = str(kept or "")
    return report


class _Verifying:
    def __init__(self, events: "_Ahead", head: str) -> None:
        number, _, hash_ = head.partition(":")
        self._noted = (int(number), hash_.strip().lower()) if head else None
        self._key = sealing.chain_key()
        self._report = Report()
        self._events = events

    def run(self, seals: Iterable[_Kept]) -> Report:
        last: Seal | None = None
        for kept in seals:
            self._check_link(kept.seal, last)
            if kept.is_pruned:
                self._check_pruned(kept)
            else:
                self._check_events(kept)
            self._check_noted(kept.seal)
            last = kept.seal
        if (event := self._events.peek()) is not None:
            raise Broken(f"Event {event.id} belongs to seal {event.seal}, which is not there.")
        if self._noted and (last is None or last.number < self._noted[0]):
            raise Broken(kept_head.cut_off(self._noted[0], last.number if last else None))
        self._report.head = last.head if last else ""
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_event WHERE seal IS NULL")
            (self._report.waiting,) = cursor.fetchone()
        return self._report

    def _check_link(self, seal: Seal, last: Seal | None) -> None:
        number, previous = (last.number + 1, last.hash) if last else (1, sealing.GENESIS)
        if seal.number != number:
            missing = seal.number > number
            raise Broken(f"Seal {number} was deleted." if missing else f"Seal {seal.number} was inserted.")
        if seal.previous != previous or seal.hash != seal.hashed(self._key):
            raise Broken(f"Seal {seal.number} was changed, or the seal before it was replaced.")

    def _check_events(self, kept: _Kept) -> None:
        """The events that are there against those the seal lists: both in the order of their numbers."""
        seal, digests = kept.seal, []
        for expected in seal.event_ids:
            event = self._take(seal)
            if event is None or event.id > expected:
                raise Broken(f"Event {expected} of seal {seal.number} was deleted.")
            if event.id < expected:
                raise Broken(f"Event {event.id} was inserted into seal {seal.number}.")
            if event.digest != sealing.digest(self._key, event.row):
                raise Broken(f"Event {event.id} was changed.")
            digests.append(event.digest)
        if (event := self._take(seal)) is not None:
            raise Broken(f"Event {event.id} was inserted into seal {seal.number}.")
        if sealing.content_of(digests) != seal.content or kept.count != len(digests):
            raise Broken(f"Seal {seal.number} does not fit its events.")
        self._report.seals += 1
        self._report.events += len(digests)

    def _check_pruned(self, kept: _Kept) -> None:
        seal = kept.seal
        if kept.pruned_mark != sealing.pruned_mark(self._key, seal.number, seal.hash):
            raise Broken(f"The events of seal {seal.number} were deleted by hand.")
        if (event := self._take(seal)) is not None:
            raise Broken(f"Event {event.id} was inserted into seal {seal.number}, whose events were deleted.")
        self._report.pruned_seals += 1
        self._report.pruned_events += len(seal.event_ids)

    def _check_noted(self, seal: Seal) -> None:
        if self._noted and seal.number == self._noted[0] and seal.hash.hex() != self._noted[1]:
            raise Broken(kept_head.made_anew(seal.number))

    def _take(self, seal: Seal) -> _Event | None:
        """The next event, if it claims to belong to this seal."""
        event = self._events.peek()
        if event is None or event.seal > seal.number:
            return None
        if event.seal < seal.number:
            raise Broken(f"Event {event.id} belongs to seal {event.seal}, which is not there.")
        self._events.advance()
        return event


class _Ahead:
    """One event at a time, with a look at the next."""

    def __init__(self, events: Iterator[_Event]) -> None:
        self._events = events
        self._next = next(events, None)

    def peek(self) -> _Event | None:
        return self._next

    def advance(self) -> None:
        self._next = next(self._events, None)


def _events() -> Generator[_Event, None, None]:
    """All sealed events in the order of the chain."""
    sql = f"SELECT {sealing.ROW}, seal, digest FROM audit_event WHERE seal IS NOT NULL ORDER BY seal, id"  # noqa: S608
    with closing(_stream(sql, _ROWS_AT_ONCE)) as rows:
        for *row, seal, digest in rows:
            yield _Event(seal, bytes(digest or b""), tuple(row))


def _seals() -> Generator[_Kept, None, None]:
    sql = f"SELECT {sealing.SEAL}, count, pruned_at IS NOT NULL, pruned_mark FROM audit_seal ORDER BY number"  # noqa: S608
    with closing(_stream(sql, _SEALS_AT_ONCE)) as rows:
        for *seal, count, is_pruned, mark in rows:
            yield _Kept(Seal.of(seal), count, is_pruned, bytes(mark or b""))


def _stream(sql: str, at_once: int) -> Generator[tuple[Any, ...], None, None]:
    """On a cursor of the server's, so that a log of any length fits into memory."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(at_once):
            yield from rows
