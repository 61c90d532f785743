"""Django's sessions in the database, under the hash of their key.

Whoever holds the key is the person, for as long as the session lasts. So the database, and every dump of it, knows
sessions by a hash only: nobody signs in with what lies there. A key is random enough for a plain, fast hash.
"""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.core.exceptions import SuspiciousOperation
from django.db.models.functions import Now

from accounts.statements import Statement


def kept_as(session_key: str) -> str:
    """How the database knows the session with this key."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


_standing = Statement(lambda kept: Session.objects.filter(session_key=kept, expire_date__gt=Now()))


class SessionStore(db.SessionStore):
    """What stands here in place of Django's is what asks by the key, or writes it. `session_key` stays the key."""

    def _get_session_from_db(self) -> Session | None:
        found: Session | None = _standing.first(kept_as(self.session_key or ""))
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(kept_as(session_key))

    def create_model_instance(self, data: Any) -> Session:
        made: Any = super().create_model_instance(data)
        made.session_key = kept_as(made.session_key)
        return made  # type: ignore[no-any-return]  # Session, which its base class does not say

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(kept_as(key))

    # Nothing here asks for sessions from the event loop; what did would go by the plain key, and must not.

    async def _in_threads_only(self, *_args: Any, **_kwargs: Any) -> Any:
        raise SuspiciousOperation("Sessions are read and written in threads.")

    aload = aexists = asave = adelete = _in_threads_only
