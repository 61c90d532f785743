"""The sidebar of the page that asks, be it a page or an htmx request of one."""

import re
import uuid

from django.http import HttpRequest

from accounts.models import User
from chats.organising import listing

_CHAT = re.compile(r"/chats/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:$|[/?#])")


def sidebar(request: HttpRequest, user: User) -> listing.Sidebar:
    try:
        length = int(request.POST.get("shown", "0")[:6])
    except ValueError:
        length = 0
    folders = request.COOKIES.get("folders", "")
    return listing.sidebar(user, open_folders=folders, current=current_chat(request), length=length)


def current_chat(request: HttpRequest) -> uuid.UUID | None:
    """The one that is open in the page."""
    htmx = getattr(request, "htmx", None)
    found = _CHAT.match((htmx.current_url_abs_path or "") if htmx else request.path)
    return uuid.UUID(found[1]) if found else None
