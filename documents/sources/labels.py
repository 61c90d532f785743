"""Tags and categories, to narrow a search: the tags that people put on their documents, and what a file says of itself.

Of documents that others share only the latter: tags are their owner's own affair.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from uuid import UUID

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from accounts.encryption.errors import KeyMissing
from accounts.encryption.fields import keyed_hash
from accounts.models import User
from documents import tagging
from documents.models import DocumentQuerySet, DocumentTag, Tag
from documents.sources.models import Label

NAME_LENGTH = 200
# In a longer list nobody finds one, and every name has to be opened.
_OFFERED = 300


def label_hash(owner_id: UUID, name: str) -> bytes:
    return keyed_hash(owner_id, "label", _same(name).encode())


def offered(user: User, documents: DocumentQuerySet, kind: Label.Kind, *, chosen: str = "") -> list[str]:
    """What this person may choose from among `documents`, by name, each once however it is spelled.

    With what is `chosen` already, as it is spelled there. Of too many, their own go first, and then the usual ones.
    """
    found = [" ".join(chosen.split())] if chosen.strip() else []
    found += [tag.name for tag in tagging.own(user)] if kind == Label.Kind.TAG else []
    labels = Label.objects.filter(kind=kind, document__in=documents.order_by())
    usual = (
        labels.values("owner", "name_hash")
        .annotate(one=Max("pk"), is_own=Q(owner=user), times=Count("pk"))
        .order_by("-is_own", "-times", "name_hash")
    )
    found += _names(Label.objects.filter(pk__in=[row["one"] for row in usual[:_OFFERED]]))
    return sorted({_same(name): name for name in reversed(found)}.values(), key=str.casefold)


def carrying(documents: DocumentQuerySet, kind: Label.Kind, name: str, *, reader_id: UUID) -> DocumentQuerySet:
    """Those of `documents` that have this tag or category, to the eyes of this reader."""
    owners = list(documents.order_by().values_list("owner", flat=True).distinct())
    hashes = list(_hashes(owners, name))
    own = []
    if kind == Label.Kind.TAG:
        own = [tag.pk for tag in Tag.objects.filter(owner=reader_id) if _same(tag.name) == _same(name)]
    # With the owners, so that the index for this is used (Label.Meta).
    labels = Label.objects.filter(owner__in=owners, kind=kind, name_hash__in=hashes)
    carried = Q(Exists(labels.filter(document=OuterRef("pk"))))
    if own:
        carried |= Q(Exists(DocumentTag.objects.filter(document=OuterRef("pk"), tag__in=own)))
    return documents.filter(carried)


def _hashes(owners: Iterable[UUID], name: str) -> Iterator[bytes]:
    for owner_id in owners:
        with suppress(KeyMissing):  # the account is being deleted at this moment
            yield label_hash(owner_id, name)


def _same(name: str) -> str:
    return " ".join(name.split()).casefold()


def _names(labels: QuerySet[Label]) -> Iterator[str]:
    for label in labels:
        with suppress(KeyMissing):
            yield label.name
