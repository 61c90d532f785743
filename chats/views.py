"""Thin edges: each view reaches its rows through the person, calls one verb, and answers a fragment or a page."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import escape
from django.views.decorators.http import require_GET, require_POST

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.limits import quotas
from chats import conversation as conversations
from chats import live, presentation, reading, tree
from chats.models import Conversation, Message
from documents import pages
from documents.models import Document
from llms import catalogue

# Messages shown at first and added each time the reader reaches the top.
PAGE_LENGTH = 30


def _conversation(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> Conversation:
    return get_object_or_404(Conversation.objects.visible_to(request.user), pk=conversation_id)


def _message(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> Message:
    rows = Message.objects.visible_to(request.user).select_related("conversation", "parent")
    return get_object_or_404(rows, pk=message_id, conversation_id=conversation_id)


@require_GET
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    return render(request, "chats/conversation.html", _page_context(request, None))


@require_GET
def conversation(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = _conversation(request, conversation_id)
    return render(request, "chats/conversation.html", _page_context(request, found))


@require_POST
@requires(Capability.CHAT)
def start(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A new conversation with its first question."""
    try:
        text = conversations.clean(request.POST.get("content", ""))
        model = conversations.clean_model(request.POST.get("model", ""))
        found = conversations.start(request.user, model=model)
        conversations.configure(found, use_documents=_wants_documents(request))
        conversations.post_message(found, text)
    except conversations.ChatError as error:
        return _refused(request, error, back=reverse("chats:home"))
    return _go(request, reverse("chats:conversation", args=[found.pk]))


