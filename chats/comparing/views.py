import uuid

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from chats import replies, stopping
from chats.comparing import deciding
from chats.conversation import ChatError


@require_POST
@requires(Capability.CHAT)
def choose(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    answer = replies.message_of(request, conversation_id, message_id)
    try:
        below = deciding.choose(answer)
    except ChatError as error:
        return replies.refused(request, error, back=reverse("chats:conversation", args=[conversation_id]))
    # Nobody waits for these any more; what they have written stays.
    for other in deciding.others_under_way(answer):
        stopping.stop(other)
    return replies.path(request, conversation_id, at_least=below + 1)


@require_POST
@requires(Capability.CHAT)
def look_again(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    try:
        deciding.look_again(replies.message_of(request, conversation_id, message_id))
    except ChatError as error:
        return replies.refused(request, error, back=reverse("chats:conversation", args=[conversation_id]))
    return replies.path(request, conversation_id)


@require_POST
@requires(Capability.CHAT)
def stop_all(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Everything that is being written in a conversation."""
    stopping.stop_all(replies.conversation_of(request, conversation_id))
    return replies.done(request, conversation_id)
