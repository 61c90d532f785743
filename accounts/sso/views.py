"""The pages of signing in with another provider. They exist only where one is configured (`urls`)."""

from typing import Any

from allauth.socialaccount.helpers import complete_social_login, render_authentication_error
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.sessions import LoginSession
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.sso.adapter import SocialAccountAdapter, social_login
from accounts.sso.people import Identity

ACS_COOKIE = "saml"


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def start(request: HttpRequest, provider: str) -> HttpResponse:
    """Send the browser to a provider.

    Only with the form of the sign-in page, so that no other site starts it. The page in between leaves by a refresh:
    after a form, browsers follow redirects only to where forms may go, and that is nowhere else.
    """
    found = _provider(request, provider)
    if request.method == "GET" or request.user.is_authenticated:
        return redirect("account_login")
    try:
        response = found.redirect_from_request(request)
    except Exception as error:
        if not _is_expected(error):
            raise
        return _failed(request, found, error)
    if not isinstance(response, HttpResponseRedirect):
        return response  # type: ignore[no-any-return]  # allauth's page about an error
    return render(request, "sso/leaving.html", {"address": response.url, "name": found.name})


@login_not_required
@never_cache
@require_GET
def callback(request: HttpRequest, provider: str) -> HttpResponse:
    """Back from a provider of OpenID Connect or OAuth, with a code."""
    found = _provider(request, provider)
    if not hasattr(found, "oauth2_adapter_class"):
        raise Http404
    from accounts.sso.openid import Callback

    try:
        response: HttpResponse = Callback.adapter_view(found.get_oauth2_adapter(request))(request)
    except Exception as error:
        if not _is_expected(error):
            raise
        return _failed(request, found, error)
    return response


@csrf_exempt
@login_not_required
@never_cache
@require_POST
def saml_acs(request: HttpRequest) -> HttpResponse:
    """Back from the identity provider, with a response.

    It comes as a POST from another site, so without this site's session. What is proved is put aside, and the browser
    is sent to fetch it, with its session. Only what is signed and unused is put aside: junk takes no room.
    """
    from accounts.sso import saml

    found = _provider(request, "saml")
    try:
        identity, request_id = saml.accept(found.app.configured, request.POST.get("SAMLResponse", ""))
    except (saml.NotProved, OSError) as error:
        return _failed(request, found, error)
    response = HttpResponseRedirect(reverse("sso:saml_finish"))
    aside = LoginSession(request, "saml_aside", ACS_COOKIE)
    proved = {name: getattr(identity, name) for name in ("uid", "email", "email_verified", "name", "proved_at")}
    aside.store.update({"proved": {**proved, "groups": sorted(identity.groups or ())}, "request_id": request_id})
    aside.store.set_expiry(300)
    aside.save(response)
    response.cookies[ACS_COOKIE]["httponly"] = True
    return response


@login_not_required
@never_cache
@require_GET
def saml_finish(request: HttpRequest) -> HttpResponse:
    found = _provider(request, "saml")
    aside = LoginSession(request, "saml_aside", ACS_COOKIE)
    proved, request_id = aside.store.get("proved"), aside.store.get("request_id", "")
    aside.delete()
    if not proved:
        return _failed(request, found, None, state_id="")
    try:
        # The request was this session's, and is answered once.
        state = statekit.unstash_state(request, provider_id=found.sub_id, state_id=request_id, raises=True)
    except PermissionDenied:
        return _failed(request, found, None, state_id=request_id)
    identity = Identity(provider="saml", provider_name=found.name, **{**proved, "groups": frozenset(proved["groups"])})
    response: HttpResponse = complete_social_login(request, social_login(found, identity, state))
    return response


@login_not_required
@require_GET
def saml_metadata(request: HttpRequest) -> HttpResponse:
    """What the identity provider's administrator enters there."""
    from accounts.sso import saml

    found = _provider(request, "saml")
    return HttpResponse(saml.own_metadata(found.app.configured), content_type="application/samlmetadata+xml")


def _provider(request: HttpRequest, provider: str) -> Any:
    try:
        return SocialAccountAdapter(request).get_provider(request, provider)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error


def _is_expected(error: Exception) -> bool:
    """What goes wrong at a provider or on the way to it. Anything else is a fault of this program."""
    import requests
    from allauth.socialaccount.providers.oauth2.client import OAuth2Error

    return isinstance(error, (requests.RequestException, OAuth2Error, OSError))


def _failed(request: HttpRequest, provider: Any, error: Exception | None, **context: Any) -> HttpResponse:
    response: HttpResponse = render_authentication_error(request, provider, exception=error, extra_context=context)
    return response
