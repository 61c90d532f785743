from uuid import UUID

from allauth.core import ratelimit
from django.conf import settings as django_settings
from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import audit, security, setup
from accounts.backends import LOCAL
from accounts.forms import ProfileForm, SetUpForm
from accounts.http import AuthenticatedHttpRequest
from accounts.limits import quotas
from accounts.sessions import signed_in


@login_not_required
@sensitive_post_parameters("password", "password_again")
@sensitive_variables("form")
@never_cache
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest, token: str) -> HttpResponse:
    """Create the first administrator with the one-time link."""
    if not ratelimit.consume(request, action="set_up"):
        limited: HttpResponse = ratelimit.respond_429(request)
        return limited
    if not setup.is_usable(token):
        return _link_gone(request)
    form = SetUpForm(request.POST or None)
    if form.is_valid():
        values = form.cleaned_data
        try:
            user = setup.create_with_link(
                token, email=values["email"], name=values["name"], password=values["password"]
            )
        except setup.LinkNotUsable:
            return _link_gone(request)
        except setup.AddressTaken:
            form.add_error("email", "There is an account with this address already. Choose another one.")
        else:
            # A directory may be another backend; this account belongs to this one.
            login(request, user, backend=LOCAL)
            return redirect(django_settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/set_up.html", {"form": form}, status=422 if form.errors else 200)


def _link_gone(request: HttpRequest) -> HttpResponse:
    context = {"needed": setup.needed(), "command": setup.command("setup_link")}
    return render(request, "accounts/set_up_link_gone.html", context, status=410)


@never_cache
@require_http_methods(["GET", "POST"])
def settings(request: AuthenticatedHttpRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, "Your settings are saved.")
        return redirect("accounts:settings")
    context = {"form": form, "usage": quotas.usage(request.user), "security": security.of(request.user, request)}
    return render(request, "accounts/settings.html", context, status=422 if form.errors else 200)


@require_POST
def sign_out_everywhere(request: AuthenticatedHttpRequest) -> HttpResponse:
    """End the person's sessions on other devices. This one goes on."""
    request.user.end_sessions()
    update_session_auth_hash(request, request.user)
    audit.record(audit.Action.SIGNED_OUT_EVERYWHERE, user=request.user, request=request)
    messages.success(request, "You are signed out on all other devices.")
    return redirect("accounts:settings")


@require_POST
def end_session(request: AuthenticatedHttpRequest, session_id: UUID) -> HttpResponse:
    if not signed_in.end(request.user, session_id):
        raise Http404
    audit.record(audit.Action.SESSION_REVOKED, user=request.user, request=request, resource=("session", session_id))
    messages.success(request, "That device is signed out.")
    return redirect("accounts:settings")
