"""What is configured by the environment, and what is refused in a sentence before anything starts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Role
from accounts.sso.configuration import ROLES, highest_role, parse_roles
from tests.accounts.sso import slapd

PROJECT = Path(__file__).resolve().parents[3]
PLAIN = {"PATH": os.environ["PATH"], "SECRET_KEY": "s" * 50, "ENCRYPTION_KEY": "e" * 50}
OIDC = {"OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_ID": "chatsite", "OIDC_CLIENT_SECRET": "secret"}
GOOGLE = {"GOOGLE_CLIENT_ID": "g", "GOOGLE_CLIENT_SECRET": "s", "SSO_ALLOWED_DOMAINS": "example.org"}
GITHUB = {"GITHUB_CLIENT_ID": "g", "GITHUB_CLIENT_SECRET": "s", "SSO_ALLOWED_DOMAINS": "example.org"}
SAML = {"SAML_METADATA": "<EntityDescriptor/>"}
LDAP = {"LDAP_URL": "ldaps://directory.example.org", "LDAP_USER_BASE": "ou=people,dc=example,dc=org"}

needs_ldap = pytest.mark.skipif(
    "not installed" in slapd.missing() and os.environ.get("REQUIRE_LDAP") != "1", reason="LDAP is not installed"
)


def run(tmp_path: Path, program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**PLAIN, "DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def load(tmp_path: Path, expression: str, **environment: str) -> Any:
    program = f"import json, chatsite.settings as s; print(json.dumps({expression}, default=str))"
    loaded = run(tmp_path, program, environment)
    assert loaded.returncode == 0, loaded.stderr
    return json.loads(loaded.stdout)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"OIDC_ISSUER": "https://login.example.org"},
            "OIDC_ISSUER is set, but not OIDC_CLIENT_ID, OIDC_CLIENT_SECRET",
        ),
        ({**OIDC, "OIDC_ISSUER": "http://login.example.org"}, "OIDC_ISSUER must begin with https://"),
        ({**OIDC, "OIDC_SCOPES": "email"}, "OIDC_SCOPES must contain openid"),
        ({**OIDC, "OIDC_TRUST_EMAIL": "perhaps"}, "OIDC_TRUST_EMAIL is 'perhaps'; write true or false"),
        ({"GOOGLE_CLIENT_ID": "g"}, "GOOGLE_CLIENT_ID is set, but not GOOGLE_CLIENT_SECRET"),
        ({**GOOGLE, "SSO_ALLOWED_DOMAINS": ""}, "Google would let everybody in who has an account there"),
        ({**GITHUB, "SSO_ALLOWED_DOMAINS": ""}, "GitHub would let everybody in who has an account there"),
        ({**GOOGLE, "SSO_ALLOWED_DOMAINS": "example"}, "SSO_ALLOWED_DOMAINS names 'example'"),
        ({"SAML_METADATA": "https://login.example.org"}, "SAML_METADATA must be XML"),
        (
            {**SAML, "SAML_METADATA_URL": "https://login.example.org"},
            "SAML_METADATA and SAML_METADATA_URL are both set",
        ),
        ({"SAML_METADATA_URL": "http://login.example.org"}, "SAML_METADATA_URL must begin with https://"),
        ({**SAML, "SAML_KEY": "x"}, "SAML_KEY and SAML_CERTIFICATE belong together"),
        ({**SAML, "SAML_KEY": "x", "SAML_CERTIFICATE": "y"}, "SAML_KEY must be in PEM format"),
        ({"SSO_ROLE_GROUPS": "admins=boss"}, "SSO_ROLE_GROUPS: 'admins=boss' must look like group=role"),
        ({"SSO_ROLE_GROUPS": "admins=admin staff=user"}, "separate entries by semicolons"),
        ({"SSO_DEFAULT_ROLE": "admin"}, "SSO_DEFAULT_ROLE is 'admin'"),
        ({"SSO_DEFAULT_ROLE": "none"}, "SSO_ROLE_GROUPS must say which groups come in"),
        ({"SSO_SIGN_UP": "perhaps"}, "SSO_SIGN_UP is 'perhaps'"),
        ({"PASSWORD_SIGN_IN": "false"}, "no other way to sign in is configured"),
        ({**OIDC, "PASSWORD_SIGN_IN": "false", "SIGN_UP": "open"}, "SIGN_UP is open, but PASSWORD_SIGN_IN is off"),
        ({"LDAP_URL": "https://directory.example.org"}, "LDAP_URL must begin with one of: ldap://"),
    ],
)
def test_what_is_wrong_is_refused_in_a_sentence(tmp_path: Path, environment: dict[str, str], sentence: str) -> None:
    loaded = run(tmp_path, "import chatsite.settings", environment)
    assert loaded.returncode == 1
    assert sentence in loaded.stderr.splitlines()[-1]


@needs_ldap
@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"LDAP_URL": "ldap://directory.example.org"}, "would send passwords without encryption"),
        ({"LDAP_START_TLS": "true"}, "LDAP_START_TLS goes with ldap:// only"),
        ({"LDAP_USER_BASE": ""}, "Set LDAP_USER_BASE, where people are searched for, or LDAP_USER_DN"),
        ({"LDAP_USER_DN": "uid=%(user)s,dc=example"}, "LDAP_USER_DN, not both"),
        ({"LDAP_USER_FILTER": "(uid=ada)"}, "LDAP_USER_FILTER must hold %(user)s"),
        ({"LDAP_USER_FILTER": "(uid=%(name)s)"}, "LDAP_USER_FILTER must hold %(user)s"),
        ({"LDAP_BIND_DN": "cn=search"}, "LDAP_BIND_DN and LDAP_BIND_PASSWORD belong together"),
        ({"LDAP_CA_CERTIFICATES": "/nowhere.pem"}, "which is no file"),
        ({"LDAP_GROUP_TYPE": "magic"}, "LDAP_GROUP_TYPE is 'magic'"),
    ],
)
def test_a_directory_is_configured_strictly(tmp_path: Path, environment: dict[str, str], sentence: str) -> None:
    loaded = run(tmp_path, "import chatsite.settings", {**LDAP, **environment})
    assert loaded.returncode == 1
    assert sentence in loaded.stderr.splitlines()[-1]


def test_without_its_packages_a_directory_is_refused_with_the_way_to_get_them(tmp_path: Path) -> None:
    hidden = (
        "import importlib.util as u; found = u.find_spec; "
        "u.find_spec = lambda name, *rest: None if name == 'ldap' else found(name, *rest); import chatsite.settings"
    )
    loaded = run(tmp_path, hidden, LDAP)
    assert loaded.returncode == 1
    assert "-m pip install --no-deps -r requirements-ldap.txt" in loaded.stderr.splitlines()[-1]


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    (tmp_path / "metadata.xml").write_text("<EntityDescriptor/>")
    files = {"OIDC_CLIENT_SECRET_FILE": str(tmp_path / "secret"), "SAML_METADATA_FILE": str(tmp_path / "metadata.xml")}
    given = {name: value for name, value in OIDC.items() if name != "OIDC_CLIENT_SECRET"}
    found = load(tmp_path, "[s.SSO.openid[0].client_secret, s.SSO.saml.metadata]", **given, **files)
    assert found == ["from a file", "<EntityDescriptor/>"]


def test_everything_can_be_configured_at_once(tmp_path: Path) -> None:
    environment = {**OIDC, **GOOGLE, **GITHUB, **SAML, "OIDC_NAME": "Example", "BASE_URL": "https://chat.example.org"}
    buttons, entity = load(tmp_path, "[s.SSO.buttons, s.SSO.saml.entity_id]", **environment)
    assert buttons == [["oidc", "Example"], ["saml", "single sign-on"], ["github", "GitHub"], ["google", "Google"]]
    assert entity == "https://chat.example.org/accounts/sso/saml/metadata"


PROGRAM = """
import sys
import chatsite.asgi
from django.urls import get_resolver

