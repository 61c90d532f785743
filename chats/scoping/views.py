"""Choosing which documents a chat searches: beside the chat, or on a page of its own."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from chats.models import Conversation
from chats.scoping import chosen
from chats.scoping.chosen import Choice, NotChosen
from documents.collections import listing
from documents.collections.access import readable_by
from documents.models import Document

_OFFERED = 100


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def searched(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Conversation.objects.visible_to(request.user), pk=conversation_id)
    if request.method != "POST":
        return _panel(request, found, Choice.of(found.search_in))
    form = request.POST
    try:
        choice = chosen.chosen(
            request.user, form.get("kind", ""), form.getlist("collections"), form.getlist("documents")
        )
    except NotChosen as error:
        return _panel(request, found, Choice.of(found.search_in), kind=form.get("kind", ""), error=error.text)
    chosen.keep(found, choice)
    said = "Saved. It holds from the next answer on."
    if not request.htmx:
        messages.success(request, said)
        return redirect("scoping:searched", found.pk)
    return _panel(request, found, choice, said=said)


def _panel(
    request: AuthenticatedHttpRequest,
    found: Conversation,
    choice: Choice,
    *,
    kind: str = "",
    said: str = "",
    error: str = "",
) -> HttpResponse:
    shelves = [*listing.own(request.user), *listing.received(request.user)]
    offered = _offered(request, choice.documents)
    known = {shelf.id for shelf in shelves} | {document.pk for document in offered}
    context: dict[str, Any] = {
        "conversation": found,
        "choice": choice,
        "kind": kind or ("own" if choice.only_own else "chosen" if choice.is_narrow else "everything"),
        "shelves": shelves,
        "offered": offered,
        "gone": len((choice.collections | choice.documents) - known),
        "said": said,
        "error": error,
    }
    template = "scoping/_panel.html" if request.htmx else "scoping/page.html"
    return render(request, template, context, status=422 if error and not request.htmx else 200)


def _offered(request: AuthenticatedHttpRequest, already: Iterable[uuid.UUID]) -> list[Document]:
    """The newest, and those that are chosen."""
    readable = readable_by(request.user.pk).searchable().select_related("owner").order_by("-created_at", "pk")
    newest = list(readable[:_OFFERED])
    others = set(already) - {document.pk for document in newest}
    return newest + (list(readable.filter(pk__in=others)) if others else [])
