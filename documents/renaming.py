"""A document's name is part of what is searched: after a change of name its passages are indexed once more."""

from uuid import UUID

from django.db import transaction

from accounts.tenancy import acting_as, acting_as_system
from documents.index import NewPassage, active_space, searchable_text, write_passages
from documents.models import Document
from documents.spaces import embed


def index_again(document_id: UUID) -> None:
    """From the stored passages, without the file. Nothing to do for a document that is not searched yet."""
    with acting_as_system("find whose document it is"):
        owner_id = Document.objects.filter(pk=document_id).values_list("owner_id", flat=True).first()
    with acting_as(owner_id):
        _index_again(document_id)


def _index_again(document_id: UUID) -> None:
    document = Document.objects.filter(pk=document_id).first()
    if document is None or (version := document.current_version) is None:
        return
    passages = [
        NewPassage(
            page=chunk.page,
            start=chunk.start,
            content=chunk.content,
            heading=chunk.heading,
            boxes=chunk.boxes,
            searchable=searchable_text(document.name, chunk.heading, chunk.content),
        )
        for chunk in version.chunks.order_by("index")
    ]
    space = active_space()
    vectors = embed(space, [passage.searchable for passage in passages])
    with transaction.atomic():
        # The document first, as in documents.ingestion. Whatever changed it meanwhile has a task of its own.
        unchanged = Document.objects.select_for_update(no_key=True, of=("self",)).filter(
            pk=document_id,
            current_version=version,
            current_version__indexed_at=version.indexed_at,
        )
        now = unchanged.only("name", "owner").order_by().first()
        if now is not None and now.name == document.name:
            version.document = document
            write_passages(version, passages, vectors, space=space)
