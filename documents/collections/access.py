"""What a person may read of documents: their own, and those in collections that are shared with them.

Reading only. Whatever changes a document begins with `Document.objects.visible_to`, which shares never widen.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, Q, QuerySet, Subquery

from accounts.models import User
from accounts.statements import Statement
from documents.collections.models import CollectionShare
from documents.models import Collection, Document, DocumentQuerySet

_shared_with = Statement(
    lambda user_id: CollectionShare.objects.open_to(user_id).values_list("collection", flat=True).distinct()
)


def _counted(user_id: UUID) -> QuerySet[User, tuple[int | None, bool]]:
    own = Document.objects.filter(owner=user_id).searchable().values("owner").annotate(count=Count("pk"))
    shares = CollectionShare.objects.open_to(user_id)
    return User.objects.filter(pk=user_id).values_list(Subquery(own.values("count")), Exists(shares))


# How many of their own a person can ask, and whether anything is shared with them.
_searchable = Statement(_counted)


def shared_with(user_id: UUID) -> list[UUID]:
    """The collections of others that are shared with this person. One query."""
    return _shared_with(user_id)


def searchable_count(user_id: UUID) -> int:
    """How many documents there are to ask. One query, of every page with a composer; three with shares."""
    count, has_shares = _searchable.first(user_id) or (0, False)
    return readable_by(user_id).searchable().count() if has_shares else count or 0


def readable_by(user_id: UUID) -> DocumentQuerySet:
    """One's own documents and those that others share. One query at once: the planner then reads two indexes by
    values it knows, where a condition with a query inside would have it read every document there is."""
    own = Q(owner=user_id)
    shared = shared_with(user_id)
    found: DocumentQuerySet = Document.objects.filter(own | Q(collection__in=shared) if shared else own)
    return found


def readable_collections(user_id: UUID) -> QuerySet[Collection]:
    return Collection.objects.filter(Q(owner=user_id) | Q(pk__in=shared_with(user_id)))


def until(user_id: UUID, collection_id: UUID) -> datetime | None:
    """When this person's last share of it ends by itself; None: when somebody ends it."""
    shares = CollectionShare.objects.open_to(user_id).filter(collection=collection_id)
    ends = list(shares.values_list("expires_at", flat=True))
    return None if None in ends else max((end for end in ends if end), default=None)


def readable_collection(user_id: UUID, collection_id: UUID) -> Collection | None:
    """With its owner."""
    return readable_collections(user_id).filter(pk=collection_id).select_related("owner").first()
