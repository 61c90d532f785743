"""The list of a person's sessions, and ending them. Every query acts as that person (accounts.tenancy)."""

import time
from datetime import timedelta
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from accounts.lock_out.models import Failures
from accounts.models import User
from accounts.sessions.announcing import look_again
from accounts.sessions.engine import kept_as
from accounts.sessions.models import AGENT_LENGTH, UserSession
from accounts.tenancy import acting_as, acting_as_system

# {session key: when this process last wrote it down, by time.monotonic}, so that a request costs no write. Each process
# has its own; at worst as many write in a minute as there are processes. Sixty seconds of the session's own, not the
# clock's minute: at its turn all sessions would write at once.
_noted: dict[str, float] = {}
_AGAIN_AFTER = 60.0
_MOST_NOTED = 10_000


def note(request: HttpRequest, user: User) -> bool:
    """Write down that the session was seen, at most once a minute. True if it was not known yet."""
    key, moment = request.session.session_key or "", time.monotonic()
    if not key or moment - _noted.get(key, -_AGAIN_AFTER) < _AGAIN_AFTER:
        return False
    if len(_noted) >= _MOST_NOTED:
        _noted.clear()
    _noted[key] = moment
    now = timezone.now().replace(second=0, microsecond=0)
    seen = {
        "last_seen_at": now,
        "auth_hash": user.get_session_auth_hash(),
        "address": get_adapter(request).get_client_ip(request),
        "agent": request.headers.get("User-Agent", "")[:AGENT_LENGTH].replace("\0", ""),
    }
    with acting_as(user):
        if UserSession.objects.filter(session_key=kept_as(key)).update(**seen):
            return False
        new = UserSession(owner=user, session_key=kept_as(key), signed_in_at=timezone.now(), **seen)
        # Two requests of a new session may come here at once.
        UserSession.objects.bulk_create([new], ignore_conflicts=True)
    return True


def follow_key(user: User, before: str, after: str) -> None:
    """Django gives a session a new key when something important changes; it stays the same session to its owner."""
    with acting_as(user):
        now = {"session_key": kept_as(after), "auth_hash": user.get_session_auth_hash()}
        UserSession.objects.filter(session_key=kept_as(before)).update(**now)


def forget(user: User, session_key: str) -> None:
    """The person signed out there."""
    with acting_as(user):
        UserSession.objects.filter(session_key=kept_as(session_key)).delete()
    look_again(user.pk)


def of(user: User) -> list[UserSession]:
    """Where the person is signed in, the latest first. Forgets what has ended meanwhile."""
    with acting_as(user):
        rows = list(UserSession.objects.filter(owner=user).order_by("-last_seen_at", "-signed_in_at"))
        stored = Session.objects.filter(session_key__in=[row.session_key for row in rows])
        alive = set(stored.filter(expire_date__gt=timezone.now()).values_list("session_key", flat=True))
        standing = [row for row in rows if row.session_key in alive and row.auth_hash == user.get_session_auth_hash()]
        if len(standing) < len(rows):
            UserSession.objects.filter(owner=user).exclude(pk__in=[row.pk for row in standing]).delete()
    return standing


def end(user: User, session_id: UUID) -> bool:
    """Sign this session out and close its sockets. False if there is none of this name, or not of this person."""
    with acting_as(user):
        row = UserSession.objects.filter(owner=user, pk=session_id).first()
        if row is None:
            return False
        Session.objects.filter(session_key=row.session_key).delete()
        row.delete()
    look_again(user.pk)
    return True


def forget_ended() -> None:
    """What is left of sessions that ran out, and of failed attempts that no longer count."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    Failures.objects.over().delete()
    longest = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    with acting_as_system("forget sessions that ran out"):
        UserSession.objects.filter(last_seen_at__lt=timezone.now() - longest).delete()
