"""One chat: its menu and what is in it; and the parts of the sidebar that come later."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from chats import conversation as conversations
from chats import stopping
from chats.conversation import ChatError
from chats.models import Conversation, ConversationTag, Folder, Tag
from chats.organising import answers, arranging, labels, listing, undo
from chats.replies import conversation_of, tell_title

MENU, PAGE = "organising/_chat_menu.html", "organising/chat_menu.html"


def _menu_context(found: Conversation, **more: Any) -> dict[str, Any]:
    """`section`: which part of the menu stands open."""
    mine = set(ConversationTag.objects.filter(conversation=found).values_list("tag_id", flat=True))
    tags = labels.own(found.owner, Tag)
    return {
        "chat": found,
        "folders": labels.own(found.owner, Folder),
        "tags": [(tag, tag.pk in mine) for tag in tags],
        "tag_count": len(mine),
        "name_length": labels.NAME_LENGTH,
        "title_length": conversations.TITLE_LENGTH,
        **more,
    }


def _refused(request: AuthenticatedHttpRequest, found: Conversation, error: ChatError, **more: Any) -> HttpResponse:
    return answers.refused(request, error, MENU, _menu_context(found, **more), page=PAGE)


def _back(found: Conversation) -> str:
    return reverse("organising:menu", args=[found.pk])


def _is_on(request: AuthenticatedHttpRequest) -> bool:
    return request.POST.get("on") != "0"


@require_GET
@requires(Capability.CHAT)
def menu(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    context = _menu_context(conversation_of(request, conversation_id))
    return render(request, MENU if request.htmx else PAGE, context)


@require_POST
@requires(Capability.CHAT)
def rename(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = conversation_of(request, conversation_id)
    title = request.POST.get("title", "")
    sealed = Conversation.sealed(found.pk, owner_id=found.owner_id, title=found.title)["title"]
    before = undo.Change(
        verb="rename", before={str(found.pk): None}, name=undo.kept(sealed), automatic=found.title_is_automatic
    )
    try:
        conversations.rename(found, title)
    except ChatError as error:
        return _refused(request, found, error, section="rename", typed=title[:200])
    tell_title(found)
    return answers.changed(request, "The chat was renamed.", before, back=_back(found))


@require_POST
@requires(Capability.CHAT)
def pin(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = conversation_of(request, conversation_id)
    before = undo.values_of([found], "pinned_at")
    arranging.pin([found], on=_is_on(request))
    said = "The chat was pinned to the top." if _is_on(request) else "The chat is no longer pinned."
    return answers.changed(request, said, before, back=_back(found))


@require_POST
@requires(Capability.CHAT)
def archive(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = conversation_of(request, conversation_id)
    before = undo.values_of([found], "archived_at")
    arranging.archive([found], on=_is_on(request))
    said = "The chat was archived." if _is_on(request) else "The chat is back in the list."
    return answers.changed(request, said, before, back=_back(found))


@require_POST
@requires(Capability.CHAT)
def move(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """To `folder`, to a new one, or out of any."""
    found = conversation_of(request, conversation_id)
    new = request.POST.get("new", "")
    before = undo.values_of([found], "folder_id")
    try:
        folder = label_of(request, Folder, request.POST.get("folder", ""), new)
        arranging.move([found], folder)
    except ChatError as error:
        return _refused(request, found, error, section="move", typed=new[:200])
    said = "The chat was moved to the folder." if folder else "The chat is in no folder now."
    return answers.changed(request, said, before, back=_back(found))


@require_POST
@requires(Capability.CHAT)
def tag(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Put `tag` on, or a new one, or, with `on=0`, take it off. The menu stays open for the next one."""
    found = conversation_of(request, conversation_id)
    new = request.POST.get("new", "")
    try:
        chosen = label_of(request, Tag, request.POST.get("tag", ""), new)
        if chosen is None:
            raise conversations.BadMessage("A tag needs a name. Nothing was changed; write at least one character.")
        (arranging.tag if _is_on(request) else arranging.untag)([found], chosen)
    except ChatError as error:
        return _refused(request, found, error, section="tags", typed=new[:200])
    context = _menu_context(found, section="tags", changed_tag=chosen.pk)
    return answers.changed(request, "", menu=(MENU, context), back=_back(found))


def label_of(request: AuthenticatedHttpRequest, kind: type[labels.L], chosen: str, new: str) -> labels.L | None:
    """`chosen`: an identifier, nothing, or "new" for one of the name `new`. Raises ChatError; Http404 for another's."""
    if chosen == "new":
        return labels.find_or_create(request.user, kind, new)
    if not chosen:
        return None
    try:
        pk = uuid.UUID(chosen)
    except ValueError as error:
        raise ChatError("This cannot be chosen. Nothing was changed; choose from the list.") from error
    return get_object_or_404(kind.objects.filter(owner=request.user), pk=pk)


@require_POST
@requires(Capability.CHAT)
def delete(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = conversation_of(request, conversation_id)
    stopping.delete(found)
    change = undo.Change(verb="delete", before={str(found.pk): None})
    return answers.gone(request, {found.pk}, "The chat was deleted.", change, back=reverse("chats:home"))


@require_POST
@requires(Capability.CHAT)
def take_back(request: AuthenticatedHttpRequest, token: str) -> HttpResponse:
    try:
        chats = undo.undo(request.user, token)
    except ChatError as error:
        return answers.said(request, error.text)
    for chat in chats:
        tell_title(chat)
    return answers.changed(request, "Undone.")


@require_GET
def older(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The next part of the sidebar."""
    after = request.GET.get("after", "")
    try:
        part = listing.older(request.user, after)
    except (ValueError, OverflowError):
        return HttpResponse("The link to older chats is incomplete. Reload the page.", status=400)
    return render(request, "organising/_loose.html", {"part": part, "goes_on": request.GET.get("under", "")[:40]})
