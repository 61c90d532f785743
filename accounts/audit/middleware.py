from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.audit import origin


def remember_origin(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """What is recorded while a request is answered names its address and browser, without being handed the request."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with origin.coming_from(request):
            return get_response(request)

    return middleware
