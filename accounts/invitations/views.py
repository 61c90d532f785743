from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.backends import LOCAL
from accounts.invitations import accepting
from accounts.invitations.forms import AcceptForm
from accounts.models import Role


@login_not_required
@sensitive_post_parameters("password", "password_again")
@sensitive_variables("form")
@never_cache
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Make one's own account with the link of an invitation."""
    if not ratelimit.consume(request, action="invitation"):
        limited: HttpResponse = ratelimit.respond_429(request)
        return limited
    try:
        invitation = accepting.find(token)
    except accepting.NotUsable:
        return _gone(request)
    if request.user.is_authenticated:
        # An account is for one person: nobody becomes somebody else by opening a link.
        return render(request, "invitations/signed_in.html", {"invitation": invitation}, status=409)
    # Where passwords are off, super admins still have one: their way in when the other provider is away.
    by_password = settings.SSO.passwords or invitation.role == Role.SUPER_ADMIN
    form = AcceptForm(request.POST or None, email=invitation.email)
    if by_password and form.is_valid():
        try:
            user = accepting.accept(token, name=form.cleaned_data["name"], password=form.cleaned_data["password"])
        except accepting.NotUsable:
            return _gone(request)
        except accepting.AddressTaken:
            return render(request, "invitations/taken.html", {"invitation": invitation}, status=409)
        login(request, user, backend=LOCAL)
        return redirect(settings.LOGIN_REDIRECT_URL)
    context = {
        "form": form,
        "invitation": invitation,
        "by_password": by_password,
        # Whoever signs in there with this address finds the invitation by itself (accounts.sso.people).
        "buttons": settings.SSO.buttons if settings.SSO.sign_up != "closed" else (),
    }
    return render(request, "invitations/accept.html", context, status=422 if form.errors else 200)


def _gone(request: HttpRequest) -> HttpResponse:
    return render(request, "invitations/gone.html", status=410)
