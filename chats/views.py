"""Thin edges: each view reaches its rows through the person, calls one verb, and answers a fragment or a page."""

import uuid
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.capabilities import Capability, may, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.limits import quotas
from chats import conversation as conversations
from chats import live, presentation, reading, replies, stopping
from chats.comparing import deciding
from chats.images import attaching, seeing
from chats.models import Conversation, Message
from chats.prompting import choosing
from chats.scoping import chosen
from chats.scoping.chosen import Choice
from documents import pages
from documents.collections.access import searchable_count
from llms import catalogue


@require_GET
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    context = _page_context(request, None)
    if may(request.user, Capability.CHAT):
        context |= choosing.home_context(request.user, request.GET.get("persona", ""))
        with suppress(chosen.NotChosen):
            context["shelf"] = chosen.wanted(request.user, request.GET.get("collection", ""))
    return render(request, "chats/conversation.html", context)


@require_GET
def conversation(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = replies.conversation_of(request, conversation_id)
    return render(request, "chats/conversation.html", _page_context(request, found, at=_wanted_message(request)))


@require_POST
@requires(Capability.CHAT)
def start(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A new conversation with its first question."""
    try:
        pictures = attaching.chosen(request.user, request.POST.getlist("pictures"))
        text = conversations.clean(attaching.question_of(request.POST.get("content", ""), pictures))
        model = conversations.clean_model(request.POST.get("model", ""))
        models = deciding.models(request.POST.getlist("compare"))
        for key in models or [model]:
            seeing.refuse_blind(key, len(pictures))
        persona = choosing.wanted(request.user, request.POST.get("persona", ""))
        shelf = chosen.wanted(request.user, request.POST.get("collection", ""))
        # One that is refused at the end, because of a picture that another tab just sent, leaves no empty chat.
        with transaction.atomic():
            found = conversations.start(request.user, model=model)
            choosing.begin(found, persona)
            conversations.configure(found, use_documents=_wants_documents(request))
            if shelf is not None:
                chosen.keep(found, Choice(collections=frozenset({shelf.pk})))
            conversations.post_message(found, text, pictures=pictures, models=models)
    except conversations.ChatError as error:
        return replies.refused(request, error, back=reverse("chats:home"))
    return replies.go(request, reverse("chats:conversation", args=[found.pk]))


@require_POST
@requires(Capability.CHAT)
def post_message(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = replies.conversation_of(request, conversation_id)
    back = reverse("chats:conversation", args=[found.pk])
    try:
        pictures = attaching.chosen(request.user, request.POST.getlist("pictures"))
        text = conversations.clean(attaching.question_of(request.POST.get("content", ""), pictures))
        models = deciding.models(request.POST.getlist("compare"))
        for key in models or [_model_wanted(request, found)]:
            seeing.refuse_blind(key, len(pictures))
        conversations.configure(found, model=request.POST.get("model"), use_documents=_wants_documents(request))
        exchange = conversations.post_message(
            found, text, parent_id=_last_shown(request), pictures=pictures, models=models
        )
    except conversations.ChatError as error:
        return replies.refused(request, error, back=back)
    if exchange.leaves_path:
        return replies.path(request, found.pk, whole=True)
    html = presentation.exchange(exchange.question, exchange.compared or [exchange.answer], found)
    tab = request.POST.get("tab", "")[:64]
    content = presentation.append_messages(html)
    live.publish_now(
        found.pk,
        live.event(
            exchange.answer.pk, "exchange", origin=tab, content=content, after=str(exchange.question.parent_id or "")
        ),
    )
    if not request.htmx:
        return redirect(back)
    return HttpResponse(html)


@require_GET
def message(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    """One bubble: for pages whose socket is down, and after a reconnect."""
    found = replies.message_of(request, conversation_id, message_id)
    return replies.bubble(request, found)


@require_GET
def text(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    """As it was written, for who copies it: formulas, tables and code are lost in what a page shows."""
    return replies.as_written(replies.message_of(request, conversation_id, message_id).content)


@require_POST
@requires(Capability.CHAT)
def stop(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    stopping.stop(replies.message_of(request, conversation_id, message_id))
    return replies.done(request, conversation_id)


@require_POST
@requires(Capability.CHAT)
def regenerate(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    found = replies.message_of(request, conversation_id, message_id)
    try:
        conversations.regenerate(found, model=request.POST.get("model", ""))
    except conversations.ChatError as error:
        return replies.refused(request, error, back=reverse("chats:conversation", args=[conversation_id]))
    return replies.path(request, conversation_id)


@require_GET
@requires(Capability.CHAT)
def again(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    """Which model shall answer again: a page for browsers without a script, which have no menu of them."""
    answer = replies.message_of(request, conversation_id, message_id)
    if answer.role != Message.Role.ASSISTANT:
        raise Http404
    return render(request, "chats/again.html", {"message": answer, **replies.model_context(answer.conversation)})


@require_POST
@requires(Capability.CHAT)
def continue_answer(
    request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> HttpResponse:
    found = replies.message_of(request, conversation_id, message_id)
    try:
        conversations.continue_answer(found)
    except conversations.ChatError as error:
        return replies.refused(request, error, back=reverse("chats:conversation", args=[conversation_id]))
    if not request.htmx:
        return redirect("chats:conversation", conversation_id)
    return replies.bubble(request, found)


@require_POST
@requires(Capability.CHAT)
def switch_branch(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    below = conversations.switch_branch(replies.message_of(request, conversation_id, message_id))
    return replies.path(request, conversation_id, at_least=below + 1)


@require_GET
def earlier(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = replies.conversation_of(request, conversation_id)
    try:
        before = uuid.UUID(request.GET.get("before", ""))
    except ValueError:
        return HttpResponse("The link to earlier messages is incomplete. Reload the page.", status=400)
    return render(request, "chats/_messages.html", replies.messages_context(found, before, below=True))


@require_GET
def latest(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """The newest part of the chosen path, for a page that shows another."""
    found = replies.conversation_of(request, conversation_id)
    context = replies.messages_context(found, found.active_leaf_id) | replies.model_context(found)
    return render(request, "chats/_messages.html", context)


@require_POST
@requires(Capability.CHAT)
def choose_model(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Which model answers from now on: what is asked, edited or answered again after this means it."""
    found = replies.conversation_of(request, conversation_id)
    try:
        conversations.configure(found, model=request.POST.get("model"))
    except conversations.ChatError as error:
        return replies.refused(request, error, back=reverse("chats:conversation", args=[found.pk]))
    return replies.done(request, found.pk)


@require_POST
@requires(Capability.CHAT)
def rename(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = replies.conversation_of(request, conversation_id)
    try:
        conversations.rename(found, request.POST.get("title", ""))
    except conversations.ChatError as error:
        return replies.refused(request, error, back=reverse("chats:conversation", args=[found.pk]))
    title = replies.tell_title(found, origin=request.POST.get("tab", "")[:64])
    if not request.htmx:
        return redirect("chats:conversation", found.pk)
    return HttpResponse(title)


@require_POST
@requires(Capability.CHAT)
def delete(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = replies.conversation_of(request, conversation_id)
    stopping.delete(found)
    # Without its title, which would lie in a cookie or in the session until it is shown.
    messages.success(request, "The chat was deleted.", extra_tags=f"undo:{reverse('chats:restore', args=[found.pk])}")
    return replies.go(request, reverse("chats:home"))


@require_POST
@requires(Capability.CHAT)
def restore(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Conversation.objects.deleted_by(request.user), pk=conversation_id)
    conversations.restore(found)
    return replies.go(request, reverse("chats:conversation", args=[found.pk]))


@require_GET
def citation(
    request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID, number: int
) -> HttpResponseBase:
    """The cited passage on its page: in the side panel, or, without htmx, on the document's own page."""
    found = replies.message_of(request, conversation_id, message_id)
    source = reading.source(found, number)
    if source is None:
        raise Http404
    word = pages.place_word(None, source.document_name)
    context: dict[str, Any] = {"citation": source, "number": number, "word": word}
    if source.version_id:
        context |= pages.passage_view(
            source.version_id,
            source.page,
            source.boxes,
            source.quoted,
            chunk_id=source.chunk_id,
            document_name=source.document_name,
        )
    if not request.htmx:
        if url := context.get("page_url"):
            return redirect(url)
        return render(request, "chats/citation.html", context)
    return render(request, "chats/_citation.html", context)


def _model_wanted(request: AuthenticatedHttpRequest, found: Conversation) -> str:
    return conversations.clean_model(request.POST.get("model", found.model))


def _last_shown(request: AuthenticatedHttpRequest) -> uuid.UUID | None:
    """What the page that asks ends with. Pages say nothing while they are empty, nor do other clients."""
    return _uuid(request.POST.get("after", ""))


def _wants_documents(request: AuthenticatedHttpRequest) -> bool | None:
    """None when the form did not ask: then it stays as it is, on, for documents that come later."""
    return "use_documents" in request.POST if "documents_offered" in request.POST else None


def _wanted_message(request: AuthenticatedHttpRequest) -> uuid.UUID | None:
    """Which a link to the page leads to; one that is mistyped leads to the page's end, like none."""
    return _uuid(request.GET.get("at", ""))


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _page_context(
    request: AuthenticatedHttpRequest, found: Conversation | None, *, at: uuid.UUID | None = None
) -> dict[str, Any]:
    documents = searchable_count(request.user.pk)
    return {
        "conversation": found,
        "document_count": documents,
        "use_documents": found.use_documents if found else documents > 0,
        "quota_note": quotas.tokens_note(request.user),
        "provider_note": catalogue.provider_state().note,
        "max_length": settings.MESSAGE_MAX_LENGTH,
        "images_per_message": settings.IMAGES_PER_MESSAGE,
        "image_max_size": settings.IMAGE_MAX_SIZE,
        "tab": uuid.uuid4().hex,
        # Made once: each `csrf_token` of a template would mask the secret anew, and every bubble has forms.
        "csrf_token": get_token(request),
        **replies.model_context(found),
        **(replies.messages_context(found, found.active_leaf_id, at=at) if found else {"messages_page": []}),
    }
