"""Querysets that are made into SQL once, for what every page asks.

Building a queryset and compiling it takes Django longer than PostgreSQL takes to answer: some 0.3 ms each time. Where
only identifiers change from one time to the next, that need be done once:

    _shared = Statement(lambda user_id: Share.objects.open_to(user_id).values_list("collection", flat=True))
    ids = _shared(user.pk)

The queryset is written where and as any other; what it may depend on is only its arguments' values, not whether they
are there. Whoever acts, transactions and row-level security are as with any query.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet
from django.db.models.query import FlatValuesListIterable, ModelIterable, ValuesListIterable

# What can stand in a statement for good. A moment, for one, cannot: write Now(), which the database looks up.
_LASTING = (str, int, float, bool, type(None))

_GIVEN: set[Any] = {ModelIterable, ValuesListIterable, FlatValuesListIterable}


@dataclass(frozen=True, slots=True)
class _Compiled:
    model: Any
    # As the queryset's: instances, tuples or single values.
    gives: type
    sql: str
    # An argument's place, or a value that is always the same.
    params: tuple[tuple[int | None, Any], ...]
    names: dict[str, str]


class Statement:
    """Called with as many UUIDs or texts as the function takes (or None in the place of a UUID, which nothing equals);
    gives a list of instances, or of tuples or values where the queryset ends with `values_list`."""

    def __init__(self, make: Callable[..., QuerySet[Any, Any]]) -> None:
        self._make = make
        # By how many arguments there are.
        self._compiled: dict[int, _Compiled] = {}

    def __call__(self, *values: uuid.UUID | str | None) -> list[Any]:
        compiled = self._compiled.get(len(values))
        if compiled is None:
            compiled = self._compiled[len(values)] = _compile(self._make, [_mark(value) for value in values])
        params = [value if place is None else values[place] for place, value in compiled.params]
        if compiled.gives is ModelIterable:
            rows = compiled.model._default_manager
            return list(rows.raw(compiled.sql, params, compiled.names))
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, params)
            found = cursor.fetchall()
        return found if compiled.gives is ValuesListIterable else [row[0] for row in found]

    def first(self, *values: uuid.UUID | str | None) -> Any:
        """The one, where there is at most one, or None."""
        return next(iter(self(*values)), None)


def _mark(value: uuid.UUID | str | None) -> uuid.UUID | str:
    return uuid.uuid4().hex if isinstance(value, str) else uuid.uuid4()


def _compile(make: Callable[..., QuerySet[Any, Any]], marks: list[uuid.UUID | str]) -> _Compiled:
    queryset: Any = make(*marks)
    iterable = queryset._iterable_class  # noqa: SLF001 - nothing else tells
    is_more = queryset.query.select_related or queryset._prefetch_related_lookups  # noqa: SLF001 - as above
    if iterable not in _GIVEN or is_more:
        raise TypeError("A statement gives instances without others, or values.")
    compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
    sql, found = compiler.as_sql()
    params = tuple((marks.index(value), None) if value in marks else (None, value) for value in found)
    if set(marks) - set(found):
        raise TypeError("An argument does not appear in the statement.")
    if wrong := [value for place, value in params if place is None and not isinstance(value, _LASTING)]:
        raise TypeError(f"{type(wrong[0]).__name__} would stand in the statement for good.")
    # A union calls its columns col1, col2 and so on.
    selected = compiler.select if queryset.query.combinator else ()
    names = {alias: column.target.column for column, _, alias in selected if alias}
    return _Compiled(queryset.model, iterable, sql, params, names)
