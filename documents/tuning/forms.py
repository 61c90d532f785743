from typing import Any

from django import forms
from django.conf import settings

from documents.collections import tuning
from documents.collections.tuning import Tuning
from documents.models import Collection


class TuningForm(forms.Form):
    """An empty field is the installation's own value, which stands in it in grey."""

    relevance_threshold = forms.FloatField(
        label="Least relevance", min_value=0, max_value=1, required=False,
        help_text="From 0 to 1. Passages of this collection below it are given to no answer.",
    )  # fmt: skip
    top_k = forms.IntegerField(
        label="Passages for an answer", min_value=1, max_value=50, required=False,
        help_text="At most so many, where this collection alone is searched.",
    )  # fmt: skip
    chunk_size = forms.IntegerField(
        label="Length of a passage", min_value=200, max_value=8000, required=False,
        help_text="In characters. For documents that are read while they are in this collection.",
    )  # fmt: skip
    chunk_overlap = forms.IntegerField(
        label="Overlap", min_value=0, max_value=2000, required=False,
        help_text="How many characters of a passage the next one repeats. Below its length.",
    )  # fmt: skip
    read_again = forms.BooleanField(
        label="Read its documents again now, so that they are cut like this", required=False
    )

    def __init__(self, collection: Collection, data: Any = None) -> None:
        fields = ("relevance_threshold", "top_k", "chunk_size", "chunk_overlap")
        super().__init__(data, initial={name: getattr(collection, name) for name in fields})
        usual = tuning.cut(collection.chunk_size, None)
        defaults = (settings.RAG_RELEVANCE_THRESHOLD, settings.RAG_TOP_K, settings.CHUNK_SIZE, usual.overlap)
        for name, value in zip(fields, defaults, strict=True):
            self.fields[name].widget.attrs["placeholder"] = value
        self.fields["relevance_threshold"].widget.attrs["step"] = "0.01"

    def tuning(self) -> Tuning:
        wanted = {name: self.cleaned_data[name] for name in self.cleaned_data if name != "read_again"}
        return Tuning(**wanted)
