"""How much a person keeps here."""

from uuid import UUID

from django.db.models import Sum

from documents.models import DocumentVersion


def stored_bytes(user_id: UUID) -> int:
    """Of all files as they were uploaded."""
    total = DocumentVersion.objects.filter(document__owner_id=user_id).aggregate(total=Sum("size"))["total"]
    return int(total or 0)
