from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import administration, audit
from accounts.going_back import is_own_address
from accounts.http import AuthenticatedHttpRequest
from accounts.rights import archive, consent, requesting, retention
from accounts.rights.models import DataRequest
from accounts.second_factor import confirmed_recently, is_confirmed
from accounts.second_factor.confirming import ask


@never_cache
@require_GET
def your_data(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Everything about one's own data. While an export is made, the page asks for its state now and then."""
    exports = DataRequest.objects.visible_to(request.user).filter(kind=DataRequest.Kind.EXPORT)
    context = {
        "export": exports.order_by("-created_at").first(),
        "now": timezone.now(),
        "retention": retention.rules(),
        "consent": consent.standing(request.user) if settings.CONSENT_VERSION else None,
        "has_notice": bool(settings.CONSENT_VERSION),
        "is_held": requesting.is_held(request.user),
    }
    template = "rights/_export.html" if "HX-Request" in request.headers else "rights/your_data.html"
    return render(request, template, context)


@require_POST
@confirmed_recently
def export(request: AuthenticatedHttpRequest) -> HttpResponse:
    requesting.export(request.user, by=request.user)
    return redirect("rights:your_data")


@never_cache
@require_GET
def download(request: AuthenticatedHttpRequest, request_id: UUID) -> HttpResponse | FileResponse:
    found = get_object_or_404(DataRequest.objects.visible_to(request.user).exclude(file=""), pk=request_id)
    if not is_confirmed(request):
        return ask(request)
    try:
        file = archive.open_archive(found.file, owner_id=request.user.pk)
    except FileNotFoundError:
        raise Http404 from None
    audit.record(
        audit.Action.EXPORT_DOWNLOADED, user=request.user, request=request, resource=("data_request", found.pk)
    )
    name = f"chatsite-{found.created_at:%Y-%m-%d}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")


@require_POST
def delete_export(request: AuthenticatedHttpRequest, request_id: UUID) -> HttpResponse:
    found = get_object_or_404(DataRequest.objects.visible_to(request.user).exclude(file=""), pk=request_id)
    requesting.delete_export(found)
    messages.success(request, "The archive is deleted.")
    return redirect("rights:your_data")


@never_cache
@require_http_methods(["GET", "POST"])
@confirmed_recently
def delete(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The end of the account. The address has to be typed, so that nobody does it by a slip."""
    error = ""
    if request.method == "POST":
        if request.POST.get("email", "").strip().lower() == request.user.email:
            try:
                requesting.erase(request.user, by=request.user)
            except (requesting.Refused, administration.Refused) as refused:
                error = refused.text if isinstance(refused, requesting.Refused) else refused.sentence
            else:
                logout(request)
                return render(request, "rights/deleted.html")
        else:
            error = "That is not the address of this account. Nothing was deleted."
    return render(request, "rights/delete.html", {"error": error}, status=422 if error else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def give_consent(request: AuthenticatedHttpRequest) -> HttpResponse:
    if not settings.CONSENT_VERSION:
        raise Http404
    back = request.POST.get("next") or request.GET.get("next", "")
    if not is_own_address(request, back):
        back = settings.LOGIN_REDIRECT_URL
    changed = False
    if request.method == "POST":
        if consent.give(request.user, request.session, request.POST.get("version", "")):
            return redirect(back)
        changed = True
    context = {
        "notice": consent.notice(),
        "version": settings.CONSENT_VERSION,
        "next": back,
        "changed": changed,
        "given": consent.standing(request.user),
    }
    return render(request, "rights/consent.html", context, status=409 if changed else 200)


@require_POST
@confirmed_recently
def withdraw_consent(request: AuthenticatedHttpRequest) -> HttpResponse:
    consent.withdraw(request.user)
    logout(request)
    return redirect(settings.LOGIN_URL)
