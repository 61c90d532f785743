from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.lock_out import browsers
from accounts.models import User
from accounts.sessions import signed_in


def noted(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Keep the list of a person's sessions, whichever way they came in. Stands behind the gate of the second factor."""

    def middleware(request: HttpRequest) -> HttpResponse:
        user, before = request.user, request.session.session_key
        if not isinstance(user, User):
            return get_response(request)
        is_new = signed_in.note(request, user)
        response = get_response(request)
        after = request.session.session_key
        if before and before != after:
            if request.user == user:
                signed_in.follow_key(user, before, after or "")
            else:
                signed_in.forget(user, before)
        if is_new:
            browsers.remember(request, response, user.pk)
        return response

    return middleware
