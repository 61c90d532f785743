"""How much there is: for administrators, who see figures and never a name. Callers act as the system."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Sum

from accounts.tenancy import acting_as_system
from documents.models import Document, DocumentVersion, EmbeddingSpace


@dataclass(frozen=True)
class Totals:
    by_status: dict[str, int]
    pages: int
    passages: int
    bytes: int

    @property
    def documents(self) -> int:
        return sum(self.by_status.values())


def totals() -> Totals:
    """Two queries, whatever there is."""
    rows = Document.objects.values_list("status").annotate(Count("pk")).order_by("status")
    sums = DocumentVersion.objects.aggregate(Sum("page_count"), Sum("passage_count"), Sum("size"))
    return Totals(
        by_status=dict(rows),
        pages=sums["page_count__sum"] or 0,
        passages=sums["passage_count__sum"] or 0,
        bytes=sums["size__sum"] or 0,
    )


def unfinished(found: Totals) -> tuple[int, int]:
    """Documents that wait, and documents that are being read."""
    return found.by_status.get(Document.QUEUED, 0), sum(found.by_status.get(name, 0) for name in Document.WORKING)


def bytes_by_owner(owners: Collection[UUID]) -> dict[UUID, int]:
    """What the files of each of these people take, in one query."""
    with acting_as_system("count for the dashboard"):
        rows = DocumentVersion.objects.filter(owner__in=owners).values_list("owner")
        return dict(rows.annotate(Sum("size")).order_by())


def space_being_built() -> str:
    """The name of the embedding model whose vectors are being made beside those in use, or ""."""
    building = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.BUILDING).values_list("model", flat=True)
    return building.first() or ""
