"""Django's PostgreSQL backend, which also tells the connection who acts.

The setting lives in the session, so it survives from statement to statement and costs one small statement whenever
the actor changes: mostly sent along with the statement that comes next, since what a page waits for is the way there
and back. What PostgreSQL may have undone or never heard (a rollback, a new or reused connection) counts as unknown, and
is said again.
"""

import re
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import psycopg
from django.db import DEFAULT_DB_ALIAS, InterfaceError
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

from accounts import tenancy
from accounts.tenancy.postgresql.creation import DatabaseCreation
from accounts.tenancy.postgresql.operations import DatabaseOperations

# What can go in one message with another statement. Some cannot, being no part of a transaction.
_GOES_ALONG = frozenset(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"))
# What takes back nothing of the session. Of the rest that is not certain: DISCARD, or a ROLLBACK in a text of several.
_LEAVES_THE_SESSION = _GOES_ALONG | {"SAVEPOINT", "RELEASE", "DECLARE", "LOCK", "NOTIFY"}
# SET TRANSACTION comes before any query of its transaction, also before ours.
_READS_NOTHING = "SET"
_FIRST_WORD = re.compile(r"[\s(]*([a-z]+)\b", re.IGNORECASE)
# No sign that means anything inside a literal or to a driver that fills in parameters.
_PLAIN = re.compile(r"[0-9a-z-]*")


def _kind_of(sql: Any) -> str:
    """By its first word; of several statements in one text nothing is known, nor of what is no text yet."""
    if not isinstance(sql, str) or ";" in sql:
        return ""
    found = _FIRST_WORD.match(sql)
    return found[1].upper() if found else ""


class _Acting:
    """For cursors: whatever way a statement takes, the actor is told first."""

    db: "DatabaseWrapper"
    cursor: Any

    def _execute(self, sql: Any, params: Any, *ignored: Any) -> Any:
        self._refuse_if_given_back()
        kind = _kind_of(sql)
        try:
            if kind not in _GOES_ALONG or not self._can_tell_along():
                if kind != _READS_NOTHING:
                    self.db.tell_actor()
                return super()._execute(sql, params, *ignored)  # type: ignore[misc]  # Django's wrapper comes next
            with self.db.telling() as setting:
                told = f"SELECT set_config('chatsite.actor', '{setting}', false); {sql}"
                done = super()._execute(told, params, *ignored)  # type: ignore[misc]  # as above
                # From the answer to what was told to the answer that is wanted.
                self.cursor.nextset()
            return done
        finally:
            if kind not in _LEAVES_THE_SESSION:
                self.db.doubt_what_was_told()

    def _can_tell_along(self) -> bool:
        """Cursors that the server keeps (named) take one statement alone."""
        return isinstance(self.cursor, psycopg.ClientCursor) and self.db.can_tell_along()

    def _refuse_if_given_back(self) -> None:
        """A cursor may outlive its connection, which is somebody else's by then."""
        if self.cursor.connection is not self.db.connection:
            raise InterfaceError("The connection of this cursor was given back.")

    def _tell(self) -> None:
        self._refuse_if_given_back()
        self.db.tell_actor()

    def _executemany(self, sql: Any, param_list: Any, *ignored: Any) -> Any:
        self._tell()
        return super()._executemany(sql, param_list, *ignored)  # type: ignore[misc]

    def callproc(self, *args: Any, **kwargs: Any) -> Any:
        self._tell()
        return super().callproc(*args, **kwargs)  # type: ignore[misc]

    def copy(self, *args: Any, **kwargs: Any) -> Any:
        return self._copied(tenancy.actor(), *args, **kwargs)

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._streamed(tenancy.actor(), *args, **kwargs)

    # The driver sends these two when they are first used, for whoever asked.
    @contextmanager
    def _copied(self, asked_by: tenancy.Actor, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with tenancy.acting_again(asked_by):
            self._tell()
        with self.cursor.copy(*args, **kwargs) as copy:
            yield copy

    def _streamed(self, asked_by: tenancy.Actor, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with tenancy.acting_again(asked_by):
            self._tell()
        yield from self.cursor.stream(*args, **kwargs)


class _Kept(_Acting):
    """For cursors that the server keeps: a part of the answer is fetched by a statement of its own, for which policies
    are worked out again. It is fetched for whoever asked, whoever acts by then."""

    def __init__(self, cursor: Any, db: "DatabaseWrapper") -> None:
        super().__init__(cursor, db)  # type: ignore[call-arg]  # Django's wrapper comes next
        self._asked_by = tenancy.NOBODY
        db.kept.add(self)

    def _execute(self, sql: Any, params: Any, *ignored: Any) -> Any:
        self._asked_by = tenancy.actor()
        return super()._execute(sql, params, *ignored)

    def _fetch(self, fetch: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with tenancy.acting_again(self._asked_by):
            self._tell()
        with self.db.wrap_database_errors:
            return fetch(*args, **kwargs)

    def fetchone(self) -> Any:
        return self._fetch(self.cursor.fetchone)

    def fetchmany(self, *args: Any, **kwargs: Any) -> Any:
        return self._fetch(self.cursor.fetchmany, *args, **kwargs)

    def fetchall(self) -> Any:
        return self._fetch(self.cursor.fetchall)

    def __iter__(self) -> Iterator[Any]:
        while rows := self.fetchmany(self.cursor.itersize):
            yield from rows


class _Cursor(_Acting, CursorWrapper):
    pass


class _DebugCursor(_Acting, CursorDebugWrapper):
    pass


class _KeptCursor(_Kept, CursorWrapper):
    pass


class _KeptDebugCursor(_Kept, CursorDebugWrapper):
    pass


def _is_alive(connection: psycopg.Connection[Any]) -> bool:
    """A server that goes takes leave, or its kernel does: it is asked only where something has come. Django's own check
    asks every time, and a question that is answered takes three connections from the pool."""
    waiting = select.poll()
    try:
        waiting.register(connection.fileno(), select.POLLIN)
        if waiting.poll(0):
            ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True


class DatabaseWrapper(base.DatabaseWrapper):
    creation_class = DatabaseCreation
    ops_class = DatabaseOperations

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the session was told last; None where that is not certain.
        self._told: str | None = None
        # For which reasons the transaction under way acted as the system first.
        self._told_of: set[str] = set()
        # Cursors that the server keeps, until they or the connection are closed.
        self.kept: WeakSet[_Kept] = WeakSet()

    def tell_actor(self) -> None:
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            # Nothing is shown or taken any more, and only going back is possible, after which it is told anew.
            return
        actor = tenancy.actor()
        if self._told != actor.setting:
            with self.telling() as setting, self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute("SELECT set_config('chatsite.actor', %s, false)", [setting])
        if actor.reason and self.alias == DEFAULT_DB_ALIAS:
            self._tell_of_system(actor.reason)

    def can_tell_along(self) -> bool:
        """Whether somebody is to be told, and nothing else: not a failed transaction's, and not the system, whose use
        is noted too."""
        actor = tenancy.actor()
        return (
            self._told != actor.setting
            and not actor.is_system
            and _PLAIN.fullmatch(actor.setting) is not None
            and self.connection.info.transaction_status != TransactionStatus.INERROR
        )

    @contextmanager
    def telling(self) -> Iterator[str]:
        """Around what tells it. Unknown until it is done: an error in between, which takes back what came with it,
        leaves nobody's identity taken for granted."""
        wanted = tenancy.actor().setting
        self._told = None
        yield wanted
        self._told = wanted

    def doubt_what_was_told(self) -> None:
        self._told = None

    def _tell_of_system(self, reason: str) -> None:
        from accounts.audit import system_use  # needs the applications, which are loaded by now

        if system_use.is_due(reason):
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                system_use.tell(cursor, reason)
            if not self.autocommit:
                self._told_of.add(reason)

    def _forget(self) -> None:
        self._told = None
        if self._told_of:
            from accounts.audit import system_use  # as above

            system_use.take_back(self._told_of)
            self._told_of.clear()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """From the pool, where there is one, without those whose server has gone meanwhile."""
        connection = super().get_new_connection(conn_params)
        while self.pool and not _is_alive(connection):
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection

    def make_cursor(self, cursor: Any) -> CursorWrapper:
        return (_KeptCursor if isinstance(cursor, psycopg.ServerCursor) else _Cursor)(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> CursorDebugWrapper:
        return (_KeptDebugCursor if isinstance(cursor, psycopg.ServerCursor) else _DebugCursor)(cursor, self)

    def _commit(self) -> None:
        # The commit of a transaction that failed is a rollback, without an error.
        if self.connection is not None and self.connection.info.transaction_status != TransactionStatus.INTRANS:
            self._forget()
        try:
            super()._commit()  # type: ignore[misc]  # unknown to the stubs
        except BaseException:
            # So is one that a deferred constraint refuses.
            self._forget()
            raise
        self._told_of.clear()

    def _rollback(self) -> None:
        self._forget()
        super()._rollback()  # type: ignore[misc]  # unknown to the stubs

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]  # unknown to the stubs
        self._forget()

    def _close(self) -> None:
        # Nothing of them is left to whoever gets the connection next, neither rows nor a name to close.
        for kept in list(self.kept):
            with suppress(psycopg.Error):
                kept.cursor.close()
        self.kept.clear()
        self._forget()
        super()._close()  # type: ignore[misc]  # unknown to the stubs
