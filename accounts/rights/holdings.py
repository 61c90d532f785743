"""Who keeps something about people. Every application that does registers, so that nothing is forgotten.

An export is made of what all holdings give, a deletion is done when all have erased.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Any, ClassVar, Protocol
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder

from accounts.encryption.errors import Forged
from accounts.models import User


@dataclass(frozen=True)
class Entry:
    """One file of an export: where it stands in the archive, and its bytes, or how to open them when they are many.

    A path may hold what a person typed; accounts.rights.archive makes it safe and unique. `ends_step`: with this file
    one of the steps that `Holding.count` promised is done.
    """

    path: str
    content: bytes | Callable[[], AbstractContextManager[IO[bytes]]]
    ends_step: bool = True


# In an export, instead of a value that was damaged or changed outside Chatsite.
UNREADABLE = "(This could not be read: what is stored here was damaged.)"


def told(instance: Any, name: str) -> Any:
    """A sealed value for an export. One that is damaged costs the person that value, not the whole copy."""
    try:
        return getattr(instance, name)
    except Forged:
        return UNREADABLE


def as_json(value: object) -> bytes:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2).encode()


class Holding(Protocol):
    """What one application keeps about people.

    `models` names every model whose rows lead to a person (a test finds those that nobody names). `count` is how many
    steps export and erasure take, for progress. `stop` ends the work under way on what is the person's, in a
    transaction that closes the account. `erase` deletes everything in batches, calling `step` after each; doing it
    again after an interruption goes on. All run as the person. `expire`, where there is a retention, deletes what is
    older than that many days, of one person, and says how many. It stops at a legal hold (requesting.is_held_for_now).
    """

    name: str
    models: ClassVar[frozenset[str]]
    # {kind: what it is, in words}: the kinds of RETENTION_DAYS.
    retentions: ClassVar[dict[str, str]]

    def count(self, user_id: UUID) -> int: ...

    def export(self, user: User) -> Iterator[Entry]: ...

    def stop(self, user_id: UUID) -> None: ...

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None: ...

    def expire(self, kind: str, user_id: UUID, days: int) -> int: ...


_registered: dict[str, Holding] = {}


def register(holding: Holding) -> None:
    """To be called when an application is ready."""
    _registered[holding.name] = holding


def every() -> Iterable[Holding]:
    """In the order of registration: what stands in lower applications is erased last."""
    return list(reversed(_registered.values()))


def retention_kinds() -> dict[str, str]:
    found: dict[str, Any] = {}
    for holding in every():
        found |= holding.retentions
    return found
