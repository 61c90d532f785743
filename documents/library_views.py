"""The library: the list of documents, narrowed and ordered as it was asked for, and a look into one of them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.capabilities import Capability, may, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.limits import quotas
from accounts.rights.requesting import Held
from documents import library as shelf
from documents import listing, tagging
from documents.abilities import missing
from documents.collections import keeping
from documents.errors import DocumentError
from documents.finding import document_of, newest_version
from documents.listing import Wanted
from documents.models import Page, Tag
from documents.pages import page_view
from documents.rows import Row
from documents.sniffing import EXTENSIONS


@require_http_methods(["GET", "HEAD", "POST"])
def library(request: AuthenticatedHttpRequest) -> HttpResponse:
    """POST is for the words that names are searched for: what a person writes stands in no address and no log."""
    return show(request)


def show(request: AuthenticatedHttpRequest, uploads: shelf.Uploads | None = None) -> HttpResponse:
    wanted = Wanted.of(request.POST if request.method == "POST" else request.GET)
    listed = listing.page(request.user, wanted)
    context: dict[str, Any] = {
        "listed": listed,
        "wanted": listed.wanted,
        "tags": tagging.own(request.user),
        "states": [(name, words) for name, (words, _) in listing.STATES.items()],
        "types": [(name, words) for name, (words, _) in listing.TYPES.items()],
        "sorts": listing.SORTS.items(),
        "lengths": listing.LENGTHS,
        "uploads": uploads,
        "name_length": tagging.TAGS.length,
        **permissions(request),
    }
    if context["may_change"]:
        context["collections"] = keeping.own(request.user)
    if request.htmx and request.htmx.request_type != "full":
        answer = render(request, "documents/_listing.html", context)
        if request.method == "POST":
            query = listed.wanted.query
            answer["HX-Replace-Url"] = reverse("documents:library") + (f"?{query}" if query else "")
        return answer
    context |= {"quota_note": quotas.storage_note(request.user), **upload_limits()}
    return render(request, "documents/library.html", context)


@require_safe
def preview(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    """The beginning of a document for the side panel of the library."""
    document = document_of(request, document_id)
    if not request.htmx:
        return redirect("documents:detail", document_id)
    version = document.current_version or newest_version(document)
    version.document = document
    first = Page.objects.filter(version=version).order_by("number").first()
    view = page_view(version, first) if first else None
    context = {
        "document": document,
        "version": version,
        "row": Row(document, version, tuple(tagging.on(document))),
        "view": view,
        "text": view.text.beginning() if view else None,
    }
    return render(request, "documents/_preview.html", context)


@require_POST
@requires(Capability.UPLOAD)
def rename_tag(request: AuthenticatedHttpRequest, document_tag_id: UUID) -> HttpResponse:
    return _change_tag(request, document_tag_id, lambda tag: tagging.TAGS.rename(tag, request.POST.get("name", "")))


@require_POST
@requires(Capability.UPLOAD)
def delete_tag(request: AuthenticatedHttpRequest, document_tag_id: UUID) -> HttpResponse:
    return _change_tag(request, document_tag_id, tagging.delete)


def _change_tag(request: AuthenticatedHttpRequest, key: UUID, change: Callable[[Tag], object]) -> HttpResponse:
    tag = get_object_or_404(Tag, owner=request.user, pk=key)
    try:
        gone = change(tag) is not None
    except (DocumentError, Held) as error:
        messages.error(request, error.text)
        gone = False
    else:
        messages.success(request, "The tag was deleted. Its documents stay." if gone else "The tag was renamed.")
    return redirect(reverse("documents:library") + ("" if gone else f"?tag={key}"))


def permissions(request: AuthenticatedHttpRequest) -> dict[str, Any]:
    return {"may_change": may(request.user, Capability.UPLOAD)}


def upload_limits() -> dict[str, Any]:
    return {
        "accept": ",".join(EXTENSIONS),
        "missing": missing(),
        "max_size": settings.UPLOAD_MAX_SIZE,
        "max_size_text": f"{settings.UPLOAD_MAX_SIZE_MB} MB",
    }
