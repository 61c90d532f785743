"""Writing an event: one INSERT in the caller's transaction, so that an action and its record stand or fall together."""

import json
import math
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.http import HttpRequest

from accounts import tenancy
from accounts.audit import origin
from accounts.audit.actions import Action

if TYPE_CHECKING:
    from accounts.models import User

# The time and what sealing fills in are the database's own business (accounts.audit.append_only).
INSERT = """
    INSERT INTO audit_event (action, user_id, resource_kind, resource_id, address, agent, request_id, details)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_LONGEST_WORD = 200
_LONGEST_LIST = 100


def record(
    action: Action,
    *,
    user: "User | UUID | None" = None,
    request: HttpRequest | None = None,
    resource: tuple[str, object] | None = None,
    **details: Any,
) -> None:
    """Record that `user` did something; without one, whoever is signed in or acts.

    `resource` is a kind and an identifier. `details` hold numbers, identifiers and words of the product, never what
    people wrote: no content, titles, names of files, addresses that were typed, or secrets.
    """
    with connection.cursor() as cursor:
        cursor.execute(INSERT, values(action, user=user, request=request, resource=resource, **details))


def values(
    action: Action,
    *,
    user: "User | UUID | None" = None,
    request: HttpRequest | None = None,
    resource: tuple[str, object] | None = None,
    **details: Any,
) -> list[Any]:
    """The parameters of INSERT."""
    kind, identifier = resource or ("", "")
    came_from = origin.of(request) if request is not None else origin.current()
    return [
        action.value,
        _user_id(user, request),
        kind,
        _plain(str(identifier))[:64],
        came_from.address,
        _plain(came_from.agent),
        came_from.request_id,
        json.dumps({name: _kept(value) for name, value in details.items()}),
    ]


def _user_id(user: "User | UUID | None", request: HttpRequest | None) -> UUID | None:
    if user is None and request is not None:
        user = getattr(request, "user", None)
    if user is None:
        return tenancy.actor().user_id
    return user if isinstance(user, UUID) else user.pk


def _kept(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, list | tuple | set | frozenset):
        return [_kept(item) for item in list(value)[:_LONGEST_LIST]]
    return _plain(str(value))[:_LONGEST_WORD]


def _plain(text: str) -> str:
    """As PostgreSQL can store it."""
    return text.replace("\0", "").encode(errors="replace").decode()
