import uuid
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from accounts.capabilities import Capability, may
from accounts.http import AuthenticatedHttpRequest
from chats import live, replies
from chats.searching import finding, middle
from chats.searching.forms import SearchForm


@require_http_methods(["GET", "POST"])
def search(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The page, and what is found, for which the words come by POST: so they stand in no address and in no log."""
    if request.method != "POST":
        return render(request, "searching/search.html", _context(SearchForm({}, request.user)))
    form = SearchForm(request.POST, request.user)
    context, status = _context(form), 200
    if form.is_valid():
        start = form.cleaned_data.get("start") or 0
        context["start"] = start
        context["found"] = finding.find(request.user, form.cleaned_data["q"], form.filters(), start=start)
    elif not request.htmx:
        status = 422
    if not request.htmx:
        return render(request, "searching/search.html", context, status=status)
    # 200 even for what cannot be searched for, so that the sentence about it takes the place of what was found before.
    return render(request, "searching/_results.html", context)


@require_GET
def show(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    """To a message in its conversation. On another branch than the chosen one, the reader chooses it by this.

    By GET, so that it is a link like any other: what is shown of one's own conversation is no change to it.
    """
    message = replies.message_of(request, conversation_id, message_id)
    if may(request.user, Capability.CHAT) and (leaf := middle.choose_branch(message)):
        live.publish_now(conversation_id, live.event(leaf, "path"))
    address = reverse("chats:conversation", args=[conversation_id])
    return redirect(f"{address}?{urlencode({'at': str(message.pk)})}#m-{message.pk}")


@require_GET
def later(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """For a page that shows a message from the middle: what stands between it and the newest ones."""
    found = replies.conversation_of(request, conversation_id)
    try:
        after, before = (uuid.UUID(request.GET.get(name, "")) for name in ("after", "before"))
    except ValueError:
        after = before = uuid.UUID(int=0)
    context = middle.later(found, after, before)
    if context is None:
        return HttpResponse("The link to later messages is incomplete. Reload the page.", status=400)
    return render(request, "searching/_later.html", context)


def _context(form: SearchForm) -> dict[str, Any]:
    fields: Any = form.fields
    return {
        "form": form,
        "folders": list(fields["folder"].queryset.order_by("created_at")),
        "tags": list(fields["tag"].queryset.order_by("created_at")),
        "models_used": [key for key, _ in fields["model"].choices],
        "has_filters": form.is_bound and form.is_valid() and form.filters().any,
        "asked_for": [(name, form.data.get(name, "")) for name in fields if name != "start"],
    }
