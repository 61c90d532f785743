"""Which versions a search may see. Sharing and filters (collection, type, date, tag) come in here and nowhere else."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum

from accounts.models import User
from documents.models import Document, DocumentQuerySet


@dataclass(frozen=True)
class Scope:
    """The documents to search, as SQL for their versions, and the counts that BM25 and the choice of a plan need.

    `languages` begin with the one most passages are written in.
    """

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
    by_language = list(
        searchable.values_list("current_version__language")
        .annotate(Count("pk"), passages=Sum("current_version__passage_count"), terms=Sum("current_version__term_count"))
        .order_by("-passages")
    )
    sql, params = searchable.values("current_version_id").query.sql_with_params()
    return Scope(
        sql=sql,
        params=tuple(params),
        documents=sum(documents for _, documents, _, _ in by_language),
        passages=sum(passages for _, _, passages, _ in by_language),
        terms=sum(terms for _, _, _, terms in by_language),
        languages=tuple(language for language, *_ in by_language if language),
    )
