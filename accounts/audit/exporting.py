"""Events as CSV and JSON, newest first, in parts that are made while they are sent."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.audit.finding import name_people
from accounts.audit.models import AuditEvent
from accounts.tenancy import acting_as_system

_ROWS_AT_ONCE = 1000
COLUMNS = (
    "id", "time", "action", "user_id", "user", "resource_kind", "resource_id", "address", "agent", "request_id",
    "details", "seal", "digest",
)  # fmt: skip
# A spreadsheet takes what begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_csv(events: QuerySet[AuditEvent]) -> Iterator[str]:
    yield _line(COLUMNS)
    for part in _parts(events):
        yield "".join(_line([_cell(event[column]) for column in COLUMNS]) for event in part)


def as_json(events: QuerySet[AuditEvent]) -> Iterator[str]:
    between = "[\n"
    for part in _parts(events):
        yield between + ",\n".join(json.dumps(event, ensure_ascii=False) for event in part)
        between = ",\n"
    yield "\n]\n" if between == ",\n" else "[]\n"


FORMATS: dict[str, tuple[str, Callable[[QuerySet[AuditEvent]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "json": ("application/json", as_json),
}


async def from_threads(parts: Iterator[str]) -> AsyncIterator[str]:
    """Under ASGI: each part is made in some thread, whose connection goes back before the part is sent."""

    def step() -> str | None:
        try:
            return next(parts, None)
        finally:
            connection.close()

    while (part := await asyncio.to_thread(step)) is not None:
        yield part


def _parts(events: QuerySet[AuditEvent]) -> Iterator[list[dict[str, Any]]]:
    last: AuditEvent | None = None
    while True:
        rest = events.order_by("-at", "-pk")
        if last is not None:
            rest = rest.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk), at__lte=last.at)
        # Ended before anything is handed on: whoever reads this must not act as the system meanwhile.
        with acting_as_system("export the audit log"):
            found = list(rest[:_ROWS_AT_ONCE])
            name_people(found)
        if not found:
            return
        yield [_record(event) for event in found]
        if len(found) < _ROWS_AT_ONCE:
            return
        last = found[-1]


def _record(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.pk,
        "time": event.at.isoformat(timespec="microseconds"),
        "action": event.action,
        "user_id": str(event.user_id) if event.user_id else "",
        "user": event.person,
        "resource_kind": event.resource_kind,
        "resource_id": event.resource_id,
        "address": event.address,
        "agent": event.agent,
        "request_id": event.request_id,
        "details": event.details,
        "seal": event.seal,
        "digest": bytes(event.digest).hex() if event.digest else "",
    }


def _cell(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _line(cells: "tuple[str, ...] | list[str]") -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
