"""Tokens in a day and bytes kept, by role: QUOTA_TOKENS_PER_DAY and QUOTA_STORAGE_MB. 0 is without limit.

Tokens are counted when an answer is over, so the answers under way may exceed the quota by what they still write.
Bytes are counted under a lock before a file is recorded, so two uploads at once cannot both take the last of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from accounts import audit
from accounts.limits import buckets
from accounts.limits.models import TokensSpent
from accounts.limits.rates import AUDIT_EVERY
from accounts.models import User

# From this share on the person is told.
NEARLY = 0.9
MB = 1024 * 1024

_storage: dict[str, Callable[[UUID], int]] = {}


class QuotaReached(Exception):
    """`text` is for the person: what is used up, what was kept, and when there is more."""

    code = "QUOTA_REACHED"
    status = 429

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Measure:
    used: int
    # None: without limit.
    limit: int | None

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def percent(self) -> int:
        return min(100, 100 * self.used // self.limit) if self.limit else 0

    @property
    def is_nearly_full(self) -> bool:
        return self.limit is not None and self.used >= NEARLY * self.limit

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.used >= self.limit


@dataclass(frozen=True, slots=True)
class Usage:
    tokens: Measure
    storage: Measure
    resets_at: datetime


def count_storage(name: str, bytes_of: Callable[[UUID], int]) -> None:
    """For applications that keep files: how many bytes they keep for a person. To be called when they are ready."""
    _storage[name] = bytes_of


# --- Tokens -------------------------------------------------------------------------------------------------------


def has_token_quota() -> bool:
    """Whether any role has one: without, nobody needs to be looked up."""
    return any(settings.QUOTA_TOKENS_PER_DAY.values())


def tokens(user: User) -> Measure:
    spent = TokensSpent.objects.filter(owner_id=user.pk, day=timezone.localdate()).values_list("tokens", flat=True)
    return Measure(spent.first() or 0, settings.QUOTA_TOKENS_PER_DAY.get(user.role) or None)


def tokens_left(user: User) -> int | None:
    return tokens(user).left if settings.QUOTA_TOKENS_PER_DAY.get(user.role) else None


def check_tokens(user: User) -> None:
    """Raises QuotaReached."""
    if tokens_left(user) == 0:
        _note(user, "tokens")
        raise QuotaReached(
            f"Today's {settings.QUOTA_TOKENS_PER_DAY[user.role]:,} tokens of your account are used up. "
            f"Your text is kept. There are new ones from {resets_at():%H:%M} ({settings.TIME_ZONE})."
        )


def spend_tokens(user_id: UUID, count: int) -> None:
    """In the caller's transaction. Both of two answers that end at once are counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO limits_tokensspent AS spent (owner_id, day, tokens, answers) VALUES (%s, %s, %s, 1) "
            "ON CONFLICT (owner_id, day) DO UPDATE SET tokens = spent.tokens + excluded.tokens, "
            "answers = spent.answers + 1",
            [user_id, timezone.localdate(), max(0, count)],
        )


def resets_at() -> datetime:
    """The next midnight of the installation."""
    tomorrow = timezone.localdate() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), tzinfo=timezone.get_default_timezone())


# --- Storage ------------------------------------------------------------------------------------------------------


def storage(user: User) -> Measure:
    used = sum(bytes_of(user.pk) for bytes_of in _storage.values())
    return Measure(used, settings.QUOTA_STORAGE_MB.get(user.role, 0) * MB or None)


def storage_left(user: User) -> int | None:
    return storage(user).left if settings.QUOTA_STORAGE_MB.get(user.role) else None


def check_storage(user: User, size: int) -> None:
    """Raises QuotaReached. Binding only while the caller holds the person's row locked; before that it spares work."""
    left = storage_left(user)
    if left is not None and size > left:
        _note(user, "storage")
        limit = filesizeformat(settings.QUOTA_STORAGE_MB[user.role] * MB)
        raise QuotaReached(
            f"This file has {filesizeformat(size)}, and {filesizeformat(left)} of your {limit} are free. It was not "
            "kept; everything else is. Delete documents that you do not need, or ask an administrator for more room."
        )


def _note(user: User, quota: str) -> None:
    if buckets.first_in(f"noted:{quota}:{user.pk}", AUDIT_EVERY):
        audit.record(audit.Action.QUOTA_REACHED, user=user, quota=quota)


# --- For pages ----------------------------------------------------------------------------------------------------


def usage(user: User) -> Usage:
    return Usage(tokens(user), storage(user), resets_at())


def tokens_note(user: User) -> str:
    """A sentence for the place where questions are written, or "" while there is enough."""
    if not settings.QUOTA_TOKENS_PER_DAY.get(user.role):
        return ""
    measure = tokens(user)
    if not measure.is_nearly_full:
        return ""
    return f"{measure.percent} % of today's tokens are used. There are new ones from {resets_at():%H:%M}."


def storage_note(user: User) -> str:
    if not settings.QUOTA_STORAGE_MB.get(user.role):
        return ""
    measure = storage(user)
    if not measure.is_nearly_full:
        return ""
    used, limit = filesizeformat(measure.used), filesizeformat(measure.limit or 0)
    return f"{used} of your {limit} are used. Delete what you do not need."
