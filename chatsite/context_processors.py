from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from chats import reading


def chatsite(request: HttpRequest) -> dict[str, Any]:
    """`csp_nonce`: for the few script tags, all with a source of our own.

    `sidebar_groups`: the person's conversations, on every page that shows them. Asked for only where it is shown.
    """
    context: dict[str, Any] = {"csp_nonce": getattr(request, "csp_nonce", "")}
    user = getattr(request, "user", None)
    if isinstance(user, User):
        context["sidebar_groups"] = SimpleLazyObject(lambda: reading.sidebar(user))
    return context
