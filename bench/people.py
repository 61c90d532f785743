"""Make people with a session and an empty conversation each, for load: `python -m bench.people 100`. Prints JSON.

Straight into the database: signing a hundred people in through the form costs a hundred password hashes, on purpose.
"""

import json
import sys

import django

django.setup()

from django.conf import settings  # noqa: E402 - the applications must be loaded
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.sessions.engine import SessionStore  # noqa: E402
from accounts.tenancy import acting_as  # noqa: E402
from chats import conversation  # noqa: E402


def make(number: int) -> dict[str, str]:
    user = User(email=f"reader{number}@example.org", role="user")
    user.set_unusable_password()
    user.save()
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    with acting_as(user):
        started = conversation.start(user, use_documents=False)
    return {"session": str(session.session_key), "conversation": str(started.pk)}


def main() -> None:
    first = User.objects.count()
    print(json.dumps([make(first + number) for number in range(int(sys.argv[1]))]))


if __name__ == "__main__":
    main()
