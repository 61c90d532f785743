"""Which versions a search may see. Sharing and filters (collection, type, date, tag) come in here and nowhere else."""

import datetime as dt
from collections.abc import Sequence
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


@dataclass(frozen=True)
class Filters:
    """Which of a person's documents to search; what is empty does not narrow. What is not theirs is never found.

    `types` are media types. Dates are those of the upload, both included.
    """

    documents: Sequence[UUID] = ()
    collections: Sequence[UUID] = ()
    types: Sequence[str] = ()
    since: dt.date | None = None
    until: dt.date | None = None

    def within(self, documents: DocumentQuerySet) -> DocumentQuerySet:
        if self.documents:
            documents = documents.filter(pk__in=list(self.documents))
        if self.collections:
            documents = documents.filter(collection__in=list(self.collections))
        if self.types:
            documents = documents.filter(current_version__media_type__in=list(self.types))
        if self.since:
            documents = documents.filter(created_at__date__gte=self.since)
        if self.until:
            documents = documents.filter(created_at__date__lte=self.until)
        return documents


EVERYTHING = Filters()


def visible_scope(user_id: UUID, filters: Filters = EVERYTHING) -> Scope:
    return scope_of(filters.within(Document.objects.visible_to(User(pk=user_id))))


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
