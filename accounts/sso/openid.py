"""OpenID Connect, stricter than allauth's own.

allauth brings the state (bound to the session, good once, for ten minutes), PKCE, and the exchange of the code. What is
added here: a nonce; an ID token always, whose signature is always checked, by asymmetric algorithms only and by keys of
the configured issuer; userinfo only of the same subject; endpoints no weaker than the issuer; and nothing that a
browser sends changes what a provider is asked for.
"""

import hmac
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.second_factor.confirming import is_demanded_anew
from accounts.sso.adapter import ASKED_AT, LEEWAY, social_login
from accounts.sso.configuration import OpenId
from accounts.sso.people import Identity

# By key type. Never "none", and nothing symmetric: a client secret is no signing key.
ALGORITHMS = {
    "RSA": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
    "EC": {"ES256", "ES384", "ES512"},
    "OKP": {"EdDSA"},
}
# Seconds for which a provider's addresses and keys are remembered.
REMEMBERED = 600


class NotProved(OAuth2Error):  # type: ignore[misc]  # allauth has no type hints
    """The provider's answer is no proof. The words are for the log."""


class FromSettings:
    """For every provider: a browser may say where to go afterwards, within this site, and nothing else."""

    app: Any

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        kwargs = {"process": AuthProcess.LOGIN, "next_url": get_next_redirect_url(request)}
        return {**kwargs, ASKED_AT: time.time()} if is_demanded_anew(request) else kwargs

    def get_callback_url(self) -> str:
        return callback_url(self.app.provider_id)


class Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    nonce = ""

    @property
    def configured(self) -> OpenId:
        found: OpenId = self.get_provider().app.configured
        return found

    @property
    def openid_config(self) -> dict[str, Any]:
        if not hasattr(self, "_openid_config"):
            self._openid_config = self._discovered()
        return self._openid_config

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:  # noqa: ARG002 - allauth's shape
        return callback_url(self.provider_id)

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> SocialLogin:  # noqa: ARG002
        id_token = kwargs["response"].get("id_token")
        if not isinstance(id_token, str):
            raise NotProved("no ID token")
        claims = self._proved(id_token)
        if "userinfo_endpoint" in self.openid_config:
            claims = _joined(claims, self._user_info(token.token))
        return social_login(self.get_provider(), identity(self.configured, claims))

    def _discovered(self) -> dict[str, Any]:
        issuer = self.configured.issuer
        key = f"sso:openid:{issuer}"
        found = cache.get(key)
        if found is None:
            found = self._fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            self._check(found, issuer)
            cache.set(key, found, REMEMBERED)
        return dict(found)

    def _check(self, found: dict[str, Any], issuer: str) -> None:
        if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
            raise NotProved(f"the provider calls itself {found.get('issuer')!r}, not {issuer!r}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            address = found.get(name)
            if address is None and name == "userinfo_endpoint":
                continue
            scheme = urlsplit(str(address)).scheme
            if scheme != "https" and scheme != urlsplit(issuer).scheme:
                raise NotProved(f"{name} is {address!r}")

    def _fetched(self, address: str) -> dict[str, Any]:
        with get_adapter().get_requests_session() as session:
            response = session.get(address)
            response.raise_for_status()
            found = response.json()
        if not isinstance(found, dict):
            raise NotProved(f"{address} does not answer with an object")
        return found

    def _user_info(self, access_token: str) -> dict[str, Any]:
        with get_adapter().get_requests_session() as session:
            address = self.openid_config["userinfo_endpoint"]
            response = session.get(address, headers={"Authorization": f"Bearer {access_token}"})
            response.raise_for_status()
            try:
                found = response.json()
            except requests.exceptions.JSONDecodeError as error:
                # Signed userinfo, for example, which is not asked for.
                raise NotProved("userinfo is no JSON") from error
        return found if isinstance(found, dict) else {}

    def _proved(self, id_token: str) -> dict[str, Any]:
        """The claims of an ID token that is the issuer's, for this client, valid now, and of this very sign-in."""
        try:
            header = jwt.get_unverified_header(id_token)
            key = self._key(header)
            if header.get("alg") not in ALGORITHMS.get(key.key_type or "", ()):
                raise NotProved(f"the ID token is signed by {header.get('alg')!r}")
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key.key,
                algorithms=[header["alg"]],
                audience=self.configured.client_id,
                issuer=self.openid_config["issuer"],
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            raise NotProved(f"the ID token does not hold: {type(error).__name__}: {error}") from error
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self.configured.client_id:
            raise NotProved("the ID token is for another client, too")
        if not self.nonce or not hmac.compare_digest(str(claims.get("nonce", "")), self.nonce):
            raise NotProved("the ID token is of another sign-in: its nonce differs")
        if not isinstance(claims["sub"], str) or not claims["sub"] or len(claims["sub"]) > 191:
            raise NotProved("the ID token names nobody")
        return claims

    def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        address = self.openid_config["jwks_uri"]
        known = f"sso:keys:{address}"
        keys, is_fresh = cache.get(known), False
        while True:
            if keys is None:
                keys, is_fresh = self._fetched(address), True
                cache.set(known, keys, REMEMBERED)
            found = [key for key in jwt.PyJWKSet.from_dict(keys).keys if _may_sign(key)]
            if "kid" in header:
                found = [key for key in found if key.key_id == header["kid"]]
            if len(found) == 1:
                return found[0]
            if is_fresh:
                raise NotProved(f"the provider has no key {header.get('kid')!r}")
            # The provider may have a new key.
            keys = None


class Provider(FromSettings, OpenIDConnectProvider):  # type: ignore[misc]
    oauth2_adapter_class = Adapter

    def get_scope(self) -> list[str]:
        return list(self.app.configured.scopes)

    def redirect(self, request: HttpRequest, process: str, next_url: str | None = None, **kwargs: Any) -> HttpResponse:
        nonce = secrets.token_urlsafe(32)
        params = {"nonce": nonce, **(self._anew() if ASKED_AT in kwargs else {})}
        response: HttpResponse = super().redirect(request, process, next_url, **kwargs, nonce=nonce, auth_params=params)
        return response

    def _anew(self) -> dict[str, str]:
        if not self.app.configured.proves_anew:
            return {"prompt": "select_account"}
        # The first for providers that heed it, the second so that the ID token says when.
        return {"prompt": "login", "max_age": "0"}


class Callback(OAuth2CallbackView):  # type: ignore[misc]
    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        if state is not None:
            self.adapter.nonce = state.get("nonce", "")
        return state, response


def callback_url(provider_id: str) -> str:
    return f"{settings.BASE_URL}{reverse('sso:callback', args=[provider_id])}"


def identity(configured: OpenId, claims: dict[str, Any]) -> Identity:
    email = claims.get("email")
    said = claims.get("email_verified")
    # Only true is true; some write it as text.
    verified = said is True or said == "true" or configured.trust_email
    name = claims.get("name")
    return Identity(
        provider=configured.id,
        provider_name=configured.name,
        uid=claims["sub"],
        email=email if isinstance(email, str) else "",
        email_verified=verified,
        name=name if isinstance(name, str) else "",
        groups=_groups(configured, claims),
        proved_at=_moment(claims.get("auth_time")),
    )


def _moment(said: Any) -> float | None:
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) and 0 < said < 2**40 else None


def _groups(configured: OpenId, claims: dict[str, Any]) -> frozenset[str] | None:
    path = configured.groups_claim
    if not path:
        return None
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, dict) and path[0] in elsewhere:
        # Entra ID, above 200 groups. Taken as none, it would take away the person's role.
        raise NotProved("the provider leaves out the groups because there are too many; see docs/sign-in.md")
    found: Any = claims
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, str):
        found = [found]
    return frozenset(each for each in found if isinstance(each, str)) if isinstance(found, list) else frozenset()


def _joined(claims: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """The signed claims, and what only userinfo knows. An address and whether it is verified come from one place."""
    if info.get("sub") != claims["sub"]:
        raise NotProved("userinfo is about somebody else")
    if "email" in claims and claims.get("email") != info.get("email"):
        info = {name: value for name, value in info.items() if name not in {"email", "email_verified"}}
    return {**info, **claims}


def _may_sign(key: jwt.PyJWK) -> bool:
    return key.public_key_use in (None, "sig") and key.key_type in ALGORITHMS
