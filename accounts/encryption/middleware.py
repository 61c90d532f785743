import logging
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.encryption.errors import KeyErased, SealingError

logger = logging.getLogger(__name__)


class Unreadable:
    """A page that cannot be decrypted says why, in a sentence, instead of that something went wrong."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, SealingError):
            return None
        logger.error("A page could not be decrypted: %s", error.text, exc_info=error)
        status = HTTPStatus.GONE if isinstance(error, KeyErased) else HTTPStatus.SERVICE_UNAVAILABLE
        return render(request, "unreadable.html", {"text": error.text}, status=status)
