"""Whether a session is still what it was: there, its person's, and with the same rights."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import constant_time_compare

from accounts.models import User
from accounts.second_factor import gate


@dataclass(frozen=True, slots=True)
class Standing:
    session_key: str
    user_id: UUID
    role: str

    @classmethod
    def of(cls, user: User, session: SessionBase) -> Self:
        return cls(session.session_key or "", user.pk, user.role)

    def is_kept(self) -> bool:
        """As a request with this session would be seen now. Changes nothing, unlike Django's own `get_user`."""
        session = store(self.session_key)
        if session.get(SESSION_KEY) != str(self.user_id):
            return False
        user = User.objects.filter(pk=self.user_id, is_active=True, role=self.role).first()
        if user is None:
            return False
        hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
        given = session.get(HASH_SESSION_KEY, "")
        is_its_own = any(constant_time_compare(given, known) for known in hashes)
        return is_its_own and gate.missing_step(user, session) is None


def store(session_key: str) -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore(session_key)
