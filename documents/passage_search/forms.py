"""What may stand in the form of the documents' search.

Everything comes in the body, so that what is searched for stands in no address and in no log. Which document or
collection to look in may stand in the address of the empty form.
"""

from collections.abc import Sequence
from typing import Any

from django import forms

from accounts.encryption.errors import KeyMissing
from accounts.models import User
from documents.collections import access
from documents.models import Collection, Document
from documents.passage_search.finding import MOST_FOUND, PAGE_LENGTH
from documents.period import PeriodForm
from documents.retrieval import Filters
from documents.rows import type_mark
from documents.sources import labels
from documents.sources.models import Label
from documents.terms import MOST_QUERY_CHARACTERS

# Documents offered by name: in a longer list nobody finds one, and every name has to be opened. Each of them can be
# chosen from where it is found, and on its own page.
_OFFERED = 100


class PassageSearchForm(PeriodForm):
    q = forms.CharField(max_length=MOST_QUERY_CHARACTERS, strip=True, required=False)
    document = forms.ModelChoiceField(Document.objects.none(), required=False)
    collection = forms.ModelChoiceField(Collection.objects.none(), required=False)
    kind = forms.ChoiceField(required=False)
    tag = forms.CharField(max_length=labels.NAME_LENGTH, required=False)
    category = forms.CharField(max_length=labels.NAME_LENGTH, required=False)
    start = forms.IntegerField(required=False, min_value=0, max_value=MOST_FOUND - PAGE_LENGTH)

    def __init__(self, data: Any, user: User) -> None:
        super().__init__(data)
        self._user = user
        readable = access.readable_by(user.pk).searchable()
        fields: Any = self.fields
        fields["document"].queryset = readable
        fields["collection"].queryset = self._collections = access.readable_collections(user.pk)
        kinds = readable.order_by().values_list("current_version__media_type", flat=True).distinct()
        fields["kind"].choices = sorted(((kind, type_mark(kind)) for kind in kinds), key=lambda choice: choice[1])
        self._readable = readable

    def filters(self) -> Filters:
        wanted = self.cleaned_data
        document, collection, kind = wanted.get("document"), wanted.get("collection"), wanted.get("kind")
        return Filters(
            documents=[document.pk] if document else [],
            # A document by itself is narrower, and wherever it is filed it is the one that was meant.
            collections=[collection.pk] if collection and not document else [],
            types=[kind] if kind else [],
            since=wanted.get("since"),
            until=wanted.get("until"),
            tag=wanted.get("tag", ""),
            category=wanted.get("category", ""),
        )

    @property
    def narrows(self) -> bool:
        names = ("document", "collection", "kind", "since", "until", "tag", "category")
        return self.is_bound and self.is_valid() and any(self.cleaned_data.get(name) for name in names)

    @property
    def documents(self) -> Sequence[Document]:
        """The newest, and the chosen one, by name."""
        found = list(self._readable.order_by("-created_at")[:_OFFERED])
        chosen = self.cleaned_data.get("document") if self.is_bound and self.is_valid() else None
        if chosen and chosen not in found:
            found.append(chosen)
        return _by_name(found)

    @property
    def collections(self) -> Sequence[Collection]:
        return _by_name(list(self._collections))

    @property
    def tags(self) -> Sequence[str]:
        return self._labels("tag", Label.Kind.TAG)

    @property
    def categories(self) -> Sequence[str]:
        return self._labels("category", Label.Kind.CATEGORY)

    def _labels(self, field: str, kind: Label.Kind) -> Sequence[str]:
        chosen = self.cleaned_data.get(field, "") if self.is_bound and self.is_valid() else ""
        return labels.offered(self._user, self._readable, kind, chosen=chosen)


def _by_name(rows: list[Any]) -> list[Any]:
    named = []
    for row in rows:
        try:
            named.append((row.name.casefold(), str(row.pk), row))
        except KeyMissing:  # the owner's account is being deleted at this moment
            continue
    return [row for *_, row in sorted(named, key=lambda each: each[:2])]
