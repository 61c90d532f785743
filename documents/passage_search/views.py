from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.http import AuthenticatedHttpRequest
from documents.passage_search import finding
from documents.passage_search.forms import PassageSearchForm


@require_http_methods(["GET", "HEAD", "POST"])
def search(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The page, and what is found, for which the words come by POST: so they stand in no address and in no log."""
    if request.method != "POST":
        # Where to look may be linked to; what for, not.
        wanted = {name: request.GET[name] for name in ("document", "collection") if name in request.GET}
        form = PassageSearchForm(wanted, request.user)
        if not form.is_valid():
            form = PassageSearchForm({}, request.user)
        return render(request, "passage_search/search.html", {"form": form})
    form = PassageSearchForm(request.POST, request.user)
    context: dict[str, Any] = {"form": form, "start": 0}
    status = 200
    if form.is_valid():
        context["start"] = start = form.cleaned_data.get("start") or 0
        context["found"] = finding.find(request.user, form.cleaned_data["q"], form.filters(), start=start)
        context["asked_for"] = [(name, form.data.get(name, "")) for name in form.fields if name != "start"]
    elif not request.htmx:
        status = 422
    # 200 even for what cannot be searched for, so that the sentence about it takes the place of what was found before.
    template = "passage_search/_results.html" if request.htmx else "passage_search/search.html"
    return render(request, template, context, status=status)
