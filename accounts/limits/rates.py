"""How many requests in a minute, for each person and for each address.

A view costs from a budget (which one: chatsite/costs.py). What is counted: a person's own requests, and those of
everybody at one address, who get more, because an office shares one address. Who has not signed in is an address.
"""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts import audit
from accounts.limits import buckets
from accounts.limits.addresses import client_address, network_of
from accounts.limits.buckets import Bucket
from accounts.models import User

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)
T = TypeVar("T")

logger = logging.getLogger(__name__)

# A refusal is audited once in so many seconds for each person or address: the trail is not to be flooded.
AUDIT_EVERY = 60


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests that are counted together. `person` and `address` are multiples of RATE_LIMIT_PER_MINUTE and of
    RATE_LIMIT_BURST: how much of it one person has, and one address. None: not counted."""

    name: str
    person: float | None
    address: float | None
    # How many tokens one request takes.
    cost: int = 1
    # Two sentences: what there was too much of, and what became of it.
    words: str = "That was a lot in a short time. Nothing was changed."


# Here and not in the table of the project: a view counts it by itself, where only it knows that it makes a file.
EXPORT = Budget("export", person=1, address=10, cost=10, words="An export is a lot of work. No other one was begun.")


class TooMany(Exception):
    """`retry_after` in whole seconds. `text` is for the person."""

    code = "RATE_LIMITED"
    status = 429

    def __init__(self, budget: Budget, seconds: float) -> None:
        self.budget = budget
        self.retry_after = max(1, math.ceil(seconds))
        self.text = f"{budget.words} Try again in {_duration(self.retry_after)}."
        super().__init__(budget.name)


def check(who: "HttpRequest | User", budget: Budget, *, cost: int | None = None) -> None:
    """Count one request. Raises TooMany.

    While Redis is away, people who have signed in are not counted: their accounts are known, and a site that turns
    everybody away with its Redis would make a small fault a large one. Strangers are counted by each process for
    itself, so that guessing passwords stays slow.
    """
    if settings.RATE_LIMIT_PER_MINUTE == 0:
        return
    user, address = _subject(who)
    wanted = list(_buckets(budget, user, address, budget.cost if cost is None else cost))
    try:
        waiting = buckets.take(wanted)
    except buckets.Away:
        waiting = 0.0 if user else buckets.take_here(wanted)
    if waiting:
        _note(who if isinstance(who, HttpRequest) else None, budget, user, address)
        raise TooMany(budget, waiting)


def counted(budget: Budget) -> Callable[[Callable[Concatenate[R, P], T]], Callable[Concatenate[R, P], T]]:
    """For what a view does now and then, and which costs more than the view itself. Raises TooMany."""

    def decorate(do: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
        @wraps(do)
        def wrapper(request: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
            check(request, budget)
            return do(request, *args, **kwargs)

        return wrapper

    return decorate


def _subject(who: "HttpRequest | User") -> tuple[User | None, str]:
    if isinstance(who, User):
        return who, ""
    user = getattr(who, "user", None)
    return (user if isinstance(user, User) else None), network_of(client_address(who))


def _buckets(budget: Budget, user: User | None, address: str, cost: int) -> Iterator[Bucket]:
    if user is not None and budget.person:
        yield _bucket(budget, "person", str(user.pk), budget.person, cost)
    if address and budget.address:
        yield _bucket(budget, "address", address, budget.address, cost)


def _bucket(budget: Budget, kind: str, subject: str, share: float, cost: int) -> Bucket:
    return Bucket.of(
        f"{budget.name}:{_name(kind, subject)}",
        per_minute=settings.RATE_LIMIT_PER_MINUTE * share,
        burst=settings.RATE_LIMIT_BURST * share,
        cost=cost,
    )


def _name(kind: str, subject: str) -> str:
    """No addresses in Redis, not even for a minute."""
    return salted_hmac("accounts.limits", f"{kind}:{subject}", algorithm="sha256").hexdigest()[:32]


def _note(request: HttpRequest | None, budget: Budget, user: User | None, address: str) -> None:
    subject = _name("person", str(user.pk)) if user else _name("address", address)
    if buckets.first_in(f"noted:{subject}", AUDIT_EVERY):
        audit.record(audit.Action.RATE_LIMITED, user=user, request=request, budget=budget.name)
        logger.warning("Too many requests (%s) by %s.", budget.name, "a person" if user else "an address")


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    return f"{math.ceil(seconds / 60)} minutes"
