import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from chats import presentation, replies, stopping
from chats.conversation import ChatError
from chats.editing import asking_anew
from chats.images import attaching
from chats.models import Message


@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def edit(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    """A question as a field in its own place, and what is sent from there."""
    question = replies.message_of(request, conversation_id, message_id)
    try:
        asking_anew.refuse_what_is_no_question(question)
    except ChatError as error:
        return replies.refused(request, error, back=reverse("chats:conversation", args=[conversation_id]))
    if request.method != "POST":
        return _form(request, question, question.content)
    text = request.POST.get("content", "")
    try:
        kept = _kept(request)
        pictures = attaching.chosen(request.user, request.POST.getlist("pictures"), beside=len(kept or ()))
        asking_anew.edit(question, text, kept=kept, pictures=pictures)
    except ChatError as error:
        if request.htmx:
            return replies.refused(request, error, back="")
        return _form(request, question, text, error=error)
    for answer in asking_anew.answers_under_way(question):
        stopping.stop(answer)
    return replies.path(request, conversation_id)


def _kept(request: AuthenticatedHttpRequest) -> set[int] | None:
    """The numbers of the pictures that stay. None: the form had no part for them."""
    if "chooses_pictures" not in request.POST:
        return None
    return {int(number) for number in request.POST.getlist("kept") if number.isdecimal()}


def _form(
    request: AuthenticatedHttpRequest, question: Message, text: str, *, error: ChatError | None = None
) -> HttpResponse:
    presentation.prepare([question], {})
    context = {
        "message": question,
        "text": text,
        "models": asking_anew.models_of(question),
        "error": error.text if error else "",
    }
    template = "editing/_form.html" if request.htmx else "editing/edit.html"
    return render(request, template, context, status=error.status if error else 200)
