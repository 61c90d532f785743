"""Signing in with other providers, from the environment: read strictly, described in docs/settings.md.

Only values are made here. What speaks with a provider is imported when somebody signs in with it.
"""

import importlib.util
import re
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from accounts.sso.configuration import Configuration, GitHub, Ldap, OpenId, Saml, parse_roles
from chatsite import env

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def read(*, base_url: str, data_dir: Path, sign_up: str) -> Configuration:
    groups = env.text("SSO_ROLE_GROUPS")
    try:
        roles = parse_roles(groups)
    except ValueError as error:
        raise ImproperlyConfigured(f"SSO_ROLE_GROUPS: {error}.") from None
    found = Configuration(
        openid=tuple(filter(None, [_openid(), _google()])),
        github=_github(),
        saml=_saml(base_url, data_dir),
        ldap=_ldap(),
        sign_up=env.choice("SSO_SIGN_UP", "open", ["closed", "invitation", "open"]),
        domains=_domains(),
        roles=roles,
        default_role=env.choice("SSO_DEFAULT_ROLE", "user", ["none", "viewer", "user"]),
        passwords=env.flag("PASSWORD_SIGN_IN", default=True),
    )
    _check(found, sign_up)
    return found


def _check(found: Configuration, sign_up: str) -> None:
    if found.sign_up == "open" and not found.domains and sign_up != "open":
        for provider in [*found.openid, found.github]:
            if provider and provider.id in {"google", "github"}:
                raise ImproperlyConfigured(
                    f"{provider.name} would let everybody in who has an account there. Set SSO_ALLOWED_DOMAINS to your "
                    "own domains, or SSO_SIGN_UP to invitation or closed; or SIGN_UP to open, if everybody may come."
                )
    if not found.passwords and not found.is_on:
        raise ImproperlyConfigured("PASSWORD_SIGN_IN is off, but no other way to sign in is configured.")
    if not found.passwords and sign_up == "open":
        raise ImproperlyConfigured("SIGN_UP is open, but PASSWORD_SIGN_IN is off. Change one of them.")
    if found.default_role == "none" and not found.roles:
        raise ImproperlyConfigured("SSO_DEFAULT_ROLE is none, so SSO_ROLE_GROUPS must say which groups come in.")


def _openid() -> OpenId | None:
    issuer, client_id = _address("OIDC_ISSUER"), env.text("OIDC_CLIENT_ID")
    secret = env.text("OIDC_CLIENT_SECRET")
    name = env.text("OIDC_NAME", "single sign-on")
    scopes = env.text("OIDC_SCOPES", "openid profile email").split()
    claim = tuple(filter(None, env.text("OIDC_GROUPS_CLAIM", "groups").split(".")))
    trust = env.flag("OIDC_TRUST_EMAIL", default=False)
    if not _all_or_none({"OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": client_id, "OIDC_CLIENT_SECRET": secret}):
        return None
    if "openid" not in scopes:
        raise ImproperlyConfigured("OIDC_SCOPES must contain openid.")
    return OpenId("oidc", name, issuer, client_id, secret, tuple(scopes), claim, trust)


def _google() -> OpenId | None:
    client_id, secret = env.text("GOOGLE_CLIENT_ID"), env.text("GOOGLE_CLIENT_SECRET")
    if not _all_or_none({"GOOGLE_CLIENT_ID": client_id, "GOOGLE_CLIENT_SECRET": secret}):
        return None
    return OpenId("google", "Google", "https://accounts.google.com", client_id, secret)


def _github() -> GitHub | None:
    client_id, secret = env.text("GITHUB_CLIENT_ID"), env.text("GITHUB_CLIENT_SECRET")
    url = (_address("GITHUB_URL") or "https://github.com").rstrip("/")
    if not _all_or_none({"GITHUB_CLIENT_ID": client_id, "GITHUB_CLIENT_SECRET": secret}):
        return None
    return GitHub(client_id, secret, url)


def _saml(base_url: str, data_dir: Path) -> Saml | None:
    metadata, url = env.text("SAML_METADATA"), _address("SAML_METADATA_URL")
    saml = Saml(
        name=env.text("SAML_NAME", "single sign-on"),
        metadata=metadata,
        metadata_url=url,
        metadata_path=str(data_dir / "sso" / "saml-metadata.xml"),
        entity_id=env.text("SAML_ENTITY_ID", f"{base_url}/accounts/sso/saml/metadata"),
        idp_entity_id=env.text("SAML_IDP_ENTITY_ID"),
        key=env.text("SAML_KEY"),
        certificate=env.text("SAML_CERTIFICATE"),
        id_attribute=env.text("SAML_ID_ATTRIBUTE"),
        email_attributes=_one("SAML_EMAIL_ATTRIBUTE"),
        name_attributes=_one("SAML_NAME_ATTRIBUTE"),
        groups_attribute=env.text("SAML_GROUPS_ATTRIBUTE", "groups"),
        trust_email=env.flag("SAML_TRUST_EMAIL", default=False),
    )
    if metadata and url:
        raise ImproperlyConfigured("SAML_METADATA and SAML_METADATA_URL are both set. Keep one of them.")
    if not metadata and not url:
        return None
    if metadata and not metadata.lstrip().startswith("<"):
        raise ImproperlyConfigured("SAML_METADATA must be XML. To name a file, set SAML_METADATA_FILE.")
    if bool(saml.key) != bool(saml.certificate):
        raise ImproperlyConfigured("SAML_KEY and SAML_CERTIFICATE belong together. Set both or neither.")
    for name, value, mark in (("SAML_KEY", saml.key, "PRIVATE KEY"), ("SAML_CERTIFICATE", saml.certificate, "CERTIFI")):
        if value and mark not in value:
            raise ImproperlyConfigured(f"{name} must be in PEM format. To name a file, set {name}_FILE.")
    return saml


