"""The metadata of a SAML identity provider: given as text, or fetched from the administrator's address at the start."""

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from accounts.sso.configuration import Saml

LARGEST = 2 * 1024 * 1024


def fetch_at_start() -> str:
    """Check them, and where an address is configured fetch them first and keep them for the processes that follow.

    Returns a warning, or "": with metadata of an earlier start an identity provider that is away keeps nobody from
    starting. Raises ImproperlyConfigured with a sentence for the operator.
    """
    saml: Saml | None = settings.SSO.saml
    if saml is None:
        return ""
    if not saml.metadata_url:
        _check(saml.metadata, saml.idp_entity_id)
        return ""
    path = Path(saml.metadata_path)
    try:
        text = _fetched(saml.metadata_url)
        parsed(text, saml.idp_entity_id)
    except (OSError, ValueError) as error:
        words = f"SAML_METADATA_URL could not be used: {error}"
        if path.exists():
            return f"{words} Going on with what was fetched earlier."
        raise ImproperlyConfigured(words) from error
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)  # noqa: PTH105 - the one call that replaces at once, named as what it is
    return ""


def _check(text: str, entity_id: str) -> None:
    try:
        parsed(text, entity_id)
    except ValueError as error:
        raise ImproperlyConfigured(f"SAML_METADATA cannot be used: {error}") from error


def identity_provider(saml: Saml) -> dict[str, Any]:
    """What python3-saml wants to know of the identity provider. Raises ValueError, OSError."""
    if saml.metadata:
        return parsed(saml.metadata, saml.idp_entity_id)
    path = Path(saml.metadata_path)
    return _kept(str(path), path.stat().st_mtime_ns, saml.idp_entity_id)


@functools.lru_cache(maxsize=4)
def parsed(text: str, entity_id: str = "") -> dict[str, Any]:
    """Raises ValueError with a sentence."""
    from lxml.etree import LxmlError
    from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser

    try:
        found = OneLogin_Saml2_IdPMetadataParser.parse(text, entity_id=entity_id or None).get("idp", {})
    except (LxmlError, ValueError, TypeError, KeyError) as error:
        raise ValueError("The metadata of the identity provider are no SAML metadata.") from error
    if not found.get("entityId") or not found.get("singleSignOnService", {}).get("url"):
        raise ValueError("The metadata name no identity provider with a sign-in address for HTTP-Redirect.")
    if not found.get("x509cert") and not found.get("x509certMulti", {}).get("signing"):
        raise ValueError("The metadata hold no certificate, so nothing that is signed could be checked.")
    return dict(found)


@functools.lru_cache(maxsize=2)
def _kept(path: str, _changed: int, entity_id: str) -> dict[str, Any]:
    return parsed(Path(path).read_text(encoding="utf-8"), entity_id)


def _fetched(address: str) -> str:
    import requests

    try:
        response = requests.get(address, timeout=10, stream=True)
        response.raise_for_status()
        content = response.raw.read(LARGEST + 1, decode_content=True)
        # So that a redirect cannot lead from https to http.
        if address.startswith("https:") and not response.url.startswith("https:"):
            raise ValueError("it leads to an address without https.")
    except requests.RequestException as error:
        raise ValueError(f"{type(error).__name__} at {address}.") from error
    if len(content) > LARGEST:
        raise ValueError("what is there is larger than 2 MB.")
    return str(content.decode("utf-8", errors="replace"))
