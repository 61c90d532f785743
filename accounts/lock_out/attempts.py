"""Attempts to sign in, counted by account and by address (docs/security.md says why so).

A browser that the account knows is counted by itself: a stranger who fails on purpose closes the account's door for
other strangers, never for the person at their own machine. At one account every attempt is counted before it is looked
at, so that a hundred at once get no more guesses than one after the other. At an address only failures count: a whole
office may sign in at nine o'clock.
"""

import math
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.limits.addresses import client_address, network_of
from accounts.lock_out import browsers
from accounts.lock_out.models import Failures, Kind, SignInName
from accounts.models import User

# Of one person. A directory has two or three.
_MOST_NAMES = 10


class LockedOut(Exception):
    """Nothing is looked at before `until`; without one, while others are. The same for accounts that do not exist."""

    def __init__(self, until: datetime | None) -> None:
        super().__init__(until)
        self.until = until

    @property
    def text(self) -> str:
        if self.until is None:
            return "Too many attempts at once. Wait a moment and try again."
        minutes = max(1, math.ceil((self.until - timezone.now()).total_seconds() / 60))
        wait = f"{minutes} minutes" if minutes > 1 else "a minute"
        if minutes > 120:
            wait = f"{math.ceil(minutes / 60)} hours"
        return f"Too many failed attempts. Try again in {wait}, or ask an administrator to open the way sooner."


@dataclass(frozen=True)
class Attempt:
    """One that is being looked at. It counts as failed until `succeeded` is called."""

    rows: list[Failures] = field(default_factory=list)

    @property
    def user_id(self) -> UUID | None:
        """Whose account it is at, if there is such an account."""
        return next((row.user_id for row in self.rows if row.user_id), None)

    def succeeded(self) -> None:
        # The address stays as it was: one's own account between two guesses must not give an attacker new ones.
        Failures.objects.filter(key__in=self._keys).exclude(kind=Kind.ADDRESS).delete()

    def failed(self) -> LockedOut | None:
        """What to tell if this one closed the way."""
        now = timezone.now()
        with transaction.atomic():
            rows = _rows_for_update(self._keys)
            for row in rows:
                if row.kind == Kind.ADDRESS and not row.is_locked(now):
                    row.add(now)
                if row.is_used_up and not row.is_locked(now):
                    row.lock(now)
                row.save()
        return _locked(rows, now)

    def take_back(self) -> None:
        """As if it had not been made: it was not looked at."""
        with transaction.atomic():
            for row in _rows_for_update(self._keys):
                if row.kind != Kind.ADDRESS and row.count and not row.locked_until:
                    row.count -= 1
                    row.save(update_fields=["count"])

    @property
    def _keys(self) -> list[str]:
        return [row.key for row in self.rows]


def begin(request: HttpRequest, *, account: User | str, code: bool = False) -> Attempt:
    """Count an attempt at a password, or at a code. Raises LockedOut. `account`: who, or what was typed."""
    wanted = _subjects(request, account if isinstance(account, User) else _find(account), account, code=code)
    now = timezone.now()
    with transaction.atomic():
        # Both statements go by the order of the keys, so that attempts which share some wait and do not deadlock.
        Failures.objects.bulk_create(sorted(wanted, key=lambda row: row.key), ignore_conflicts=True)
        rows = _rows_for_update([row.key for row in wanted])
        refused = _locked(rows, now) or _crowded(rows, now)
        if not refused:
            for row in rows:
                if row.kind != Kind.ADDRESS:
                    row.add(now)
                    row.save()
    if refused:
        raise refused
    return Attempt(rows)


def remember_name(user: User, typed: str) -> None:
    """Somebody came in by a name that is not the address here, as in a directory: later guesses at it are at them."""
    if typed.strip().lower() == user.email:
        return
    names = SignInName.objects.filter(user=user)
    key = _name_key(typed)
    # Whose it was last: a directory may give it to somebody else.
    if names.filter(key=key).exists() or names.count() >= _MOST_NAMES:
        return
    SignInName.objects.update_or_create(key=key, defaults={"user": user})


def forgive(user: User) -> int:
    """Open every way in to this account: an administrator says so. How many were closed."""
    mine = Failures.objects.filter(user=user)
    closed = int(mine.locked().count())
    mine.delete()
    return closed


def forgive_passwords(user: User) -> None:
    """The account has a new password. Wrong codes still count: else a mailbox would buy new guesses at codes."""
    Failures.objects.filter(user=user, kind=Kind.ACCOUNT).delete()


def _subjects(request: HttpRequest, user: User | None, typed: User | str, *, code: bool) -> list[Failures]:
    what = "code" if code else "password"
    if user and (browser := browsers.known(request, user.pk)):
        return [_row(Kind.BROWSER, f"{browser} {user.pk} {what}", user=user)]
    network = network_of(client_address(request))
    return [
        _row(Kind.CODE if code else Kind.ACCOUNT, str(user.pk) if user else _spelled(str(typed)), user=user),
        # Without the length of the prefix, for people; those who have no address share one count.
        _row(Kind.ADDRESS, network, address=network.partition("/")[0] or None),
    ]


def _row(kind: Kind, subject: str, **fields: object) -> Failures:
    key = salted_hmac("accounts.lock_out", f"{kind} {subject}", algorithm="sha256").hexdigest()
    return Failures(key=key, kind=kind, **fields)


def _rows_for_update(keys: list[str]) -> list[Failures]:
    return list(Failures.objects.select_for_update(of=("self",)).filter(key__in=keys).order_by("key"))


def _locked(rows: list[Failures], now: datetime) -> LockedOut | None:
    until = [row.locked_until for row in rows if row.locked_until and row.is_locked(now)]
    return LockedOut(max(until)) if until else None


def _crowded(rows: list[Failures], now: datetime) -> LockedOut | None:
    """As many as may fail are being looked at already."""
    full = any(row.kind != Kind.ADDRESS and row.is_used_up and row.counts(now) for row in rows)
    return LockedOut(None) if full else None


def _find(typed: str) -> User | None:
    user = User.objects.filter(email=typed.strip().lower()).first()
    if user is None and settings.SSO.ldap:
        name = SignInName.objects.select_related("user").filter(key=_name_key(typed)).first()
        return name.user if name else None
    return user


def _name_key(typed: str) -> str:
    return salted_hmac("accounts.lock_out", f"name {_spelled(typed)}", algorithm="sha256").hexdigest()


def _spelled(typed: str) -> str:
    """One spelling for all of a name that no account has here: a directory may take each of them for one person."""
    return " ".join(unicodedata.normalize("NFKC", typed).casefold().split())
