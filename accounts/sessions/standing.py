"""Whether a session is still what it was: there, its person's, and with the same rights."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts.second_factor import gate

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True, slots=True)
class Standing:
    session_key: str
    user_id: UUID
    role: str

    @classmethod
    def of(cls, user: "User", session: SessionBase) -> Self:
        return cls(session.session_key or "", user.pk, user.role)

    def is_kept(self) -> bool:
        """As a request with this session would be seen now."""
        request = HttpRequest()
        request.session = store(self.session_key)
        user: Any = get_user(request)
        return (
            user.is_authenticated
            and user.pk == self.user_id
            and user.role == self.role
            and gate.missing_step(user, request.session) is None
        )


def store(session_key: str) -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore(session_key)
