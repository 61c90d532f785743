"""Which versions a search may see. Sharing and filters (collection, type, date, tag) come in here and nowhere else."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Sum

from accounts.models import User
from documents.models import Document, DocumentQuerySet


@dataclass(frozen=True)
class Scope:
    """The documents to search, as SQL for their versions, and the counts that BM25 and the choice of a plan need."""

    sql: str
    params: tuple[Any, ...]
    documents: int
    passages: int
    terms: int
    languages: tuple[str, ...]


def visible_scope(user_id: UUID) -> Scope:
    return scope_of(Document.objects.visible_to(User(pk=user_id)))


def scope_of(documents: DocumentQuerySet) -> Scope:
    """Only the current version of each document is searched."""
    searchable = documents.searchable().order_by()
    totals = searchable.aggregate(
        documents=Count("pk"),
        passages=Sum("current_version__passage_count", default=0),
        terms=Sum("current_version__term_count", default=0),
        languages=ArrayAgg("current_version__language", distinct=True, default=[]),
    )
    sql, params = searchable.values("current_version_id").query.sql_with_params()
    return Scope(
        sql=sql,
        params=tuple(params),
        documents=totals["documents"],
        passages=totals["passages"],
        terms=totals["terms"],
        languages=tuple(language for language in totals["languages"] if language),
    )
