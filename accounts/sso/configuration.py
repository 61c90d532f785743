"""What the settings say about signing in with other providers: values without any Django in them.

`chatsite/single_sign_on.py` makes one `Configuration` from the environment; it stands in `settings.SSO`.
"""

import re
from dataclasses import dataclass, field
from typing import ClassVar

# From the least to the most: of several groups the highest role counts.
ROLES = ("viewer", "user", "admin", "super_admin")
# Instead of a default role: who is in no group that is named stays out.
NOBODY = "none"
# LDAP's, in sentences: it has no name of its own.
DIRECTORY = "the directory"

_DN = re.compile(r"^[A-Za-z][A-Za-z0-9-]*=[^=]+,")


@dataclass(frozen=True)
class OpenId:
    """One OpenID Connect provider. Google is one."""

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    # Where in the claims the groups stand, from the outside in; () for a provider that has none.
    groups_claim: tuple[str, ...] = ()
    trust_email: bool = False

    @property
    def proves_anew(self) -> bool:
        """Whether it can be told to ask for a password although it remembers the person. Google refuses to."""
        return self.id != "google"


@dataclass(frozen=True)
class GitHub:
    client_id: str
    client_secret: str
    url: str = "https://github.com"
    id: str = "github"
    name: str = "GitHub"
    proves_anew: ClassVar[bool] = False

    @property
    def api(self) -> str:
        return "https://api.github.com" if self.url == "https://github.com" else f"{self.url}/api/v3"


@dataclass(frozen=True)
class Saml:
    name: str
    # The identity provider's metadata, or where they are fetched from at the start.
    metadata: str
    metadata_url: str
    # Where fetched metadata are kept.
    metadata_path: str
    entity_id: str
    idp_entity_id: str = ""
    key: str = ""
    certificate: str = ""
    # The first that is there counts.
    id_attribute: str = ""
    email_attributes: tuple[str, ...] = ()
    name_attributes: tuple[str, ...] = ()
    groups_attribute: str = "groups"
    trust_email: bool = False
    id: str = "saml"
    proves_anew: ClassVar[bool] = True


@dataclass(frozen=True)
class Ldap:
    url: str
    start_tls: bool
    ca_certificates: str
    bind_dn: str
    bind_password: str
    user_base: str
    user_filter: str
    user_dn: str
    email_attribute: str
    name_attribute: str
    id_attributes: tuple[str, ...]
    groups_attribute: str
    group_base: str
    group_type: str
    id: str = "ldap"


@dataclass(frozen=True)
class Configuration:
    openid: tuple[OpenId, ...] = ()
    github: GitHub | None = None
    saml: Saml | None = None
    ldap: Ldap | None = None
    # Who may open an account by signing in: "open", "invitation" or "closed".
    sign_up: str = "open"
    # Addresses of other domains stay out; () lets every domain in.
    domains: frozenset[str] = frozenset()
    # Groups to roles; empty leaves the roles to the administrators.
    roles: dict[str, str] = field(default_factory=dict)
    default_role: str = "user"
    # Whether local passwords work for everybody; if not, for super admins only.
    passwords: bool = True

    @property
    def buttons(self) -> list[tuple[str, str]]:
        """The providers that a person goes to, as (id, name), in the order of their buttons."""
        found: list[OpenId | GitHub | Saml | None] = [*self.openid, self.saml, self.github]
        own = [(each.id, each.name) for each in found if each and each.id != "google"]
        return own + [(each.id, each.name) for each in self.openid if each.id == "google"]

    @property
    def deciding(self) -> dict[str, str]:
        """The providers that decide who comes in, by id, with their names: those whose groups give roles, and always
        the directory, whose passwords are typed into our own form."""
        found = {self.ldap.id: DIRECTORY} if self.ldap else {}
        if self.roles:
            with_groups: list[OpenId | Saml | None] = [*(each for each in self.openid if each.groups_claim), self.saml]
            found |= {each.id: each.name for each in with_groups if each}
        return found

    @property
    def is_on(self) -> bool:
        return bool(self.buttons or self.ldap)


def parse_roles(text: str) -> dict[str, str]:
    """`Chat admins = admin; staff = user` as {"Chat admins": "admin", "staff": "user"}.

    A group may be a DN, with its own equal signs and commas. Raises ValueError with a sentence's end.
    """
    roles: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in re.split(r"[;\n]", text))):
        group, equals, role = (part.strip() for part in entry.rpartition("="))
        if not equals or not group or role not in ROLES:
            raise ValueError(f"{entry!r} must look like group=role, with one of the roles {', '.join(ROLES)}")
        if "=" in group and not _DN.match(group):
            raise ValueError(f"{entry!r} holds more than one equal sign; separate entries by semicolons")
        if key(group) in map(key, roles):
            raise ValueError(f"the group {group!r} is named twice")
        roles[group] = role
    return roles


def key(group: str) -> str:
    """What groups are compared by: names as they are, DNs without regard to case and to spaces after commas."""
    return re.sub(r"\s*,\s*", ",", group).casefold() if _DN.match(group) else group


def highest_role(groups: frozenset[str], roles: dict[str, str]) -> str | None:
    """The highest role that any of the groups brings, or None."""
    wanted = {key(group): role for group, role in roles.items()}
    found = {wanted[key(group)] for group in groups if key(group) in wanted}
    return max(found, key=ROLES.index, default=None)
