"""The lists of all chats, of archived and of recently deleted ones, and what is done with several of them at once."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.limits.rates import EXPORT, counted
from accounts.second_factor import confirmed_recently
from chats import conversation as conversations
from chats import stopping
from chats.conversation import ChatError
from chats.exchange import asking
from chats.exchange.views import to_latest
from chats.models import UNDO_FOR, Conversation, Folder, Tag
from chats.organising import answers, arranging, labels, listing, undo
from chats.organising.views import label_of

_ADDRESSES: dict[listing.State, str] = {
    "current": "organising:all",
    "archived": "organising:archived",
    "deleted": "organising:deleted",
}


@require_GET
def all_chats(request: AuthenticatedHttpRequest) -> HttpResponse:
    return _list(request, "current")


@require_GET
def archived(request: AuthenticatedHttpRequest) -> HttpResponse:
    return _list(request, "archived")


@require_GET
def deleted(request: AuthenticatedHttpRequest) -> HttpResponse:
    return _list(request, "deleted")


def _list(request: AuthenticatedHttpRequest, state: listing.State) -> HttpResponse:
    folders, tags = labels.own(request.user, Folder), labels.own(request.user, Tag)
    folder, tag = _chosen(folders, request.GET.get("folder", "")), _chosen(tags, request.GET.get("tag", ""))
    try:
        part = listing.page(request.user, state, folder=folder, tag=tag, after=request.GET.get("after", ""))
    except (ValueError, OverflowError):
        raise Http404 from None
    chosen = {name: str(label.pk) for name, label in (("folder", folder), ("tag", tag)) if label}
    address = reverse(_ADDRESSES[state])
    context: dict[str, Any] = {
        "state": state,
        "part": part,
        "folders": folders,
        "tags": tags,
        "folder": folder,
        "tag": tag,
        "address": address,
        "here": request.get_full_path(),
        "first_url": f"{address}?{urlencode(chosen)}" if chosen else address,
        "next_url": f"{address}?{urlencode({**chosen, 'after': part.after})}" if part.after else "",
        "is_first": "after" not in request.GET,
        "days": UNDO_FOR.days,
        "name_length": labels.NAME_LENGTH,
    }
    return render(request, "organising/list.html", context)


def _chosen(own: Sequence[labels.L], pk: str) -> labels.L | None:
    """404 for one that is not the person's, or was deleted meanwhile."""
    found = next((label for label in own if str(label.pk) == pk), None)
    if pk and found is None:
        raise Http404
    return found


@require_POST
@requires(Capability.CHAT)
def several(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The pressed button says what: move, tag, untag, archive, unarchive, delete, restore, export."""
    verb = next((name for name in (*_VERBS, "export") if name in request.POST), "")
    try:
        ids = _ids(request, verb)
        own = Conversation.objects.deleted_by if verb == "restore" else Conversation.objects.visible_to
        chats = list(own(request.user).filter(pk__in=ids))
        if not chats:
            raise Http404
        if verb == "export":
            return _export(request, chats)
        said, change = _VERBS[verb](request, chats)
    except ChatError as error:
        messages.error(request, error.text)
        return answers.changed(request, "")
    if missing := len(ids) - len(chats):
        said += f" {_counted(missing)} no longer there."
    return answers.changed(request, said, change)


def _ids(request: AuthenticatedHttpRequest, verb: str) -> set[uuid.UUID]:
    if not verb:
        raise ChatError("Choose what to do with the chats. Nothing was changed.")
    given = request.POST.getlist("chat")
    if not given:
        raise ChatError("No chat was chosen. Mark at least one, then choose what to do.")
    if len(given) > arranging.MOST:
        raise ChatError(f"At most {arranging.MOST} chats can be changed at once. Nothing was changed; mark fewer.")
    try:
        return {uuid.UUID(pk) for pk in given}
    except ValueError as error:
        raise ChatError("The list of chosen chats is broken. Nothing was changed; reload the page.") from error


Done = tuple[str, undo.Change | None]


def _counted(number: int) -> str:
    return "1 chat is" if number == 1 else f"{number} chats are"


def _done(chats: Sequence[Conversation], what: str) -> str:
    return f"1 chat was {what}." if len(chats) == 1 else f"{len(chats)} chats were {what}."


def _move(request: AuthenticatedHttpRequest, chats: list[Conversation]) -> Done:
    folder = label_of(request, Folder, request.POST["move"], request.POST.get("new_folder", ""))
    before = undo.values_of(chats, "folder_id")
    changed = arranging.move(chats, folder)
    return _done(changed, "moved" if folder else "taken out of folders"), _only(before, changed)


def _archive(request: AuthenticatedHttpRequest, chats: list[Conversation]) -> Done:
    is_on = "archive" in request.POST
    before = undo.values_of(chats, "archived_at")
    changed = arranging.archive(chats, on=is_on)
    return _done(changed, "archived" if is_on else "taken out of the archive"), _only(before, changed)


def _tag(request: AuthenticatedHttpRequest, chats: list[Conversation]) -> Done:
    verb = "untag" if "untag" in request.POST else "tag"
    tag = label_of(request, Tag, request.POST[verb], request.POST.get("new_tag", ""))
    if tag is None:
        raise ChatError("No tag was chosen. Nothing was changed; choose one from the list.")
    changed = (arranging.tag if verb == "tag" else arranging.untag)(chats, tag)
    before = undo.Change(verb=verb, before={str(chat.pk): None for chat in changed}, label=str(tag.pk))
    return _done(changed, "tagged" if verb == "tag" else "freed of the tag"), before if changed else None


def _delete(_request: AuthenticatedHttpRequest, chats: list[Conversation]) -> Done:
    stopping.delete(*chats)
    return _done(chats, "deleted"), undo.Change(verb="delete", before={str(chat.pk): None for chat in chats})


def _restore(_request: AuthenticatedHttpRequest, chats: list[Conversation]) -> Done:
    conversations.restore(*chats)
    return _done(chats, "brought back"), None


@confirmed_recently
@counted(EXPORT)
def _export(request: AuthenticatedHttpRequest, chats: list[Conversation]) -> HttpResponse:
    """A worker makes the file; its page says when it is there."""
    try:
        asking.export(request.user, request.POST["export"], chats)
    except asking.Refused as refused:
        raise ChatError(refused.text) from refused
    return to_latest(request)


def _only(before: undo.Change, changed: Sequence[Conversation]) -> undo.Change | None:
    kept = {str(chat.pk) for chat in changed}
    before["before"] = {pk: value for pk, value in before["before"].items() if pk in kept}
    return before if kept else None


_VERBS = {
    "move": _move,
    "tag": _tag,
    "untag": _tag,
    "archive": _archive,
    "unarchive": _archive,
    "delete": _delete,
    "restore": _restore,
}