@require_POST
@requires(Capability.CHAT)
def post_message(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = _conversation(request, conversation_id)
    back = reverse("chats:conversation", args=[found.pk])
    try:
        text = conversations.clean(request.POST.get("content", ""))
        conversations.configure(found, model=request.POST.get("model"), use_documents=_wants_documents(request))
        exchange = conversations.post_message(found, text)
    except conversations.ChatError as error:
        return _refused(request, error, back=back)
    html = presentation.exchange(exchange.question, exchange.answer, found)
    tab = request.POST.get("tab", "")[:64]
    content = presentation.append_messages(html)
    live.publish_now(found.pk, live.event(exchange.answer.pk, "exchange", origin=tab, content=content))
    if not request.htmx:
        return redirect(back)
    return HttpResponse(html)


@require_GET
def message(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    """One bubble: for pages whose socket is down, and after a reconnect."""
    found = _message(request, conversation_id, message_id)
    return _bubble(request, found)


@require_POST
@requires(Capability.CHAT)
def stop(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    found = _message(request, conversation_id, message_id)
    if conversations.stop(found):
        bubble = reading.settled_bubble(conversation_id, message_id) or ""
        live.publish_now(conversation_id, live.event(message_id, "final", content=bubble))
    else:
        live.ask_to_stop(message_id)
    return _done(request, conversation_id)


@require_POST
@requires(Capability.CHAT)
def regenerate(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    found = _message(request, conversation_id, message_id)
    try:
        conversations.regenerate(found, model=request.POST.get("model", ""))
    except conversations.ChatError as error:
        return _refused(request, error, back=reverse("chats:conversation", args=[conversation_id]))
    return _path(request, conversation_id)


@require_POST
@requires(Capability.CHAT)
def continue_answer(
    request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID
) -> HttpResponse:
    found = _message(request, conversation_id, message_id)
    try:
        conversations.continue_answer(found)
    except conversations.ChatError as error:
        return _refused(request, error, back=reverse("chats:conversation", args=[conversation_id]))
    if not request.htmx:
        return redirect("chats:conversation", conversation_id)
    return _bubble(request, found)


@require_POST
@requires(Capability.CHAT)
def switch_branch(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    conversations.switch_branch(_message(request, conversation_id, message_id))
    return _path(request, conversation_id)


@require_GET
def earlier(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = _conversation(request, conversation_id)
    try:
        before = uuid.UUID(request.GET.get("before", ""))
    except ValueError:
        return HttpResponse("The link to earlier messages is incomplete. Reload the page.", status=400)
    return render(request, "chats/_messages.html", _messages_context(found, before, below=True))


@require_GET
def latest(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """The newest part of the chosen path, for a page that shows another."""
    found = _conversation(request, conversation_id)
    context = _messages_context(found, found.active_leaf_id) | _model_context(found)
    return render(request, "chats/_messages.html", context)


@require_POST
@requires(Capability.CHAT)
def rename(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = _conversation(request, conversation_id)
    try:
        conversations.rename(found, request.POST.get("title", ""))
    except conversations.ChatError as error:
        return _refused(request, error, back=reverse("chats:conversation", args=[found.pk]))
    title = presentation.title(found.pk, found.title)
    live.publish_now(found.pk, live.event(found.pk, "title", content=title, origin=request.POST.get("tab", "")[:64]))
    if not request.htmx:
        return redirect("chats:conversation", found.pk)
    return HttpResponse(title)


@require_POST
@requires(Capability.CHAT)
def delete(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = _conversation(request, conversation_id)
    for message_id in conversations.delete(found):
        live.ask_to_stop(message_id)
    live.publish_now(found.pk, live.event(found.pk, "gone"))
    # Without its title, which would lie in a cookie or in the session until it is shown.
    messages.success(request, "The chat was deleted.", extra_tags=f"undo:{reverse('chats:restore', args=[found.pk])}")
    return _go(request, reverse("chats:home"))


@require_POST
@requires(Capability.CHAT)
def restore(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Conversation.objects.deleted_by(request.user), pk=conversation_id)
    conversations.restore(found)
    return _go(request, reverse("chats:conversation", args=[found.pk]))


@require_GET
def citation(
    request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID, number: int
) -> HttpResponseBase:
    """The cited passage on its page: in the side panel, or, without htmx, on the document's own page."""
    found = _message(request, conversation_id, message_id)
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


def _wants_documents(request: AuthenticatedHttpRequest) -> bool | None:
    """None when the form did not ask: then it stays as it is, on, for documents that come later."""
    return "use_documents" in request.POST if "documents_offered" in request.POST else None


# --- Contexts and answers -----------------------------------------------------------------------------------------


def _page_context(request: AuthenticatedHttpRequest, found: Conversation | None) -> dict[str, Any]:
    documents = Document.objects.visible_to(request.user).searchable().count()
    return {
        "conversation": found,
        "document_count": documents,
        "use_documents": found.use_documents if found else documents > 0,
        "quota_note": quotas.tokens_note(request.user),
        "provider_note": catalogue.provider_state().note,
        "max_length": settings.MESSAGE_MAX_LENGTH,
        "tab": uuid.uuid4().hex,
        # Made once: each `csrf_token` of a template would mask the secret anew, and every bubble has forms.
        "csrf_token": get_token(request),
        **_model_context(found),
        **(_messages_context(found, found.active_leaf_id) if found else {"messages_page": []}),
    }


def _model_context(found: Conversation | None) -> dict[str, Any]:
    models = catalogue.chat_models()
    wanted = found.model if found else ""
    keys = [model.key for model in models]
    return {"models": models, "current_model_key": wanted if wanted in keys else catalogue.default_model().key}


def _messages_context(found: Conversation, last: uuid.UUID | None, *, below: bool = False) -> dict[str, Any]:
    part = tree.part_of_path(found.pk, last, limit=PAGE_LENGTH, below=below)
    shown = presentation.prepare(part.messages, part.siblings)
    return {
        "conversation": found,
        "messages_page": shown,
        "has_earlier": part.has_earlier,
        "earlier_before": shown[0].pk if part.has_earlier and shown else None,
        "live_message_id": shown[-1].pk if shown and shown[-1].is_live else None,
    }


def _bubble(request: AuthenticatedHttpRequest, found: Message) -> HttpResponse:
    presentation.prepare([found], tree.siblings_of(found))
    context = {"message": found, "conversation": found.conversation, **_model_context(found.conversation)}
    return render(request, "chats/_message.html", context)


def _path(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """The newest part of the chosen path, after it changed; other tabs are told to fetch it."""
    found = _conversation(request, conversation_id)
    if found.active_leaf_id:
        live.publish_now(found.pk, live.event(found.active_leaf_id, "path"))
    if not request.htmx:
        return redirect("chats:conversation", conversation_id)
    context = _messages_context(found, found.active_leaf_id) | _model_context(found)
    return render(request, "chats/_messages.html", context)


def _go(request: AuthenticatedHttpRequest, url: str) -> HttpResponse:
    """To another page; a redirect would be followed inside the htmx request."""
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def _done(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    if request.htmx:
        return HttpResponse(status=204)
    return redirect("chats:conversation", conversation_id)


def _refused(request: AuthenticatedHttpRequest, error: conversations.ChatError, *, back: str) -> HttpResponse:
    if request.htmx:
        return HttpResponse(escape(error.text), status=error.status)
    messages.error(request, error.text)
    return redirect(back)
