"""What may stand in the search form. Everything comes in the body: what is searched for stands in no address or log."""

from typing import Any

from django import forms

from accounts.models import User
from chats.models import Folder, Tag
from chats.searching import finding
from chats.searching.finding import MOST_RESULTS, PAGE_LENGTH, Filters
from documents.period import PeriodForm
from documents.terms import MOST_QUERY_CHARACTERS


class SearchForm(PeriodForm):
    q = forms.CharField(max_length=MOST_QUERY_CHARACTERS, strip=True, required=False)
    folder = forms.ModelChoiceField(Folder.objects.none(), required=False)
    tag = forms.ModelChoiceField(Tag.objects.none(), required=False)
    model = forms.ChoiceField(required=False)
    start = forms.IntegerField(required=False, min_value=0, max_value=MOST_RESULTS - PAGE_LENGTH)

    def __init__(self, data: Any, user: User) -> None:
        super().__init__(data)
        folder: Any = self.fields["folder"]
        tag: Any = self.fields["tag"]
        model: Any = self.fields["model"]
        folder.queryset = Folder.objects.filter(owner=user)
        tag.queryset = Tag.objects.filter(owner=user)
        model.choices = [(key, key) for key in finding.models_used(user)]

    def filters(self) -> Filters:
        wanted = self.cleaned_data
        return Filters(
            since=wanted.get("since"),
            until=wanted.get("until"),
            folder=getattr(wanted.get("folder"), "pk", None),
            tag=getattr(wanted.get("tag"), "pk", None),
            model=wanted.get("model") or "",
        )
