from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from documents.collections import tuning
from documents.collections.errors import CollectionError
from documents.models import Collection
from documents.tuning.forms import TuningForm


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Capability.UPLOAD)
def edit(request: AuthenticatedHttpRequest, collection_id: UUID) -> HttpResponse:
    """Its owner's alone: those it is shared with read it as it is."""
    collection = get_object_or_404(Collection, pk=collection_id, owner=request.user)
    form = TuningForm(collection, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            again = tuning.tune(collection, form.tuning(), read_again=form.cleaned_data["read_again"])
        except CollectionError as error:
            form.add_error(None, error.text)
        else:
            words = f" {again} document{'s are' if again != 1 else ' is'} being read again." if again else ""
            messages.success(request, f"The settings are kept.{words}")
            return redirect("tuning:edit", collection_id)
    status = 422 if form.errors else 200
    return render(request, "tuning/edit.html", {"collection": collection, "form": form}, status=status)
