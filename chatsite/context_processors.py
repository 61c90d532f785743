from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.capabilities import Capability, Granted, may
from accounts.models import User
from chats.organising import showing
from chats.sharing import listing


def chatsite(request: HttpRequest) -> dict[str, Any]:
    """`csp_nonce`: for the few script tags, all with a source of our own.

    `may`: what the person's role allows, as in `{% if may.upload %}`. `read_only`: somebody who may only read. Not
    there in what a worker renders, which is for people who may chat.

    `chat_list`: the person's conversations for the sidebar, on every page that shows it; `shared_with_you`: those that
    others share with them. Asked for only where they are shown.
    """
    context: dict[str, Any] = {"csp_nonce": getattr(request, "csp_nonce", "")}
    user = getattr(request, "user", None)
    if user is not None:
        context["may"] = Granted(user)
        context["read_only"] = user.is_authenticated and not may(user, Capability.CHAT)
    if isinstance(user, User):
        context["chat_list"] = SimpleLazyObject(lambda: showing.sidebar(request, user))
        context["shared_with_you"] = SimpleLazyObject(lambda: listing.received(user))
    return context
