"""Versions of documents: a new one in place of the old, one taken back, two documents that are one."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import escape
from django.views.decorators.http import require_POST, require_safe

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from documents import library as shelf
from documents import sending, versions
from documents.errors import DocumentError
from documents.finding import document_of, identifier, version_of
from documents.models import Document

# Pairs in one request: as many as a page of the library offers.
_MOST = 500


def replace(request: AuthenticatedHttpRequest, wanted: str, refusals: Sequence[shelf.Refusal]) -> HttpResponse:
    """The end of an upload (documents.views) that is to be the new version of `wanted`, a document's identifier."""
    document_id = identifier(wanted)
    if document_id is None:
        raise Http404
    document = document_of(request, document_id)
    files = request.FILES.getlist("files")
    if refusals:
        messages.error(request, refusals[0].error.text)
    elif len(files) != 1:
        messages.error(request, "Nothing was changed. Choose one file that takes the place of this one.")
    else:
        try:
            shelf.replace(document, files[0])
        except DocumentError as error:
            shelf.refused(request.user, files[0], error)
            messages.error(request, f"{error.text} This document is as it was.")
        else:
            messages.success(request, "The new version is being read. Until it is ready the old one is searched.")
    return redirect("documents:detail", document_id)


@require_POST
@requires(Capability.UPLOAD)
def drop(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    """Take back the new version that is read or could not be."""
    document = document_of(request, document_id)
    try:
        dropped = versions.drop_newest(document)
    except DocumentError as refused:
        messages.error(request, refused.text)
    else:
        said = "The new version was taken back. The earlier one is in use." if dropped else "There was nothing to undo."
        messages.success(request, said)
    return redirect("documents:detail", document_id)


@require_POST
@requires(Capability.UPLOAD)
def join(request: AuthenticatedHttpRequest) -> HttpResponse:
    """`pair`, once or many times: two identifiers of documents with a dot between, the new version and its document."""
    try:
        joined = [into for document, into in _pairs(request) if versions.join(document, into)]
    except DocumentError as refused:
        if request.htmx:
            return HttpResponse(escape(refused.text), status=409)
        messages.error(request, refused.text)
        return redirect("documents:library")
    if request.htmx:
        answer = render(request, "documents/_joined.html", {"count": len(joined)})
        answer["HX-Trigger"] = '{"documents:refresh": {"target": "#documents"}}'
        return answer
    if not joined:
        messages.error(request, "Nothing was changed: no document was chosen, or it is gone by now.")
    elif len(joined) == 1:
        messages.success(request, "The document has a new version.")
    else:
        messages.success(request, f"{len(joined)} documents have a new version.")
    return redirect("documents:detail", joined[0].pk) if len(joined) == 1 else redirect("documents:library")


def _pairs(request: AuthenticatedHttpRequest) -> Iterator[tuple[Document, Document]]:
    """Of the person's own; 404 for anybody else's, before anything is changed."""
    pairs = []
    for pair in request.POST.getlist("pair")[:_MOST]:
        new, _, old = pair.partition(".")
        pairs.append((identifier(new), identifier(old)))
    named = {pk for pair in pairs for pk in pair if pk}
    found = Document.objects.visible_to(request.user).in_bulk(named)
    if len(found) < len(named) or any(None in pair for pair in pairs):
        raise Http404
    return ((found[new], found[old]) for new, old in pairs if new and old)


@require_safe
def download(request: AuthenticatedHttpRequest, document_id: UUID, version: int) -> FileResponse:
    found = version_of(request, document_id, version)
    return sending.as_file(request, found.document, found)
