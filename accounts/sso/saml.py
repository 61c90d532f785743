"""SAML 2.0, web browser single sign-on: the request by redirect, the response by POST.

python3-saml (strict) checks the schema, the signature and what it covers, issuer, destination, conditions and times.
allauth keeps the id of the request in the session, good once, for ten minutes. What is added here, because both let it
pass: the assertion must name this service as its audience; a bearer confirmation inside of it must name this very
address, an end, and the request it answers; no assertion is taken twice; nothing is taken that was not asked for.
"""

import hashlib
import time
from typing import Any
from urllib.parse import urlsplit

from allauth.socialaccount.providers.saml.provider import SAMLProvider
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from lxml.etree import LxmlError
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from xmlsec import Error as XmlSecError

from accounts.sso.adapter import ASKED_AT
from accounts.sso.configuration import Saml
from accounts.sso.metadata import identity_provider
from accounts.sso.openid import FromSettings
from accounts.sso.people import Identity

# Characters of a response. Real ones have ten to thirty thousand.
LARGEST = 256 * 1024

EMAIL = (
    "email",
    "mail",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)
NAME = (
    "displayName",
    "name",
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    "cn",
)
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
TRANSIENT_FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"


class NotProved(Exception):
    """The response is no proof. The words are for the log."""


class Provider(FromSettings, SAMLProvider):  # type: ignore[misc]  # allauth has no type hints
    def redirect(self, request: HttpRequest, process: str, next_url: str | None = None, **kwargs: Any) -> HttpResponse:
        auth = OneLogin_Saml2_Auth(_at(acs_url()), old_settings=service(self.app.configured))
        # RelayState stays empty: where to go afterwards is kept in the session.
        anew = {name: value for name, value in kwargs.items() if name == ASKED_AT}
        address = auth.login(return_to="", force_authn=bool(anew))
        self.stash_redirect_state(request, process, next_url, state_id=auth.get_last_request_id(), **anew)
        return HttpResponseRedirect(address)


def acs_url() -> str:
    return f"{settings.BASE_URL}{reverse('sso:saml_acs')}"


def service(saml: Saml) -> OneLogin_Saml2_Settings:
    """This service and the identity provider, as python3-saml wants them. Raises ValueError, OSError."""
    return OneLogin_Saml2_Settings(_settings(saml, identity_provider(saml)))


def own_metadata(saml: Saml) -> bytes:
    """For the identity provider's administrator. Needs nothing of the identity provider."""
    found = OneLogin_Saml2_Settings(_settings(saml, {}), sp_validation_only=True).get_sp_metadata()
    return found.encode() if isinstance(found, str) else bytes(found)