def _ldap() -> Ldap | None:
    url = env.url("LDAP_URL", ["ldap", "ldaps", "ldapi"])
    ldap = Ldap(
        url=url,
        start_tls=env.flag("LDAP_START_TLS", default=False),
        ca_certificates=env.text("LDAP_CA_CERTIFICATES"),
        bind_dn=env.text("LDAP_BIND_DN"),
        bind_password=env.text("LDAP_BIND_PASSWORD"),
        user_base=env.text("LDAP_USER_BASE"),
        user_filter=env.text("LDAP_USER_FILTER", "(|(mail=%(user)s)(uid=%(user)s))"),
        user_dn=env.text("LDAP_USER_DN"),
        email_attribute=env.text("LDAP_EMAIL_ATTRIBUTE", "mail"),
        name_attribute=env.text("LDAP_NAME_ATTRIBUTE", "displayName"),
        id_attributes=_one("LDAP_ID_ATTRIBUTE") or ("entryUUID", "objectGUID"),
        groups_attribute=env.text("LDAP_GROUPS_ATTRIBUTE", "memberOf"),
        group_base=env.text("LDAP_GROUP_BASE"),
        group_type=env.choice("LDAP_GROUP_TYPE", "member", ["member", "uniqueMember", "memberUid", "nested"]),
    )
    if not url:
        return None
    _check_ldap(ldap)
    return ldap


def _check_ldap(ldap: Ldap) -> None:
    if not all(importlib.util.find_spec(name) for name in ("ldap", "django_auth_ldap")):
        raise ImproperlyConfigured(
            "LDAP_URL is set, but what LDAP needs is not installed. Install the system libraries that "
            "requirements-ldap.in names, then run: .venv/bin/python -m pip install --no-deps -r requirements-ldap.txt"
        )
    parts = urlsplit(ldap.url)
    if parts.scheme == "ldap" and not ldap.start_tls and parts.hostname not in _LOOPBACK:
        raise ImproperlyConfigured(
            "LDAP_URL would send passwords without encryption. Use ldaps://, or set LDAP_START_TLS to true."
        )
    if parts.scheme != "ldap" and ldap.start_tls:
        raise ImproperlyConfigured("LDAP_START_TLS goes with ldap:// only.")
    if bool(ldap.user_base) == bool(ldap.user_dn):
        raise ImproperlyConfigured("Set LDAP_USER_BASE, where people are searched for, or LDAP_USER_DN, not both.")
    for name, value in (("LDAP_USER_FILTER", ldap.user_filter), ("LDAP_USER_DN", ldap.user_dn)):
        if value and not _has_one_place(value):
            raise ImproperlyConfigured(f"{name} must hold %(user)s, in the place of what a person types.")
    if bool(ldap.bind_dn) != bool(ldap.bind_password):
        raise ImproperlyConfigured("LDAP_BIND_DN and LDAP_BIND_PASSWORD belong together. Set both or neither.")
    if ldap.ca_certificates and not Path(ldap.ca_certificates).is_file():
        raise ImproperlyConfigured(f"LDAP_CA_CERTIFICATES names {ldap.ca_certificates}, which is no file.")


def _has_one_place(template: str) -> bool:
    try:
        return template % {"user": "\0"} != template % {"user": ""}
    except (ValueError, TypeError, KeyError):
        return False


def _domains() -> frozenset[str]:
    found = frozenset(word.lower().removeprefix("@") for word in env.words("SSO_ALLOWED_DOMAINS"))
    for domain in found:
        if not _DOMAIN.fullmatch(domain):
            raise ImproperlyConfigured(f"SSO_ALLOWED_DOMAINS names {domain!r}, which is not a domain like example.org.")
    return found


def _one(name: str) -> tuple[str, ...]:
    value = env.text(name)
    return (value,) if value else ()


def _address(name: str) -> str:
    """https, or http on this very machine: whoever stands in between could be anybody."""
    value = env.url(name, ["https", "http"])
    parts = urlsplit(value)
    if value and (not parts.hostname or (parts.scheme == "http" and parts.hostname not in _LOOPBACK)):
        raise ImproperlyConfigured(f"{name} must begin with https://.")
    return value


def _all_or_none(values: dict[str, str]) -> bool:
    missing = [name for name, value in values.items() if not value]
    if missing and len(missing) < len(values):
        given = ", ".join(name for name in values if name not in missing)
        raise ImproperlyConfigured(f"{given} is set, but not {', '.join(missing)}. They belong together.")
    return not missing
