"""Where allauth's sign-in with other providers meets this product: providers from settings, people from `people`."""

import logging
import time
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import audit
from accounts.models import User
from accounts.sso import people
from accounts.sso.configuration import Configuration

logger = logging.getLogger(__name__)

# In the state of a sign-in on its way: when the provider was told to ask for a proof.
ASKED_AT = "asked_at"
# Seconds that clocks may differ.
LEEWAY = 60


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no type hints
    """Providers come from the settings alone: none can be added in the database."""

    def list_apps(self, request: HttpRequest, provider: str = "", client_id: str = "") -> list[SocialApp]:  # noqa: ARG002
        return [app for app in _apps() if provider in {"", app.provider_id}]

    def get_provider(self, request: HttpRequest, provider: str, client_id: str = "") -> Any:  # noqa: ARG002
        app = self.get_app(request, provider)
        return app.provider_class(request, app=app)

    def list_providers(self, request: HttpRequest) -> list[Any]:
        return [self.get_provider(request, app.provider_id) for app in _apps()]

    def get_requests_session(self) -> Any:
        """For the addresses of a provider, which do not redirect: where one leads elsewhere, nobody follows."""
        session = super().get_requests_session()
        ask = session.request

        def stay(*args: Any, **kwargs: Any) -> Any:
            # Not a default: `session.get` itself says that redirects be followed.
            return ask(*args, **{**kwargs, "allow_redirects": False})

        session.request = stay
        return session

    def authenticate_by_email(self, sociallogin: SocialLogin) -> None:
        """Who has an address already is found in `people`, under stricter conditions."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        identity: people.Identity = sociallogin.identity
        # When the provider was told to ask for a proof, if it was.
        asked_at: float | None = sociallogin.state.get(ASKED_AT)
        if asked_at and identity.proved_at is not None and identity.proved_at < asked_at - LEEWAY:
            raise ImmediateHttpResponse(_not_anew(request, identity))
        # Read when the sign-in is over (accounts.second_factor.confirming).
        request.proved_at = _proved_at(identity, sociallogin, asked_at)  # type: ignore[attr-defined]
        try:
            sociallogin.user, sociallogin.account = people.admit(identity)
        except people.Refused as refused:
            raise ImmediateHttpResponse(refusal(request, refused.title, refused.sentence)) from refused

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:  # noqa: ARG002
        """Accounts are opened in `people`, before allauth asks."""
        return False

    def send_notification_mail(self, *_args: Any, **_kwargs: Any) -> None:
        """None: nothing is connected here that the person does not see at once."""

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        import requests

        name, context = provider.name, extra_context or {}
        if error == AuthError.CANCELLED:
            title, sentence = "You did not sign in", f"{name} says that the sign-in was stopped. Nothing was changed."
        elif "state_id" in context and exception is None:
            title = "This sign-in does not go on here"
            sentence = (
                f"It was begun in another browser, or more than ten minutes ago, or it is over already. Open "
                f"{settings.BASE_URL} and sign in again."
            )
        elif isinstance(exception, requests.RequestException):
            title, sentence = f"{name} does not answer", "Nothing was changed. Try again in a few minutes."
        else:
            title = f"{name} could not tell who you are"
            sentence = (
                "What came back was not a valid proof, so nobody was signed in. Try again; if it stays so, tell the "
                "administrator of this installation, whose log says more."
            )
        # The reason may come from outside: one line, and not much of it.
        why = " ".join(str(exception or context.get("reason") or error or "no state").split())[:300]
        logger.warning("Sign-in with %s failed: %s", provider.sub_id, why)
        if error != AuthError.CANCELLED:
            kind = type(exception).__name__ if exception else "no such request"
            audit.record(audit.Action.IDENTITY_REFUSED, request=request, provider=provider.sub_id, because=kind)
        raise ImmediateHttpResponse(refusal(request, title, sentence, status=401))


class SignIn(SocialLogin):  # type: ignore[misc]
    """What allauth's flow takes from here on. Nothing of what the provider said is in what allauth keeps."""

    identity: people.Identity

    def serialize(self) -> dict[str, Any]:
        """For the session, while a second factor is asked for: allauth would put the whole account into it."""
        account = SocialAccount(pk=self.account.pk, provider=self.account.provider, uid=self.account.uid)
        return {
            "provider": {"id": self.identity.provider},
            "account": self.provider_adapter.serialize_instance(account),
            "user": self.provider_adapter.serialize_instance(User(pk=self.user.pk)),
            "state": {"process": AuthProcess.LOGIN},
            "email_addresses": [],
        }

    @property
    def provider_adapter(self) -> SocialAccountAdapter:
        return SocialAccountAdapter()


def _proved_at(identity: people.Identity, sign_in: SocialLogin, asked_at: float | None) -> float:
    """From when on this sign-in counts as a confirmation; 0: it does not, for all that is known.

    A provider that neither tells nor can be told to ask is taken at its word, or nobody of it could ever confirm.
    """
    now = time.time()
    if identity.proved_at is not None:
        return min(identity.proved_at, now)
    return now if asked_at or not sign_in.provider.app.configured.proves_anew else 0.0


def _not_anew(request: HttpRequest, identity: people.Identity) -> HttpResponse:
    logger.warning("%s was told to ask for a proof and did not.", identity.provider)
    audit.record(audit.Action.IDENTITY_REFUSED, request=request, provider=identity.provider, because="not proved anew")
    name = identity.provider_name
    sentence = (
        f"{name} let you in because of an earlier sign-in, and here it had to be a new one. Nothing was changed. Sign "
        f"out at {name}, then sign in again; or set up a second factor in your settings, which is asked for instead."
    )
    return refusal(request, f"{name} did not ask who you are", sentence, status=401)


def refusal(request: HttpRequest, title: str, sentence: str, *, status: int = 403) -> HttpResponse:
    return render(request, "sso/refused.html", {"title": title, "sentence": sentence}, status=status)


def social_login(provider: Any, identity: people.Identity, state: dict[str, Any] | None = None) -> SignIn:
    account = SocialAccount(provider=identity.provider, uid=identity.uid, extra_data={})
    login = SignIn(user=User(pk=None), account=account, provider=provider)
    login.identity = identity
    login.state = state or {}
    return login


def _apps() -> list[SocialApp]:
    """The configured providers, in allauth's shape. Made anew each time: they carry secrets and are small."""
    sso: Configuration = settings.SSO
    found = []
    for openid in sso.openid:
        from accounts.sso.openid import Provider as OpenIdProvider

        found.append(_app(openid, OpenIdProvider, openid.client_id, openid.client_secret, openid.issuer))
    if sso.github:
        from accounts.sso.github import Provider as GitHubProvider

        found.append(_app(sso.github, GitHubProvider, sso.github.client_id, sso.github.client_secret))
    if sso.saml:
        from accounts.sso.saml import Provider as SamlProvider

        found.append(_app(sso.saml, SamlProvider, sso.saml.id, ""))
    return found


def _app(configured: Any, provider_class: type, client_id: str, secret: str, server_url: str = "") -> SocialApp:
    app = SocialApp(
        provider=provider_class.id,  # type: ignore[attr-defined]  # every provider class of allauth has one
        provider_id=configured.id,
        name=configured.name,
        client_id=client_id,
        secret=secret,
        settings={"server_url": server_url, "oauth_pkce_enabled": True},
    )
    app.provider_class, app.configured = provider_class, configured
    return app
