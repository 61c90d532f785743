import uuid

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.http import AuthenticatedHttpRequest
from chats import replies
from chats.explaining import explanation
from chats.models import Message


@require_GET
def why(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    """In the side panel, or, without htmx, as a page. Readers of a shared chat have no such page: what else stands in
    the owner's library is not shared with them."""
    found = replies.message_of(request, conversation_id, message_id)
    if found.role != Message.Role.ASSISTANT:
        raise Http404
    context = {"message": found, "why": explanation.of(found, request.user), "is_panel": bool(request.htmx)}
    return render(request, "explaining/_why.html" if request.htmx else "explaining/why.html", context)
