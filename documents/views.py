"""Uploading, and one document: its row, its pages, and what is done with it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import TooManyFilesSent
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from documents import library as shelf
from documents import library_views, page_images, sending, version_views, versions
from documents.collections import keeping
from documents.errors import DocumentError
from documents.finding import (
    chunk_of,
    document_of,
    identifier,
    newest_version,
    readable_document,
    readable_version,
)
from documents.library_views import permissions, upload_limits
from documents.models import Document, DocumentVersion, Page
from documents.names import clean_name
from documents.pages import page_view
from documents.rows import Row, for_rows
from documents.sources import facts
from documents.uploads import SizeLimit, limit_sizes

_LONGEST_PASSWORD = 500


@csrf_exempt
@require_POST
@requires(Capability.UPLOAD)
def upload(request: AuthenticatedHttpRequest) -> HttpResponseBase:
    """Nothing is read for who may not upload. The limit must stand before anything reads the body, and the CSRF check
    does; so that check comes last."""
    limit = limit_sizes(request)
    try:
        request.FILES  # noqa: B018 - reads the body, with the limit
    except TooManyFilesSent:
        most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        error = DocumentError(f"At most {most} files can be uploaded at once. None of these was added.")
        return _told(request, shelf.Uploads(refusals=[shelf.Refusal("Too many", error)]))
    return _upload(request, limit)


@csrf_protect
def _upload(request: AuthenticatedHttpRequest, limit: SizeLimit) -> HttpResponse:
    dropped = [shelf.Refusal(clean_name(name), shelf.too_large()) for name in limit.dropped]
    if replaced := request.POST.get("replaces"):
        return version_views.replace(request, replaced, dropped)
    uploads = shelf.upload(request.user, request.FILES.getlist("files"), batch=identifier(request.POST.get("batch")))
    uploads.refusals.extend(dropped)
    if request.htmx:
        return _told(request, uploads, status=200 if uploads.documents else 422)
    # What waits for the next page lies in a cookie or in the session, so it holds no file's name.
    if uploads.documents:
        count = len(uploads.documents)
        messages.success(request, "The file is being read." if count == 1 else f"{count} files are being read.")
    elif not uploads.refusals:
        messages.error(request, "Choose at least one file to upload.")
    if uploads.refusals or uploads.namesakes:
        return _told(request, uploads)
    return redirect("documents:library")


def _told(request: AuthenticatedHttpRequest, uploads: shelf.Uploads, *, status: int = 422) -> HttpResponse:
    if request.htmx:
        return render(request, "documents/_uploaded.html", {"uploads": uploads}, status=status)
    return library_views.show(request, uploads)


@require_safe
def row(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    return _row(request, document_id)


@require_POST
@requires(Capability.UPLOAD)
def retry(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    shelf.retry(document_of(request, document_id))
    return _row(request, document_id) if request.htmx else redirect("documents:detail", document_id)


@sensitive_post_parameters("password")
@require_POST
@requires(Capability.UPLOAD)
def unlock(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    document = document_of(request, document_id)
    password = request.POST.get("password", "")
    if not 0 < len(password) <= _LONGEST_PASSWORD:
        messages.error(request, "No password was taken in: enter the one that opens this file.")
    else:
        shelf.unlock(document, password)
    return redirect("documents:detail", document_id)


@require_POST
@requires(Capability.UPLOAD)
def rename(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    document = document_of(request, document_id)
    wanted = request.POST.get("name", "").strip()
    if wanted:
        shelf.rename(document, wanted)
        return _row(request, document_id) if request.htmx else redirect("documents:detail", document_id)
    problem = "A document needs a name."
    if request.htmx:
        return HttpResponse(problem, status=422, content_type="text/plain; charset=utf-8")
    messages.error(request, problem)
    return redirect("documents:detail", document_id)


@require_POST
@requires(Capability.UPLOAD)
def delete(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    document = document_of(request, document_id)
    try:
        shelf.delete(document)
    except DocumentError as refused:
        messages.error(request, refused.text)
        address = reverse("documents:detail", args=[document_id])
        return HttpResponse(status=204, headers={"HX-Redirect": address}) if request.htmx else redirect(address)
    if request.htmx and not request.htmx.boosted:
        # The row is taken away by the page; the table around it may have become empty.
        return HttpResponse(headers={"HX-Trigger": '{"documents:refresh": {"target": "#documents"}}'})
    messages.success(request, "The document was deleted.")
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": reverse("documents:library")})
    return redirect("documents:library")


@require_safe
def download(request: AuthenticatedHttpRequest, document_id: UUID) -> FileResponse:
    document = document_of(request, document_id)
    return sending.as_file(request, document, newest_version(document))


@require_safe
def detail(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    """The document at its first page, and what can be done with it."""
    document = readable_document(request, document_id)
    version = document.current_version or newest_version(document)
    version.document = document
    first = Page.objects.filter(version=version).order_by("number").first()
    context: dict[str, Any] = {"view": page_view(version, first)} if first else {}
    return render(request, "documents/document.html", {**_about(request, document, version), **context})


@require_safe
def page(request: AuthenticatedHttpRequest, document_id: UUID, version: int, number: int) -> HttpResponse:
    """One page, with the passage `?chunk=` marked on it. An old link to a passage that is gone shows the page."""
    found = readable_version(request, document_id, version)
    wanted = request.GET.get("page", "")
    if wanted.isdecimal():
        return redirect("documents:page", document_id, version, min(max(int(wanted[:9]), 1), found.page_count or 1))
    shown = get_object_or_404(Page, version=found, number=number)
    chunk = chunk_of(found, request.GET.get("chunk", ""))
    view = (
        page_view(found, shown, boxes=chunk.boxes, quoted=chunk.content, chunk_id=chunk.pk)
        if chunk
        else page_view(found, shown)
    )
    context = _about(request, found.document, found)
    return render(request, "documents/document.html", {**context, "view": view, "is_page": True})


@require_safe
def page_image(request: AuthenticatedHttpRequest, document_id: UUID, version: int, number: int) -> HttpResponse:
    found = readable_version(request, document_id, version)
    if number < 1 or (found.page_count and number > found.page_count):
        raise Http404
    try:
        picture = page_images.page_image(found, number)
    except page_images.NoPicture as error:
        raise Http404 from error
    # A version never changes, so neither does its picture. When a share ends, no browser has it any more.
    is_own = found.owner_id == request.user.pk
    kept = "private, max-age=86400, immutable" if is_own else "private, no-store"
    return HttpResponse(picture, content_type="image/png", headers={"Cache-Control": kept})


def _about(request: AuthenticatedHttpRequest, document: Document, version: DocumentVersion) -> dict[str, Any]:
    row = Row(document=document, version=version)
    about = {"document": document, "version": version, "row": row, "is_own": document.owner_id == request.user.pk}
    about["facts"] = facts.of(document)
    if not about["is_own"]:
        return about | {"may_change": False, "replaced_by": versions.replaced_by(version)}
    about |= {**permissions(request), "collections": keeping.own(request.user)}
    if about["may_change"] and not row.is_busy:
        about["namesake"] = versions.namesake(document)
    about |= {"versions": versions.told(document), "replaced_by": versions.replaced_by(version)}
    return about | upload_limits()


def _row(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    document = get_object_or_404(for_rows(Document.objects.visible_to(request.user)), pk=document_id)
    return render(request, "documents/_row.html", {"row": Row.of(document), **permissions(request)})
