"""What is kept about people here: from which files their documents came, and what those say about themselves."""

from collections.abc import Callable, Iterator
from typing import ClassVar
from uuid import UUID

from accounts.models import User
from accounts.rights.holdings import Entry, as_json, told
from documents.sources.models import Label, Publication, Source


class SourcesHolding:
    name = "document_sources"
    models: ClassVar = frozenset({Source._meta.label, Publication._meta.label, Label._meta.label})
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:  # noqa: ARG002 - however many there are
        return 1

    def export(self, user: User) -> Iterator[Entry]:
        labels: dict[UUID, list[dict[str, object]]] = {}
        for label in Label.objects.filter(owner=user).order_by("document", "kind", "position"):
            labels.setdefault(label.document_id, []).append({"kind": label.kind, "name": told(label, "name")})
        published = {row.document_id: row for row in Publication.objects.filter(owner=user)}
        rows = []
        for source in Source.objects.filter(owner=user).order_by("created_at"):
            publication = published.get(source.document_id)
            rows.append(
                {
                    "document": source.document_id,
                    "path": told(source, "path"),
                    "address": told(publication, "url") if publication else "",
                    "published": publication.published_on if publication else None,
                    "labels": labels.get(source.document_id, []),
                }
            )
        yield Entry("documents/sources.json", as_json(rows))

    def stop(self, user_id: UUID) -> None:
        """Nothing here works by itself."""

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        """They go with their documents; here is what a kill may have left."""
        Label.objects.filter(owner_id=user_id).delete()
        Publication.objects.filter(owner_id=user_id).delete()
        Source.objects.filter(owner_id=user_id).delete()
        step()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - documents have the only retention
        return 0
