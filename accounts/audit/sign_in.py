"""Signing in and out, passwords and addresses: recorded where Django and allauth tell of them."""

from typing import Any

from allauth.account import signals as allauth_signals
from django.contrib.auth import signals as django_signals
from django.http import HttpRequest

from accounts.audit.actions import Action
from accounts.audit.recording import record
from accounts.models import User


def connect() -> None:
    for signal, receiver in {
        django_signals.user_logged_in: _signed_in,
        django_signals.user_logged_out: _signed_out,
        django_signals.user_login_failed: _failed,
        allauth_signals.user_signed_up: _signed_up,
        allauth_signals.password_changed: _password_changed,
        allauth_signals.password_set: _password_changed,
        allauth_signals.password_reset: _password_reset,
        allauth_signals.email_changed: _email_changed,
        allauth_signals.email_confirmed: _email_confirmed,
    }.items():
        signal.connect(receiver, dispatch_uid=f"audit {receiver.__name__}")


def masked(address: str) -> str:
    """Enough to see a pattern in many failures, and too little for what was typed: it may have been a password."""
    name, at, host = address.strip().rpartition("@")
    ending = host.rpartition(".")[2]
    if not at or not name or "." not in host or not ending.isalpha() or len(ending) > 10:
        return "***"
    return f"{name[0]}***@{host[0]}***.{ending}"


def _signed_in(request: HttpRequest | None, user: User, **_: Any) -> None:
    session = getattr(request, "session", {})
    steps = session.get("account_authentication_methods", [])
    # Those of this sign-in, without what else allauth remembers of them.
    methods = [step.get("provider") or step.get("type") or step.get("method") for step in steps[-3:]]
    record(Action.SIGNED_IN, user=user, methods=methods)


def _signed_out(user: User | None, **_: Any) -> None:
    if user is not None and user.pk:
        record(Action.SIGNED_OUT, user=user)


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    typed = str(credentials.get("email") or credentials.get("username") or "")
    user = User.objects.filter(email=typed.strip().lower()).first() if typed else None
    if user is None:
        record(Action.SIGN_IN_FAILED, reason="no such account", masked=masked(typed))
    else:
        record(Action.SIGN_IN_FAILED, user=user, reason="wrong password" if user.is_active else "suspended")


def _signed_up(user: User, **_: Any) -> None:
    record(Action.SIGNED_UP, user=user)


def _password_changed(user: User, **_: Any) -> None:
    record(Action.PASSWORD_CHANGED, user=user)


def _password_reset(user: User, **_: Any) -> None:
    record(Action.PASSWORD_RESET, user=user)


def _email_changed(user: User, **_: Any) -> None:
    record(Action.EMAIL_CHANGED, user=user)


def _email_confirmed(email_address: Any, **_: Any) -> None:
    record(Action.EMAIL_CONFIRMED, user=email_address.user_id)
