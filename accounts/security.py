"""What the settings page says about how a person signs in, and where."""

from dataclasses import dataclass

from django.http import HttpRequest

from accounts import local_passwords
from accounts.models import User
from accounts.second_factor import enrolment, recovery
from accounts.sessions import signed_in
from accounts.sessions.engine import kept_as
from accounts.sessions.models import UserSession


@dataclass(frozen=True, slots=True)
class Security:
    # The provider that decides instead of a password here, or nothing.
    decided_by: str
    has_second_factor: bool
    is_required: bool
    codes_left: int
    sessions: list[UserSession]
    this_session: str


def of(user: User, request: HttpRequest) -> Security:
    has_second_factor = user.second_factor is not None
    this_session = kept_as(request.session.session_key or "")
    sessions = signed_in.of(user)
    return Security(
        decided_by=local_passwords.decided_by(user),
        has_second_factor=has_second_factor,
        is_required=enrolment.is_required(user),
        codes_left=recovery.left(user) if has_second_factor else 0,
        sessions=sorted(sessions, key=lambda session: session.session_key != this_session),
        this_session=this_session,
    )
