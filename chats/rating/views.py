import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from chats import presentation, replies
from chats.conversation import BadMessage, ChatError
from chats.rating import giving


@require_POST
@requires(Capability.CHAT)
def rate(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    answer: Any = replies.message_of(request, conversation_id, message_id)
    at = f"{reverse('chats:conversation', args=[conversation_id])}#m-{message_id}"
    try:
        if (chosen := request.POST.get("rating", "")) not in giving.RATINGS:
            raise BadMessage("Choose a thumb up or down. Nothing was changed.")
        giving.rate(answer, giving.RATINGS[chosen], request.POST.get("comment"))
    except ChatError as error:
        return replies.refused(request, error, back=at)
    if not request.htmx:
        return redirect(at)
    context = {
        "message": answer,
        "id": message_id,
        "url": presentation.message_url(conversation_id, message_id),
        "asks_why": "comment" not in request.POST,
    }
    return render(request, "rating/_rating.html", context)
