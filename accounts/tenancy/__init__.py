"""Who acts. PostgreSQL shows an actor their own rows and no others (row-level security), and nobody sees none.

The actor is a context variable: every request, socket and job says whose work it is, and the database backend
(accounts.tenancy.postgresql) tells the connection before its next statement. Threads need a copy of the context.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

__all__ = ["NOBODY", "Actor", "acting_again", "acting_as", "acting_as_system", "actor"]


class _Person(Protocol):
    @property
    def pk(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, the system (with the reason why every row is needed), or, with neither, nobody."""

    user_id: UUID | None = None
    reason: str = ""

    @property
    def is_system(self) -> bool:
        return bool(self.reason)

    @property
    def setting(self) -> str:
        """As the database is told: what the functions of accounts.tenancy.protection read."""
        return "system" if self.reason else str(self.user_id or "")


NOBODY = Actor()
_actor: ContextVar[Actor] = ContextVar("actor", default=NOBODY)


def actor() -> Actor:
    return _actor.get()


def acting_as(person: "_Person | UUID | None") -> AbstractContextManager[None]:
    """Everything inside is done for this person. None, or somebody who did not sign in, is nobody."""
    user_id = person if isinstance(person, UUID) else getattr(person, "pk", None)
    return acting_again(Actor(user_id=user_id))


def acting_as_system(reason: str) -> AbstractContextManager[None]:
    """Everything inside sees every row: for the few jobs that cannot know whose rows they need. Kept short.

    `reason` says in a few words what for; it is the same for every use of one kind.
    """
    if not reason:
        raise ValueError("The system acts for a reason.")
    return acting_again(Actor(reason=reason))


@contextmanager
def acting_again(earlier: Actor) -> Iterator[None]:
    """Everything inside is done for whoever acted earlier: of what they asked for, a part is still to come."""
    token = _actor.set(earlier)
    try:
        yield
    finally:
        _actor.reset(token)
