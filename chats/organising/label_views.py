"""Folders and tags by themselves: made, named, deleted. What they hold is on the page of all chats."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.rights.requesting import Held
from chats.conversation import ChatError
from chats.models import Folder, Tag
from chats.organising import answers, labels, listing, undo

NEW, NEW_PAGE = "organising/_new_folder.html", "organising/new_folder.html"
MENU, PAGE = "organising/_label_menu.html", "organising/label_menu.html"


@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def new_folder(request: AuthenticatedHttpRequest) -> HttpResponse:
    context: dict[str, Any] = {"name_length": labels.NAME_LENGTH}
    if request.method != "POST":
        return render(request, NEW if request.htmx else NEW_PAGE, context)
    name = request.POST.get("name", "")
    try:
        labels.create(request.user, Folder, name)
    except ChatError as error:
        return answers.refused(request, error, NEW, context | {"typed": name[:200]}, page=NEW_PAGE)
    return answers.changed(request, "The folder was made.", back=reverse("organising:all"))


@require_GET
def folder_chats(request: AuthenticatedHttpRequest, folder_id: uuid.UUID) -> HttpResponse:
    """What stands in a folder of the sidebar, when it is opened."""
    folder = _own(request, Folder, folder_id)
    context = {"folder": folder, "part": listing.in_folder(request.user, folder)}
    return render(request, "organising/_folder.html", context)


@require_GET
@requires(Capability.CHAT)
def folder(request: AuthenticatedHttpRequest, folder_id: uuid.UUID) -> HttpResponse:
    return _menu(request, _own(request, Folder, folder_id))


@require_GET
@requires(Capability.CHAT)
def tag(request: AuthenticatedHttpRequest, tag_id: uuid.UUID) -> HttpResponse:
    return _menu(request, _own(request, Tag, tag_id))


@require_POST
@requires(Capability.CHAT)
def rename_folder(request: AuthenticatedHttpRequest, folder_id: uuid.UUID) -> HttpResponse:
    return _rename(request, _own(request, Folder, folder_id))


@require_POST
@requires(Capability.CHAT)
def rename_tag(request: AuthenticatedHttpRequest, tag_id: uuid.UUID) -> HttpResponse:
    return _rename(request, _own(request, Tag, tag_id))


@require_POST
@requires(Capability.CHAT)
def delete_folder(request: AuthenticatedHttpRequest, folder_id: uuid.UUID) -> HttpResponse:
    return _delete(request, _own(request, Folder, folder_id), "The folder was deleted. Its chats are in the list.")


@require_POST
@requires(Capability.CHAT)
def delete_tag(request: AuthenticatedHttpRequest, tag_id: uuid.UUID) -> HttpResponse:
    return _delete(request, _own(request, Tag, tag_id), "The tag was deleted. Its chats stay.")


def _own(request: AuthenticatedHttpRequest, kind: type[labels.L], pk: uuid.UUID) -> labels.L:
    return get_object_or_404(kind.objects.filter(owner=request.user), pk=pk)


def _context(label: labels.Label) -> dict[str, Any]:
    word = labels.WORDS[type(label)]
    return {
        "label": label,
        "word": word,
        "list_url": f"{reverse('organising:all')}?{word}={label.pk}",
        "rename_url": reverse(f"organising:rename_{word}", args=[label.pk]),
        "delete_url": reverse(f"organising:delete_{word}", args=[label.pk]),
        "name_length": labels.NAME_LENGTH,
    }


def _menu(request: AuthenticatedHttpRequest, label: labels.Label) -> HttpResponse:
    return render(request, MENU if request.htmx else PAGE, _context(label))


def _before(label: labels.Label, verb: str) -> undo.Change:
    sealed = type(label).sealed(label.pk, owner_id=label.owner_id, name=label.name)["name"]
    verb = f"{verb}_{labels.WORDS[type(label)]}"
    return undo.Change(verb=verb, before={}, label=str(label.pk), name=undo.kept(sealed))


def _rename(request: AuthenticatedHttpRequest, label: labels.L) -> HttpResponse:
    name, before = request.POST.get("name", ""), _before(label, "rename")
    try:
        labels.rename(label, name)
    except ChatError as error:
        label.refresh_from_db()
        return answers.refused(request, error, MENU, _context(label) | {"typed": name[:200]}, page=PAGE)
    back = reverse(f"organising:{labels.WORDS[type(label)]}", args=[label.pk])
    return answers.changed(request, f"The {labels.WORDS[type(label)]} was renamed.", before, back=back)


def _delete(request: AuthenticatedHttpRequest, label: labels.Label, said: str) -> HttpResponse:
    before = _before(label, "delete")
    try:
        before["before"] = {str(pk): None for pk in labels.delete(label)}
    except Held as held:
        return answers.refused(request, ChatError(held.text), MENU, _context(label), page=PAGE)
    return answers.changed(request, said, before, back=reverse("organising:all"))