def accept(saml: Saml, encoded: str) -> tuple[Identity, str]:
    """Who a response proves somebody to be, and the id of the request that it answers. Good once. Raises NotProved."""
    if not encoded or len(encoded) > LARGEST:
        raise NotProved("no response, or one that is too large")
    try:
        response = OneLogin_Saml2_Response(service(saml), encoded)
        response.is_valid(_at(acs_url()), raise_exceptions=True)
        request_id = _check(response, saml)
        found = _identity(response, saml)
        _use_up(response)
    except (OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError, LxmlError, XmlSecError) as error:
        raise NotProved(f"{type(error).__name__}: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        # What is not even shaped like a response.
        raise NotProved(f"unreadable: {type(error).__name__}") from error
    return found, request_id


def _check(response: OneLogin_Saml2_Response, saml: Saml) -> str:
    """The id of the request that the confirmation inside of the assertion names."""
    if saml.entity_id not in response.get_audiences():
        raise NotProved("the assertion names no audience, or another one")
    # Inside of the assertion, because only that is signed with many providers. `_query_assertion` looks at the signed
    # one and at no other; there is no public way to these elements.
    confirmations = response._query_assertion("/saml:Subject/saml:SubjectConfirmation")  # noqa: SLF001
    for confirmation in confirmations:
        data = confirmation.find("saml:SubjectConfirmationData", namespaces=Names.NSMAP)
        if confirmation.get("Method") != Names.CM_BEARER or data is None:
            continue
        end = data.get("NotOnOrAfter")
        is_here = data.get("Recipient") == acs_url()
        if is_here and end and OneLogin_Saml2_Utils.parse_SAML_to_time(end) > time.time() and data.get("InResponseTo"):
            return str(data.get("InResponseTo"))
    raise NotProved("the assertion confirms nothing for this address, now, in answer to a request")


def _use_up(response: OneLogin_Saml2_Response) -> None:
    """Remember the assertion until it has expired. A cache that is away remembers nothing, so nothing is taken then."""
    ends = [response.get_assertion_not_on_or_after() or 0, *_condition_ends(response)]
    seconds = max(int(max(ends) - time.time()), 0) + 2 * Names.ALLOWED_CLOCK_DRIFT
    name = f"{next(iter(response.get_issuers()))} {response.get_assertion_id()}"
    key = f"sso:saml:{hashlib.sha256(name.encode()).hexdigest()}"
    if not cache.add(key, 1, seconds):
        raise NotProved("the assertion was used already")
    if cache.get(key) is None:
        raise NotProved("the cache that remembers used assertions is away")


def _condition_ends(response: OneLogin_Saml2_Response) -> list[int]:
    nodes = response._query_assertion("/saml:Conditions[@NotOnOrAfter]")  # noqa: SLF001 - as above
    return [int(OneLogin_Saml2_Utils.parse_SAML_to_time(node.get("NotOnOrAfter"))) for node in nodes]


def _identity(response: OneLogin_Saml2_Response, saml: Saml) -> Identity:
    attributes: dict[str, list[str]] = response.get_attributes()
    name_id = response.get_nameid_data()
    uid = _first(attributes, [saml.id_attribute]) if saml.id_attribute else str(name_id.get("Value") or "")
    if not saml.id_attribute and name_id.get("Format") == TRANSIENT_FORMAT:
        raise NotProved("the NameID is transient, another one at every sign-in; set SAML_ID_ATTRIBUTE")
    if not uid or len(uid) > 191:
        raise NotProved("the assertion names nobody")
    email = _first(attributes, saml.email_attributes or EMAIL)
    if not email and name_id.get("Format") == EMAIL_FORMAT:
        email = str(name_id.get("Value") or "")
    return Identity(
        provider=saml.id,
        provider_name=saml.name,
        uid=uid,
        email=email,
        email_verified=saml.trust_email or _first(attributes, ["email_verified"]).lower() == "true",
        name=_first(attributes, saml.name_attributes or NAME),
        groups=frozenset(filter(None, attributes.get(saml.groups_attribute, []))),
        proved_at=_proved_at(response),
    )


def _proved_at(response: OneLogin_Saml2_Response) -> float | None:
    """The schema demands the moment of every statement. Of several the earliest counts."""
    statements = response._query_assertion("/saml:AuthnStatement")  # noqa: SLF001 - as above
    moments = [OneLogin_Saml2_Utils.parse_SAML_to_time(each.get("AuthnInstant")) for each in statements]
    return float(min(moments)) if moments else None


def _first(attributes: dict[str, list[str]], names: tuple[str, ...] | list[str]) -> str:
    for name in names:
        for value in attributes.get(name, []):
            if value:
                return str(value).strip()
    return ""


def _at(address: str) -> dict[str, Any]:
    """A request to `address`, for python3-saml: the configured address, not the one a Host header claims."""
    parts = urlsplit(address)
    return {
        "https": "on" if parts.scheme == "https" else "off",
        "http_host": parts.netloc,
        "script_name": parts.path,
        "get_data": {},
        "post_data": {},
    }


def _settings(saml: Saml, idp: dict[str, Any]) -> dict[str, Any]:
    has_key = bool(saml.key)
    sp = {
        "entityId": saml.entity_id,
        "assertionConsumerService": {"url": acs_url(), "binding": Names.BINDING_HTTP_POST},
        "NameIDFormat": Names.NAMEID_UNSPECIFIED,
        "x509cert": saml.certificate,
        "privateKey": saml.key,
    }
    security = {
        "authnRequestsSigned": has_key,
        "signatureAlgorithm": Names.RSA_SHA256,
        "digestAlgorithm": Names.SHA256,
        "rejectDeprecatedAlgorithm": True,
        "requestedAuthnContext": False,
        "wantNameId": not saml.id_attribute,
        "wantAttributeStatement": False,
        "allowRepeatAttributeName": True,
        "allowSingleLabelDomains": True,
        # Without an end: some identity providers would stop believing an imported file after two days.
        "metadataValidUntil": "",
        "metadataCacheDuration": "",
    }
    return {"strict": True, "debug": False, "sp": sp, "idp": idp, "security": security}
