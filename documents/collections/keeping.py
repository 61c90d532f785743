"""Making, naming and deleting collections, and what is in them. Each verb is one short transaction.

Callers pass rows they found as the person's own; a document is in one collection or in none.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.models import User
from accounts.rights import requesting
from documents.collections.errors import CollectionError
from documents.models import Collection, Document

NAME_LENGTH = 80
MOST = 200


def own(user: User) -> list[Collection]:
    """By name; only their owner's key can tell the order."""
    return sorted(Collection.objects.filter(owner=user), key=lambda one: (one.name.casefold(), one.name))


def create(user: User, name: str) -> Collection:
    name, present = clean_name(name), own(user)
    _refuse_taken(present, name)
    if len(present) >= MOST:
        raise CollectionError(f"You have {MOST} collections, which is the most. Delete one first.")
    try:
        with transaction.atomic():
            collection = Collection.objects.create(owner=user, name=name)
            _record(audit.Action.COLLECTION_CREATED, collection)
    except IntegrityError as error:  # two pages at once; the database decides
        raise _taken(name) from error
    return collection


def rename(collection: Collection, name: str) -> None:
    name = clean_name(name)
    _refuse_taken([other for other in own(collection.owner) if other.pk != collection.pk], name)
    try:
        with transaction.atomic():
            collection.name = name
            collection.save(update_fields=["name", "name_hash"])
            _record(audit.Action.COLLECTION_CHANGED, collection, changed="name")
    except IntegrityError as error:
        raise _taken(name) from error


def delete(collection: Collection) -> int:
    """The documents stay, and nobody reads them through it any more. Returns how many were in it.

    Raises Held.
    """
    with transaction.atomic():
        requesting.refuse_while_held(collection.owner_id)
        _lock(collection.pk)
        count = Document.objects.filter(collection=collection.pk).update(collection=None)
        _record(audit.Action.COLLECTION_DELETED, collection, documents=count)
        Collection.objects.filter(pk=collection.pk).delete()
    return count


def put(user: User, documents: Iterable[UUID], collection: Collection) -> int:
    """Put these of the person's documents into it, out of wherever they are. Returns how many were moved.

    Raises CollectionError where the collection is gone.
    """
    with transaction.atomic():
        # Whoever deletes it meanwhile comes before this or after it.
        if not _lock(collection.pk):
            raise CollectionError("This collection was deleted meanwhile. The documents are where they were.")
        moved = _move(user, documents, collection.pk)
        if moved:
            _record(audit.Action.COLLECTION_CHANGED, collection, added=moved)
    return moved


def take_out(user: User, documents: Iterable[UUID], collection: Collection) -> int:
    """Those of these documents that are in it stand in no collection after this. Returns how many were."""
    with transaction.atomic():
        inside = Document.objects.filter(collection=collection.pk, pk__in=list(documents))
        moved = _move(user, list(inside.values_list("pk", flat=True)), None)
        if moved:
            _record(audit.Action.COLLECTION_CHANGED, collection, removed=moved)
    return moved


def clean_name(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name:
        raise CollectionError("A collection needs a name. Nothing was changed; write at least one character.")
    if len(name) > NAME_LENGTH:
        raise CollectionError(
            f"The name of a collection may have {NAME_LENGTH} characters. Nothing was changed; shorten it."
        )
    return name


def _move(user: User, documents: Iterable[UUID], collection_id: UUID | None) -> int:
    own = Document.objects.visible_to(user).filter(pk__in=list(documents))
    # In one order, so that two pages that move the same documents wait for each other instead of both.
    locked = list(own.select_for_update(no_key=True).order_by("pk").values_list("pk", "collection"))
    changing = [pk for pk, before in locked if before != collection_id]
    Document.objects.filter(pk__in=changing).update(collection=collection_id, updated_at=Now())
    return len(changing)


def _lock(collection_id: UUID) -> bool:
    return Collection.objects.select_for_update().filter(pk=collection_id).exists()


def _refuse_taken(present: Iterable[Collection], name: str) -> None:
    if any(one.name.casefold() == name.casefold() for one in present):
        raise _taken(name)


def _taken(name: str) -> CollectionError:
    return CollectionError(f"You have a collection “{name}” already. Nothing was changed; write another name.")


def _record(action: audit.Action, collection: Collection, **details: Any) -> None:
    audit.record(action, user=collection.owner_id, resource=("collection", collection.pk), **details)
