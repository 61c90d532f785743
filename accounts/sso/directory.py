"""LDAP and Active Directory: the sign-in form's passwords are checked by a directory.

django-auth-ldap speaks with the directory: it escapes what people type, in filters and in names, refuses empty
passwords, and binds as the person. Who comes in and with which role is decided in `people`, as for every provider.
The libraries are optional (requirements-ldap.in): nothing imports this module unless LDAP_URL is set.
"""

import logging
import uuid
from typing import Any

import ldap
from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from django_auth_ldap import config
from django_auth_ldap.backend import LDAPBackend, ldap_error

from accounts.backends import RoleBackend
from accounts.models import User
from accounts.sso import people
from accounts.sso.configuration import Ldap

logger = logging.getLogger(__name__)

AWAY = (
    "The directory that checks passwords does not answer. Nothing was changed. Try again in a few minutes, or tell the "
    "administrator of this installation."
)
# Seconds. A sign-in waits for it.
CONNECT_WITHIN = 5
ANSWER_WITHIN = 10

_GROUP_TYPES = {
    "member": config.GroupOfNamesType,
    "uniqueMember": config.GroupOfUniqueNamesType,
    "memberUid": config.PosixGroupType,
    "nested": config.NestedActiveDirectoryGroupType,
}


class DirectoryBackend(RoleBackend):
    """After the local passwords. Sessions and permissions are as for everybody else."""

    @sensitive_variables("password", "credentials")
    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        name = str(credentials.get("email") or credentials.get("username") or "").strip()
        password = str(credentials.get("password") or "")
        configured: Ldap | None = settings.SSO.ldap
        # A NUL ends a password for some directories, and what is left may be nothing.
        if not configured or not name or not password or "\0" in name + password or len(name) > 254:
            return None
        try:
            identity = _Directory(configured).identify(request, name, password)
            user = people.admit(identity)[0] if identity else None
        except people.Refused as refused:
            _notice(request, refused.sentence)
            return None
        if user and not user.is_active:
            # allauth's way to its page for suspended accounts, for nobody but who knows the password.
            AuthenticationBackend._stash_user(user)  # noqa: SLF001 - the only way there is
            return None
        return user


class _Directory(LDAPBackend):  # type: ignore[misc]  # django-auth-ldap has no type hints
    def __init__(self, configured: Ldap) -> None:
        self.configured = configured
        self.default_settings = _settings(configured)

    def identify(self, request: HttpRequest | None, name: str, password: str) -> people.Identity | None:
        """Who this is, if the directory takes the password."""
        found = super().authenticate(request, username=name, password=password)
        if found is None:
            return None
        try:
            return _identity(found.ldap_user, self.configured)
        except ldap.LDAPError as error:
            _away(sender=type(self), context="groups", request=request, exception=error)
            return None

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[User, bool]:  # noqa: ARG002 - the library's shape
        """Somebody to hang the directory's entry on. The account is found afterwards, and this one is never saved."""
        return User(pk=None), False


def _settings(configured: Ldap) -> dict[str, Any]:
    options: dict[int, Any] = {
        ldap.OPT_NETWORK_TIMEOUT: CONNECT_WITHIN,
        ldap.OPT_TIMEOUT: ANSWER_WITHIN,
        # Only the configured directory is asked, wherever it may point.
        ldap.OPT_REFERRALS: 0,
        ldap.OPT_X_TLS_REQUIRE_CERT: ldap.OPT_X_TLS_DEMAND,
    }
    if configured.ca_certificates:
        options[ldap.OPT_X_TLS_CACERTFILE] = configured.ca_certificates
    # Last: it makes the ones above count.
    options[ldap.OPT_X_TLS_NEWCTX] = 0
    # Identifiers that stay are left out by "*" alone.
    wanted = ["*", "+", configured.groups_attribute, *configured.id_attributes]
    found: dict[str, Any] = {
        "SERVER_URI": configured.url,
        "START_TLS": configured.start_tls,
        "CONNECTION_OPTIONS": options,
        "BIND_DN": configured.bind_dn,
        "BIND_PASSWORD": configured.bind_password,
        "USER_ATTRLIST": wanted,
        "ALWAYS_UPDATE_USER": False,
        # People may read their own entry where nobody else may.
        "BIND_AS_AUTHENTICATING_USER": not configured.bind_dn,
        "REFRESH_DN_ON_BIND": False,
    }
    if configured.user_dn:
        found["USER_DN_TEMPLATE"] = configured.user_dn
    else:
        found["USER_SEARCH"] = config.LDAPSearch(
            configured.user_base, ldap.SCOPE_SUBTREE, configured.user_filter, wanted
        )
    if configured.group_base:
        found["GROUP_TYPE"] = _GROUP_TYPES[configured.group_type]()
        found["GROUP_SEARCH"] = config.LDAPSearch(configured.group_base, ldap.SCOPE_SUBTREE)
    return found


def _identity(entry: Any, configured: Ldap) -> people.Identity:
    attributes = entry.attrs or {}
    return people.Identity(
        provider=configured.id,
        provider_name="The directory",
        uid=_uid(entry, configured),
        email=_text(attributes.get(configured.email_attribute)),
        # The directory is the administrator's own: its addresses are as good as those typed by an administrator.
        email_verified=True,
        name=_text(attributes.get(configured.name_attribute)) or _text(attributes.get("cn")),
        groups=_groups(entry, attributes, configured),
    )


def _uid(entry: Any, configured: Ldap) -> str:
    """What stays the same when somebody gets another name or place in the directory."""
    for name in configured.id_attributes:
        value = next(iter((entry.attrs or {}).get(name, [])), None)
        if isinstance(value, bytes):
            # Active Directory's objectGUID.
            return str(uuid.UUID(bytes_le=value)) if len(value) == 16 else value.hex()
        if value:
            return str(value)[:191]
    return str(entry.dn)[:191]


def _groups(entry: Any, attributes: Any, configured: Ldap) -> frozenset[str]:
    """The groups' DNs, and where an administrator named the place to search in, also their plain names."""
    if configured.group_base:
        return frozenset(entry.group_dns) | frozenset(filter(None, entry.group_names))
    return frozenset(value for value in attributes.get(configured.groups_attribute, []) if isinstance(value, str))


def _text(values: Any) -> str:
    return next((value.strip() for value in values or [] if isinstance(value, str)), "")


def _notice(request: HttpRequest | None, sentence: str) -> None:
    """For the sign-in form, which otherwise says that the password is wrong."""
    if request is not None:
        request.sign_in_notice = sentence  # type: ignore[attr-defined]


def _away(*, request: HttpRequest | None = None, exception: Exception | None = None, **_rest: Any) -> None:
    logger.warning("The directory did not answer as it should: %s", type(exception).__name__)
    _notice(request, AWAY)


ldap_error.connect(_away, dispatch_uid="accounts.sso.directory")
