from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class AuthenticatedHttpRequest(HttpRequest):
    """What a view behind the sign-in gets, for the type checker."""

    # LoginRequiredMiddleware has turned everybody else away.
    user: User
    htmx: HtmxDetails
