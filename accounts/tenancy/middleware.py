from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.tenancy import acting_as


def acting(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A request acts as the person who is signed in. A response that is made while it is sent does so no more."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with acting_as(request.user):
            return get_response(request)

    return middleware


class ActingSocket:
    """A socket acts as the person who opened it, from its connection to its end. Goes inside channels' own sign-in."""

    def __init__(self, inner: Callable[..., Any]) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        with acting_as(scope["user"]):
            return await self.inner(scope, receive, send)
