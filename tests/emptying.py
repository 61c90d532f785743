"""Emptying the tables between tests.

TRUNCATE makes a new file for every table and every index of it, and Django then writes anew what migrating writes;
both cost more than most tests do. Deleting the few rows that a test leaves, and none of migrating's, does not.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

import psycopg
from django.core.management.commands import flush
from django.db import connections
from psycopg import sql

from accounts.tenancy.postgresql.creation import OWNER
from accounts.tenancy.postgresql.operations import DatabaseOperations

# What is more than this in one table is removed with all of it.
FEW = 100
# They refuse the deletion of a row.
APPEND_ONLY = {"audit_event", "audit_seal"}
# Written by migrating, and by nothing else.
KEPT = {"auth_permission", "django_content_type"}

_TRIES = 10
# Every so often all is emptied as a whole: what was deleted still takes room, which searches read through.
_AS_A_WHOLE = 100
_turn = count(1)
_owners: dict[str, psycopg.Connection[Any]] = {}


def _owner(name: str) -> psycopg.Connection[Any]:
    if name in _owners:
        return _owners[name]
    parameters = {**connections[OWNER].get_connection_params(), "dbname": name}
    parameters.pop("pool", None)
    connection: psycopg.Connection[Any] = psycopg.connect(**parameters, autocommit=True)
    connection.execute("SELECT set_config('chatsite.actor', 'system', false)")
    _owners[name] = connection
    return connection


@cache
def _counting(tables: tuple[str, ...]) -> sql.Composed:
    one = sql.SQL("SELECT {name}, count(*) FROM (SELECT FROM {table} LIMIT {few}) AS found HAVING count(*) > 0")
    return sql.SQL(" UNION ALL ").join(
        one.format(name=sql.Literal(table), table=sql.Identifier(table), few=sql.Literal(FEW + 1)) for table in tables
    )


def execute_sql_flush(operations: DatabaseOperations, sql_list: Iterable[str]) -> None:
    """In place of DatabaseOperations.execute_sql_flush, for the one statement of `flush`."""
    (command,) = sql_list
    assert command.startswith("TRUNCATE "), command
    restart = "RESTART IDENTITY" in command
    tables = tuple(table for table in re.findall(r'"(\w+)"', command) if table not in KEPT)
    owner = _owner(operations.connection.settings_dict["NAME"])
    # What a test began in another thread or process may still write: then one of the two is in the other's way.
    for _ in range(_TRIES - 1):
        try:
            _empty(owner, tables, restart=restart)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.ForeignKeyViolation):
            continue
        return
    _empty(owner, tables, restart=restart)


def _empty(owner: psycopg.Connection[Any], tables: tuple[str, ...], *, restart: bool) -> None:
    filled = dict(owner.execute(_counting(tables), prepare=True).fetchall())
    if restart or next(_turn) % _AS_A_WHOLE == 0 or any(rows > FEW for rows in filled.values()):
        whole = sql.SQL("TRUNCATE {} RESTART IDENTITY" if restart else "TRUNCATE {}")
        owner.execute(whole.format(sql.SQL(", ").join(map(sql.Identifier, tables))))
        return
    with owner.transaction():
        # Every foreign key is checked at the commit, so the order is of no importance.
        for table in filled:
            emptied = "TRUNCATE {}" if table in APPEND_ONLY else "DELETE FROM {}"
            owner.execute(sql.SQL(emptied).format(sql.Identifier(table)), prepare=True)


@contextmanager
def cheap() -> Iterator[None]:
    """For the whole session of tests."""
    DatabaseOperations.execute_sql_flush = execute_sql_flush  # type: ignore[method-assign]
    flush.emit_post_migrate_signal = lambda *_: None  # type: ignore[attr-defined]  # it would write what is kept
    yield
    # Nobody can delete a database that somebody is connected to.
    for connection in _owners.values():
        connection.close()
