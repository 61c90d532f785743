"""Browsers that an account knows, because somebody has signed in there entirely.

Such a browser carries a signed cookie. It opens nothing; it only keeps strangers, who fail on purpose, from closing the
door to somebody who comes from there.
"""

import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "browser"
_SALT = "accounts.lock_out.browser"
_KEPT = timedelta(days=365)
# Of how many accounts one browser is remembered.
_MOST = 8


def known(request: HttpRequest, user_id: UUID) -> str:
    """The browser's own random name if the account knows it, else ""."""
    name, accounts = _read(request)
    return name if user_id.hex in accounts else ""


def remember(request: HttpRequest, response: HttpResponse, user_id: UUID) -> None:
    name, accounts = _read(request)
    if user_id.hex in accounts:
        return
    value = {"n": name or secrets.token_urlsafe(16), "a": [user_id.hex, *accounts][:_MOST]}
    response.set_cookie(
        COOKIE,
        signing.dumps(value, salt=_SALT),
        max_age=_KEPT,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    try:
        value = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_KEPT)
        return str(value["n"]), [str(account) for account in value["a"]]
    except (signing.BadSignature, KeyError, TypeError):
        return "", []
