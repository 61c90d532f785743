"""Sending a stored file to the person who may have it."""

import asyncio
from collections.abc import AsyncIterator
from typing import IO

from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, Http404

from accounts import audit
from accounts.http import AuthenticatedHttpRequest
from documents import blobs
from documents.models import Document, DocumentVersion


def as_file(request: AuthenticatedHttpRequest, document: Document, version: DocumentVersion) -> FileResponse:
    """To be saved, never shown: what a stranger made must not run on this site. Raises Http404."""
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


async def _parts(file: IO[bytes]) -> AsyncIterator[bytes]:
    while part := await asyncio.to_thread(file.read, 256 * 1024):
        yield part
