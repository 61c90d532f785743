"""Tags on documents: made by a person for their own documents, any number of which may have one.

Each verb is one short transaction and a fixed number of statements, however many documents it changes. It takes
documents of the person's own and returns those that it really changed.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.labels import Labels, Tagged, by_name
from accounts.models import User
from accounts.rights import requesting
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
_TAGGED: Tagged[Tag] = Tagged(DocumentTag, Tag, "document", "document", TagError)


def tag(documents: Sequence[Document], wanted: Tag) -> list[Document]:
    with transaction.atomic():
        changed = _TAGGED.tag(documents, wanted, most=MOST_TAGS)
        _record(audit.Action.DOCUMENT_TAGGED, changed, tag=wanted.pk)
    return changed


def untag(documents: Sequence[Document], unwanted: Tag) -> list[Document]:
    with transaction.atomic():
        changed = _TAGGED.untag(documents, unwanted)
        _record(audit.Action.DOCUMENT_UNTAGGED, changed, tag=unwanted.pk)
    return changed


def delete(unwanted: Tag) -> int:
    """The documents stay. Returns how many had it. Raises Held."""
    with transaction.atomic():
        requesting.refuse_while_held(unwanted.owner_id)
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