def names(patterns):
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from names(pattern.url_patterns)
        else:
            yield pattern.name

heavy = ("accounts.sso.views", "requests", "jwt", "onelogin", "xmlsec", "lxml", "ldap", "django_auth_ldap",
         "allauth.socialaccount.providers.openid_connect", "allauth.socialaccount.providers.saml")
found = set(names(get_resolver().url_patterns))
print(",".join(sorted(found & {"start", "callback", "saml_acs", "saml_finish", "saml_metadata"} - {None})))
print(",".join(name for name in heavy if name in sys.modules))
"""


def web(tmp_path: Path, **environment: str) -> list[str]:
    done = run(tmp_path, PROGRAM, {**environment, "DJANGO_SETTINGS_MODULE": "chatsite.settings"})
    assert done.returncode == 0, done.stderr
    return [line.replace("start,", "", 1) if line.startswith("start,") else line for line in done.stdout.splitlines()]


def test_nothing_configured_means_no_routes_and_nothing_loaded(tmp_path: Path) -> None:
    routes, loaded = web(tmp_path)
    assert not {"callback", "saml_acs", "saml_finish", "saml_metadata"} & set(routes.split(","))
    assert loaded == ""


def test_what_is_configured_has_routes_and_loads_nothing_heavy_before_somebody_signs_in(tmp_path: Path) -> None:
    routes, loaded = web(tmp_path, **OIDC, **SAML)
    assert {"callback", "saml_acs", "saml_finish", "saml_metadata"} <= set(routes.split(","))
    assert loaded == "accounts.sso.views"
    routes, _ = web(tmp_path, **OIDC)
    assert "saml_acs" not in routes


# --- Groups and roles ---


def test_the_roles_are_the_products_own() -> None:
    assert set(ROLES) == set(Role.values)


def test_groups_may_have_spaces_and_be_dns() -> None:
    text = "Chat admins = admin;cn=Chat Staff,ou=groups,dc=example,dc=org=user\n viewers=viewer ;"
    assert parse_roles(text) == {
        "Chat admins": "admin",
        "cn=Chat Staff,ou=groups,dc=example,dc=org": "user",
        "viewers": "viewer",
    }


@pytest.mark.parametrize("text", ["admins", "=admin", "a=admin;a=user", "CN=a,dc=b=user; cn=A, dc=b=admin", "a=b=user"])
def test_what_could_be_misunderstood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|named twice|more than one equal sign"):
        parse_roles(text)


def test_the_highest_role_counts() -> None:
    roles = {"a": "viewer", "b": "super_admin", "c": "admin", "CN=d,DC=example": "user"}
    assert highest_role(frozenset("abc"), roles) == "super_admin"
    assert highest_role(frozenset("ac"), roles) == "admin"
    assert highest_role(frozenset({"cn=D, dc=Example", "a"}), roles) == "user"
    assert highest_role(frozenset({"A", "x"}), roles) is None
