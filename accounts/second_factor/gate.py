"""What is still missing from a sign-in: asked for every request and every socket, whichever way the session began.

Until nothing is missing the person is nobody: `request.user` is anonymous, so that pages, the API, the administration,
row-level security and whatever is added later turn them away by themselves. Only the pages for giving what is missing
know who waits there (`waiting`).
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.urls import reverse

if TYPE_CHECKING:
    from accounts.models import User

# In the session: the authenticator whose code was given.
VERIFIED = "second_factor"


class Step(enum.Enum):
    CODE = "second_factor:step"
    ENROL = "second_factor:enrol"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who gave the password, or came from another provider, and has a step to go."""

    user: "User"
    step: Step


def missing_step(user: Any, session: SessionBase) -> Step | None:
    if not user.is_authenticated:
        return None
    if user.second_factor is None:
        return Step.ENROL if user.role in settings.TOTP_REQUIRED_ROLES else None
    return None if session.get(VERIFIED) == str(user.second_factor) else Step.CODE


def waiting(request: HttpRequest) -> Waiting | None:
    return getattr(request, "waiting", None)


def let_in(request: HttpRequest, user: "User") -> None:
    """Nothing is missing any more from this session. It gets a new key, as with any other gain in rights."""
    request.session[VERIFIED] = str(user.second_factor)
    request.session.cycle_key()
    rotate_token(request)


class Gate:
    """Stands right behind Django's AuthenticationMiddleware, before anything asks who the person is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user: Any = request.user
        step = missing_step(user, request.session)
        if step is not None:
            request.waiting = Waiting(user, step)  # type: ignore[attr-defined]  # read by `waiting`
            _make_nobody(request)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        half = waiting(request)
        if half is None:
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name == "account_logout":
            # So that it finds somebody to sign out.
            request.user = half.user
            return None
        is_way_in = name == "account_login" and request.method == "GET"
        if getattr(view, "login_required", True) or is_way_in:
            return _lead_to(half.step, request, back=request.GET.get("next", "") if is_way_in else "")
        return None


def _make_nobody(request: HttpRequest) -> None:
    async def anybody() -> AnonymousUser:
        return AnonymousUser()

    request.user = AnonymousUser()
    request.auser = anybody


def _lead_to(step: Step, request: HttpRequest, *, back: str) -> HttpResponse:
    if "HX-Request" in request.headers:
        back = urlsplit(request.headers.get("HX-Current-URL", "")).path
    elif not back and request.method == "GET":
        back = request.get_full_path()
    address = reverse(step.value) + (f"?{urlencode({'next': back})}" if back and back != "/" else "")
    if "HX-Request" in request.headers:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect(address)
