"""What views of conversations begin and end with: rows reached through the person, contexts, fragments and pages."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import escape

from accounts.http import AuthenticatedHttpRequest
from accounts.models import User
from accounts.statements import Statement
from chats import conversation as conversations
from chats import live, presentation, tree
from chats.models import Conversation, Message
from chats.searching import middle
from llms import catalogue

# Messages shown at first and added each time the reader reaches the top.
PAGE_LENGTH = 30
# And how many at most, so that the message is among them at which another version was chosen.
LONGEST_PAGE = middle.NEAR


_visible = Statement(lambda user_id, pk: Conversation.objects.visible_to(User(pk=user_id)).filter(pk=pk))


def conversation_of(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> Conversation:
    found: Conversation | None = _visible.first(request.user.pk, conversation_id)
    if found is None:
        raise Http404
    return found


def message_of(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> Message:
    rows = Message.objects.visible_to(request.user).select_related("conversation", "parent")
    return get_object_or_404(rows, pk=message_id, conversation_id=conversation_id)


def tell_title(found: Conversation, *, origin: str = "") -> str:
    """Tell pages that show this chat, and return what they get. `origin`: the tab that has it already."""
    content = presentation.title(found.pk, found.title)
    live.publish_now(found.pk, live.event(found.pk, "title", content=content, origin=origin))
    return content


def model_context(found: Conversation | None) -> dict[str, Any]:
    models = catalogue.chat_models()
    wanted = found.model if found else ""
    keys = [model.key for model in models]
    return {
        "models": models,
        "current_model_key": wanted if wanted in keys else catalogue.default_model().key,
        # Offered where pictures come to a model that cannot see.
        "vision_model_key": next((model.key for model in catalogue.vision_models()), ""),
    }


def messages_context(
    found: Conversation, last: uuid.UUID | None, *, below: bool = False, at_least: int = 0, at: uuid.UUID | None = None
) -> dict[str, Any]:
    """`at`: a message that is to be among them, if it stands on the path. Far above the others it comes with those
    around it, as `island`."""
    place = middle.Place.of(found, last, at)
    if place and not place.is_far:
        at_least = place.least
    limit = at_least if PAGE_LENGTH < at_least <= LONGEST_PAGE else PAGE_LENGTH
    part = tree.part_of_path(found.pk, last, limit=limit, below=below)
    compared = [] if below else tree.compared_at_end(part)
    shown = part.messages
    presentation.prepare([*shown, *compared], part.siblings, keeps=True)
    context = {
        "conversation": found,
        "messages_page": shown,
        "has_earlier": part.has_earlier,
        "earlier_before": shown[0].pk if part.has_earlier and shown else None,
        "compared": compared,
        # Said, since looking for a name that is nowhere takes a template long.
        "oob": False,
        "stop_url": _stop_url(found, [message for message in compared or shown[-1:] if message.is_live]),
    }
    return context | (place.island(before=shown[0].pk) if place and place.is_far else {})


def _stop_url(found: Conversation, under_way: list[Message]) -> str:
    """What the composer's button stops; nothing when nothing is being written."""
    if len(under_way) == 1:
        return reverse("chats:stop", args=[found.pk, under_way[0].pk])
    return reverse("comparing:stop_all", args=[found.pk]) if under_way else ""


def bubble(request: AuthenticatedHttpRequest, found: Message) -> HttpResponse:
    presentation.prepare([found], tree.siblings_of(found), keeps=True)
    context = {"message": found, "conversation": found.conversation, **model_context(found.conversation)}
    return render(request, "chats/_message.html", context)


def as_written(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


def path(
    request: AuthenticatedHttpRequest, conversation_id: uuid.UUID, *, at_least: int = 0, whole: bool = False
) -> HttpResponse:
    """The newest part of the chosen path, after it changed; other tabs are told to fetch it. `whole`: in the place of
    all that the page shows, though it asked for something to add."""
    found = conversation_of(request, conversation_id)
    if found.active_leaf_id:
        live.publish_now(found.pk, live.event(found.active_leaf_id, "path"))
    if not request.htmx:
        return redirect("chats:conversation", conversation_id)
    context = messages_context(found, found.active_leaf_id, at_least=at_least) | model_context(found)
    response = render(request, "chats/_messages.html", context)
    if whole:
        response["HX-Reswap"] = "innerHTML"
    return response


def go(request: AuthenticatedHttpRequest, url: str) -> HttpResponse:
    """To another page; a redirect would be followed inside the htmx request."""
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def done(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    if request.htmx:
        return HttpResponse(status=204)
    return redirect("chats:conversation", conversation_id)


def refused(request: AuthenticatedHttpRequest, error: conversations.ChatError, *, back: str) -> HttpResponse:
    if request.htmx:
        return HttpResponse(escape(error.text), status=error.status)
    messages.error(request, error.text)
    return redirect(back)
