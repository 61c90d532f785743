"""Which versions a search may see. Sharing and filters (collection, type, date, tag, category) come in here alone.

A scope may hold documents of several people. What each wrote is sealed, and its words are hashed, with a key of their
own: a question is asked in the terms of all of them.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum

from accounts.encryption import keys
from accounts.encryption.errors import KeyErased
from accounts.models import User
from documents.collections.access import readable_by
from documents.models import Document, DocumentQuerySet
from documents.sources.labels import carrying
from documents.sources.models import Label


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
    # Whose documents they are, the one with the most passages first.
    owners: tuple[UUID, ...] = ()

    def term_keys(self) -> dict[UUID, bytes]:
        """Of each owner, as far as there are any: an account may be deleted at this moment, and its key first."""
        found = {}
        for owner_id in self.owners:
            try:
                found[owner_id] = keys.of(owner_id).terms
            except KeyErased:
                continue
        return found


@dataclass(frozen=True)
class Filters:
    """Which of the documents that a person may read to search; what is empty does not narrow. What they may not read
    is never found.

    Chosen documents and collections are searched together: a document may be chosen by itself or with its collection.
    `only_own` leaves out what others share. `types` are media types. Dates are those of the upload, for a post those of
    its publication, both included.
    """

    documents: Sequence[UUID] = ()
    collections: Sequence[UUID] = ()
    types: Sequence[str] = ()
    since: dt.date | None = None
    until: dt.date | None = None
    tag: str = ""
    category: str = ""
    only_own: bool = False

    def within(self, documents: DocumentQuerySet, *, reader_id: UUID) -> DocumentQuerySet:
        if self.documents or self.collections:
            chosen = Q(pk__in=list(self.documents)) | Q(collection__in=list(self.collections))
            documents = documents.filter(chosen)
        if self.types:
            documents = documents.filter(current_version__media_type__in=list(self.types))
        if self.since:
            documents = documents.filter(_dated("gte", self.since))
        if self.until:
            documents = documents.filter(_dated("lte", self.until))
        if self.tag:
            documents = carrying(documents, Label.Kind.TAG, self.tag, reader_id=reader_id)
        if self.category:
            documents = carrying(documents, Label.Kind.CATEGORY, self.category, reader_id=reader_id)
        return documents


def _dated(way: str, day: dt.date) -> Q:
    added = Q(publication__published_on=None, **{f"created_at__date__{way}": day})
    return added | Q(**{f"publication__published_on__{way}": day})


EVERYTHING = Filters()


def visible_scope(user_id: UUID, filters: Filters = EVERYTHING) -> Scope:
    readable = Document.objects.visible_to(User(pk=user_id)) if filters.only_own else readable_by(user_id)
    return scope_of(filters.within(readable, reader_id=user_id))


def scope_of(documents: DocumentQuerySet) -> Scope:
    """Only the current version of each document is searched."""
    searchable = documents.searchable().order_by()
    counted = list(
        searchable.values_list("owner", "current_version__language")
        .annotate(Count("pk"), passages=Sum("current_version__passage_count"), terms=Sum("current_version__term_count"))
        .order_by("-passages")
    )
    by_language: dict[str, int] = {}
    for _, language, _, passages, _ in counted:
        by_language[language] = by_language.get(language, 0) + passages
    sql, params = searchable.values("current_version_id").query.sql_with_params()
    return Scope(
        sql=sql,
        params=tuple(params),
        documents=sum(documents for _, _, documents, _, _ in counted),
        passages=sum(passages for _, _, _, passages, _ in counted),
        terms=sum(terms for *_, terms in counted),
        languages=tuple(sorted(filter(None, by_language), key=by_language.__getitem__, reverse=True)),
        owners=tuple(dict.fromkeys(owner_id for owner_id, *_ in counted)),
    )
