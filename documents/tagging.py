"""Tags on documents: made by a person for their own documents, any number of which may have one.

Each verb is one short transaction and a fixed number of statements, however many documents it changes. It takes
documents of the person's own and returns those that it really changed.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.labels import Labels, by_name
from accounts.models import User
from documents import progress
from documents.errors import DocumentError
from documents.models import Document, DocumentTag, Tag

MOST_TAGS = 20


class TagError(DocumentError):
    code = "tag"
    text = "The tag could not be changed."


TAGS: Labels[Tag] = Labels(
    Tag, "tag", 200, audit.Action.DOCUMENT_TAG_CREATED, audit.Action.DOCUMENT_TAG_RENAMED, TagError, TagError
)


def tag(documents: Sequence[Document], wanted: Tag) -> list[Document]:
    with transaction.atomic():
        if not Tag.objects.select_for_update().filter(pk=wanted.pk).exists():
            raise TagError("This tag was deleted meanwhile. The documents are as they were; choose another tag.")
        tags: dict[UUID, set[UUID]] = {document.pk: set() for document in documents}
        found = DocumentTag.objects.filter(document__in=documents).values_list("document_id", "tag_id")
        for document_id, tag_id in found:
            tags[document_id].add(tag_id)
        changed = [document for document in documents if wanted.pk not in tags[document.pk]]
        if any(len(tags[document.pk]) >= MOST_TAGS for document in changed):
            raise TagError(f"A document can have {MOST_TAGS} tags. Nothing was changed; take one off first.")
        rows = [DocumentTag(document=document, tag=wanted, owner_id=document.owner_id) for document in changed]
        DocumentTag.objects.bulk_create(rows, ignore_conflicts=True)
        _record(audit.Action.DOCUMENT_TAGGED, changed, tag=wanted.pk)
    return changed


def untag(documents: Sequence[Document], unwanted: Tag) -> list[Document]:
    with transaction.atomic():
        rows = DocumentTag.objects.filter(document__in=documents, tag=unwanted)
        had = set(rows.values_list("document_id", flat=True))
        rows.delete()
        changed = [document for document in documents if document.pk in had]
        _record(audit.Action.DOCUMENT_UNTAGGED, changed, tag=unwanted.pk)
    return changed


def delete(unwanted: Tag) -> int:
    """The documents stay. Returns how many had it."""
    with transaction.atomic():
        count = DocumentTag.objects.filter(tag=unwanted).count()
        TAGS.record(audit.Action.DOCUMENT_TAG_DELETED, unwanted, documents=count)
        unwanted.delete()
    return count


def on(document: Document) -> list[Tag]:
    found: list[Tag] = by_name(Tag.objects.filter(tagged__document=document))
    return found


def own(user: User) -> list[Tag]:
    return TAGS.own(user)


def chosen(user: User, pk: str, new: str) -> Tag:
    """`pk`: an identifier, or "new" for one of the name `new`. Raises TagError, Tag.DoesNotExist for another's."""
    if pk == "new":
        return TAGS.find_or_create(user, new)
    try:
        return Tag.objects.get(owner=user, pk=UUID(pk))
    except ValueError as error:
        raise TagError("This cannot be chosen. Nothing was changed; choose from the list.") from error


def _record(action: audit.Action, documents: Iterable[Document], **details: Any) -> None:
    for document in documents:
        audit.record(action, user=document.owner_id, resource=("document", document.pk), **details)
        progress.publish(document.pk)
