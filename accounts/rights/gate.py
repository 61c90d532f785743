from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import escape

from accounts.rights import consent
from accounts.rights.requesting import Held

# What may be done without having agreed: agreeing, leaving, and taking one's data along.
ALLOWED = frozenset(
    {
        "account_logout",
        "health",
        "ready",
        "rights:consent",
        "rights:delete",
        "rights:delete_export",
        "rights:download",
        "rights:export",
        "rights:your_data",
        "second_factor:confirm",
        "second_factor:sign_in_again",
    }
)
_FIRST = "Agree to the notice of this installation first. Open it in a browser; you are then led to the notice."


class ConsentGate:
    """Leads people who have yet to agree to the notice to it. Stands behind the gate of the second factor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        if (match and match.view_name in ALLOWED) or not consent.is_missing(request.user, request.session):
            return None
        page = reverse("rights:consent")
        if "HX-Request" in request.headers:
            return HttpResponse(status=204, headers={"HX-Redirect": page})
        if _is_no_navigation(request):
            # A script or a program would take the page, at the end of the redirection, for what it asked for.
            return HttpResponse(_FIRST, status=403, content_type="text/plain; charset=utf-8")
        back = {"next": request.get_full_path()} if request.method == "GET" else {}
        return redirect(f"{page}?{urlencode(back)}" if back else page)


def _is_no_navigation(request: HttpRequest) -> bool:
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return mode != "navigate" or "application/json" in request.headers.get("Accept", "")


class HeldGate:
    """What cannot be deleted under a legal hold is refused in words, wherever nobody has said them yet."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Held):
            return None
        if "HX-Request" in request.headers or _is_no_navigation(request):
            return HttpResponse(escape(error.text), status=409)
        return render(request, "rights/held.html", {"text": error.text}, status=409)


class ConsentSocket:
    """No socket before that either."""

    def __init__(self, inner: Callable[..., Any]) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        from channels.db import database_sync_to_async

        if await database_sync_to_async(consent.is_missing)(scope["user"], scope["session"]):
            await receive()
            await send({"type": "websocket.close", "code": 4403})
            return None
        return await self.inner(scope, receive, send)
