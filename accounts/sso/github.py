"""GitHub, which speaks OAuth and no OpenID Connect: who somebody is stands in its API."""

from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.github.provider import GitHubProvider
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest

from accounts.sso.adapter import social_login
from accounts.sso.configuration import GitHub
from accounts.sso.openid import FromSettings, NotProved, callback_url
from accounts.sso.people import Identity


class Adapter(GitHubOAuth2Adapter):  # type: ignore[misc]  # allauth has no type hints
    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        github = self.get_provider().app.configured
        self.access_token_url = f"{github.url}/login/oauth/access_token"
        self.authorize_url = f"{github.url}/login/oauth/authorize"

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:  # noqa: ARG002 - allauth's shape
        return callback_url(self.provider_id)

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **_kwargs: Any) -> SocialLogin:  # noqa: ARG002
        github: GitHub = self.get_provider().app.configured
        headers = {"Authorization": f"Bearer {token.token}", "Accept": "application/vnd.github+json"}
        with get_adapter().get_requests_session() as session:
            answers = []
            for address in (f"{github.api}/user", f"{github.api}/user/emails"):
                response = session.get(address, headers=headers)
                response.raise_for_status()
                answers.append(response.json())
        return social_login(self.get_provider(), identity(github, *answers))


class Provider(FromSettings, GitHubProvider):  # type: ignore[misc]
    oauth2_adapter_class = Adapter

    def get_scope(self) -> list[str]:
        return ["user:email"]


def identity(github: GitHub, person: Any, addresses: Any) -> Identity:
    if not isinstance(person, dict) or not isinstance(person.get("id"), int) or not isinstance(addresses, list):
        raise NotProved("GitHub names nobody")
    return Identity(
        provider=github.id,
        provider_name=github.name,
        # The number, because a name can be given up and taken by somebody else.
        uid=str(person["id"]),
        email=_address(addresses),
        email_verified=True,
        name=person.get("name") or "",
    )


def _address(addresses: list[Any]) -> str:
    """A confirmed address: one that may be used here before others, the primary one before others."""
    domains = settings.SSO.domains
    confirmed = [each for each in addresses if isinstance(each, dict) and each.get("verified") is True]
    confirmed.sort(
        key=lambda each: (str(each["email"]).rpartition("@")[2].lower() in domains, each.get("primary") is True),
        reverse=True,
    )
    return str(confirmed[0]["email"]) if confirmed else ""
