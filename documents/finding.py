"""What a request names, found among what its person may see: all else is not there (404)."""

from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404

from accounts.http import AuthenticatedHttpRequest
from documents.collections.access import readable_by
from documents.models import Chunk, Document, DocumentVersion


def document_of(request: AuthenticatedHttpRequest, document_id: UUID) -> Document:
    documents = Document.objects.visible_to(request.user).select_related("current_version")
    return get_object_or_404(documents, pk=document_id)


def newest_version(document: Document) -> DocumentVersion:
    version = document.versions.order_by("-number").first()
    if version is None:
        raise Http404
    return version


def version_of(request: AuthenticatedHttpRequest, document_id: UUID, number: int) -> DocumentVersion:
    versions = DocumentVersion.objects.select_related("document", "document__current_version")
    return get_object_or_404(
        versions, document__in=Document.objects.visible_to(request.user), document_id=document_id, number=number
    )


def readable_document(request: AuthenticatedHttpRequest, document_id: UUID) -> Document:
    """To be read and no more: one's own, or in a collection that is shared with one."""
    readable = readable_by(request.user.pk).select_related("current_version", "collection", "owner", "publication")
    return get_object_or_404(readable, pk=document_id)


def readable_version(request: AuthenticatedHttpRequest, document_id: UUID, number: int) -> DocumentVersion:
    rows = DocumentVersion.objects.select_related(
        "document__current_version", "document__collection", "document__owner", "document__publication"
    )
    readable = readable_by(request.user.pk).filter(pk=document_id)
    return get_object_or_404(rows, document__in=readable, number=number)


def chunk_of(version: DocumentVersion, chunk_id: str) -> Chunk | None:
    if not chunk_id.isdecimal() or len(chunk_id) > 18:
        return None
    return Chunk.objects.filter(version=version, pk=int(chunk_id)).first()


def identifier(text: str | None) -> UUID | None:
    """Of a form's field; None for what is none."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
