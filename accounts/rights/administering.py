"""What an administrator sees of people's rights, none of it content, and the end of somebody else's account."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import administration
from accounts.capabilities import may_manage
from accounts.models import User
from accounts.rights import requesting
from accounts.rights.models import Consent, DataRequest, LegalHold
from accounts.second_factor import confirmed_recently
from accounts.tenancy import acting_as

# What was asked for last, on a person's page.
_LATEST = 5


def about(person: User) -> dict[str, Any]:
    """For the person's page in the administration."""
    with acting_as(person):
        requests = list(DataRequest.objects.visible_to(person).order_by("-created_at")[:_LATEST])
        consents = list(Consent.objects.filter(owner=person).order_by("-given_at")[:_LATEST])
    return {
        "requests": requests,
        "consents": consents,
        "hold": LegalHold.objects.filter(user=person).first(),
        "is_being_erased": any(
            one.kind == DataRequest.Kind.ERASURE and one.status in {DataRequest.QUEUED, *DataRequest.WORKING}
            for one in requests
        ),
    }


@never_cache
@require_http_methods(["GET", "POST"])
@confirmed_recently
def erase(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """The address has to be typed, so that nobody deletes the account of somebody else than they mean."""
    person = get_object_or_404(User, pk=user_id)
    if not isinstance(request.user, User) or not may_manage(request.user, person.role):
        raise PermissionDenied(administration.NotYours.sentence)
    error = ""
    if request.method == "POST":
        if request.POST.get("email", "").strip().lower() != person.email:
            error = "That is not the address of this account. Nothing was deleted."
        else:
            try:
                requesting.erase(person, by=request.user)
            except requesting.Refused as refused:
                error = refused.text
            except administration.Refused as refused:
                error = f"Nothing was deleted. {refused.sentence}"
            else:
                words = f"The account {person} is closed. Its data is being deleted, which takes a few minutes at most."
                messages.success(request, words)
                return redirect("admin:accounts_user_changelist")
    context = {
        **admin.site.each_context(request),
        "title": "Delete account and data",
        "person": person,
        "error": error,
        **about(person),
    }
    return TemplateResponse(request, "admin/rights/erase.html", context, status=422 if error else 200)
