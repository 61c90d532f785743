"""How a change is answered: with the menu or nothing in its place, the list drawn anew, and a word that offers Undo.

Without htmx it is a redirect, back to where the person was, with the same word.
"""

import uuid
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.http import AuthenticatedHttpRequest
from chats import replies
from chats.conversation import ChatError
from chats.organising import showing, undo


def changed(
    request: AuthenticatedHttpRequest,
    said: str,
    change: undo.Change | None = None,
    *,
    menu: tuple[str, dict[str, Any]] | None = None,
    back: str = "",
) -> HttpResponse:
    """`menu`: what goes on standing open, a template and its context; without one, what was open closes.

    `said` never repeats what the person wrote: it waits in a cookie or in the session until it is shown.
    """
    if said:
        tags = f"undo:{reverse('organising:undo', args=[undo.remember(request.user, change)])}" if change else ""
        messages.success(request, said, extra_tags=tags)
    if not request.htmx:
        return redirect(back or came_from(request))
    template, context = menu or ("", {})
    return render(request, "organising/_changed.html", {"menu": template, **context})


def said(request: AuthenticatedHttpRequest, text: str) -> HttpResponse:
    """A problem that has no form to stand in."""
    messages.error(request, text)
    return changed(request, "")


def gone(
    request: AuthenticatedHttpRequest, ids: set[uuid.UUID], said: str, change: undo.Change, *, back: str = ""
) -> HttpResponse:
    """The same for what was deleted. A page that shows one of them leads home."""
    if request.htmx and showing.current_chat(request) in ids:
        tags = f"undo:{reverse('organising:undo', args=[undo.remember(request.user, change)])}"
        messages.success(request, said, extra_tags=tags)
        return replies.go(request, reverse("chats:home"))
    return changed(request, said, change, back=back)


def refused(
    request: AuthenticatedHttpRequest, error: ChatError, template: str, context: dict[str, Any], *, page: str = ""
) -> HttpResponse:
    """The same menu with a sentence in it and what was written; htmx swaps only what succeeded, so it is a 200."""
    context |= {"error": error.text}
    if request.htmx:
        return render(request, template, context)
    return render(request, page, context, status=error.status)


def came_from(request: AuthenticatedHttpRequest) -> str:
    """The page of ours with the form."""
    address = request.POST.get("next") or request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}):
        return reverse("chats:home")
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
