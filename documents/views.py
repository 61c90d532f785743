"""The library and the pages of a document. Every view starts from what is visible to the person."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import TooManyFilesSent
from django.core.handlers.asgi import ASGIRequest
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts import audit
from accounts.capabilities import Capability, may, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.limits import quotas
from documents import blobs, page_images
from documents import library as shelf
from documents.abilities import missing
from documents.errors import DocumentError
from documents.models import Chunk, Document, DocumentVersion, Page
from documents.names import clean_name
from documents.pages import page_view
from documents.rows import Row
from documents.sniffing import EXTENSIONS
from documents.uploads import SizeLimit, limit_sizes

_ROWS_A_PAGE = 50
_LONGEST_PASSWORD = 500


@require_safe
def library(request: AuthenticatedHttpRequest) -> HttpResponse:
    return _library(request)


def _library(request: AuthenticatedHttpRequest, refusals: Sequence[shelf.Refusal] = ()) -> HttpResponse:
    page = Paginator(shelf.listing(request.user), _ROWS_A_PAGE).get_page(request.GET.get("page"))
    rows = [Row.of(document) for document in page]
    template = "documents/_listing.html" if _wants_fragment(request) else "documents/library.html"
    context = {"page": page, "rows": rows, "quota_note": quotas.storage_note(request.user), "refusals": refusals}
    return render(request, template, {**context, **_permissions(request), **_upload_limits()})


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
        return _refused(request, [shelf.Refusal("Too many", error)])
    return _upload(request, limit)


@csrf_protect
def _upload(request: AuthenticatedHttpRequest, limit: SizeLimit) -> HttpResponse:
    uploads = shelf.upload(request.user, request.FILES.getlist("files"))
    uploads.refusals.extend(shelf.Refusal(clean_name(name), shelf.too_large()) for name in limit.dropped)
    if request.htmx:
        return _refused(request, uploads.refusals, status=200 if uploads.documents else 422)
    # What waits for the next page lies in a cookie or in the session, so it holds no file's name.
    if uploads.documents:
        count = len(uploads.documents)
        messages.success(request, "The file is being read." if count == 1 else f"{count} files are being read.")
    elif not uploads.refusals:
        messages.error(request, "Choose at least one file to upload.")
    if uploads.refusals:
        return _library(request, uploads.refusals)
    return redirect("documents:library")


def _refused(
    request: AuthenticatedHttpRequest, refusals: Sequence[shelf.Refusal], *, status: int = 422
) -> HttpResponse:
    if request.htmx:
        return render(request, "documents/_uploaded.html", {"refusals": refusals}, status=status)
    return _library(request, refusals)


@require_safe
def row(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    return _row(request, document_id)


@require_POST
@requires(Capability.UPLOAD)
def retry(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    shelf.retry(_document(request, document_id))
    return _row(request, document_id) if request.htmx else redirect("documents:detail", document_id)


@sensitive_post_parameters("password")
@require_POST
@requires(Capability.UPLOAD)
def unlock(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    document = _document(request, document_id)
    password = request.POST.get("password", "")
    if not 0 < len(password) <= _LONGEST_PASSWORD:
        messages.error(request, "No password was taken in: enter the one that opens this file.")
    else:
        shelf.unlock(document, password)
    return redirect("documents:detail", document_id)


@require_POST
@requires(Capability.UPLOAD)
def rename(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    document = _document(request, document_id)
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
    document = _document(request, document_id)
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
    document = _document(request, document_id)
    version = _newest(document)
    try:
        file = blobs.open_blob(version.blob, owner_id=version.owner_id)
    except FileNotFoundError as error:
        raise Http404 from error
    audit.record(audit.Action.DOCUMENT_DOWNLOADED, user=request.user, resource=("document", document.pk))
    response = FileResponse(file, as_attachment=True, filename=document.name, content_type=version.media_type)
    if isinstance(request, ASGIRequest):
        # Under ASGI a plain file would be read into memory as a whole before the first byte is sent.
        response.streaming_content = _parts(file)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_safe
def detail(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    """The document at its first page, and what can be done with it."""
    document = _document(request, document_id)
    version = document.current_version or _newest(document)
    version.document = document
    first = Page.objects.filter(version=version).order_by("number").first()
    context: dict[str, Any] = {"view": page_view(version, first)} if first else {}
    return render(request, "documents/document.html", {**_about(request, document, version), **context})


@require_safe
def page(request: AuthenticatedHttpRequest, document_id: UUID, version: int, number: int) -> HttpResponse:
    """One page, with the passage `?chunk=` marked on it. An old link to a passage that is gone shows the page."""
    found = _version(request, document_id, version)
    wanted = request.GET.get("page", "")
    if wanted.isdecimal():
        return redirect("documents:page", document_id, version, min(max(int(wanted[:9]), 1), found.page_count or 1))
    shown = get_object_or_404(Page, version=found, number=number)
    chunk = _chunk(found, request.GET.get("chunk", ""))
    view = (
        page_view(found, shown, boxes=chunk.boxes, quoted=chunk.content, chunk_id=chunk.pk)
        if chunk
        else page_view(found, shown)
    )
    context = _about(request, found.document, found)
    return render(request, "documents/document.html", {**context, "view": view, "is_page": True})


@require_safe
def page_image(request: AuthenticatedHttpRequest, document_id: UUID, version: int, number: int) -> HttpResponse:
    found = _version(request, document_id, version)
    if number < 1 or (found.page_count and number > found.page_count):
        raise Http404
    try:
        picture = page_images.page_image(found, number)
    except page_images.NoPicture as error:
        raise Http404 from error
    # A version never changes, so neither does its picture.
    return HttpResponse(
        picture, content_type="image/png", headers={"Cache-Control": "private, max-age=86400, immutable"}
    )


async def _parts(file: IO[bytes]) -> AsyncIterator[bytes]:
    while part := await asyncio.to_thread(file.read, 256 * 1024):
        yield part


def _wants_fragment(request: AuthenticatedHttpRequest) -> bool:
    return bool(request.htmx) and request.htmx.request_type != "full"


def _permissions(request: AuthenticatedHttpRequest) -> dict[str, Any]:
    return {"may_change": may(request.user, Capability.UPLOAD)}


def _upload_limits() -> dict[str, Any]:
    return {
        "accept": ",".join(EXTENSIONS),
        "missing": missing(),
        "max_size": settings.UPLOAD_MAX_SIZE,
        "max_size_text": f"{settings.UPLOAD_MAX_SIZE_MB} MB",
    }


def _about(request: AuthenticatedHttpRequest, document: Document, version: DocumentVersion) -> dict[str, Any]:
    row = Row(document=document, version=version)
    return {"document": document, "version": version, "row": row, **_permissions(request)}


def _row(request: AuthenticatedHttpRequest, document_id: UUID) -> HttpResponse:
    document = get_object_or_404(shelf.listing(request.user), pk=document_id)
    return render(request, "documents/_row.html", {"row": Row.of(document), **_permissions(request)})


def _document(request: AuthenticatedHttpRequest, document_id: UUID) -> Document:
    documents = Document.objects.visible_to(request.user).select_related("current_version")
    return get_object_or_404(documents, pk=document_id)


def _newest(document: Document) -> DocumentVersion:
    version = document.versions.order_by("-number").first()
    if version is None:
        raise Http404
    return version


def _version(request: AuthenticatedHttpRequest, document_id: UUID, number: int) -> DocumentVersion:
    versions = DocumentVersion.objects.select_related("document")
    return get_object_or_404(
        versions, document__in=Document.objects.visible_to(request.user), document_id=document_id, number=number
    )


def _chunk(version: DocumentVersion, chunk_id: str) -> Chunk | None:
    if not chunk_id.isdecimal() or len(chunk_id) > 18:
        return None
    return Chunk.objects.filter(version=version, pk=int(chunk_id)).first()
