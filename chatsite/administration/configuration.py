"""The settings this process runs with, beside what docs/settings.md says about each. Secrets are never shown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from chatsite import env

_HEADING = re.compile(r"^## (.+)$")
_ROW = re.compile(r"^\| `(\w+)` \| .*? \| (.+) \|$")
_CREDENTIALS = re.compile(r"(PASSWORD|SECRET|TOKEN|DSN|CREDENTIALS)|(^|_)KEY(S|_PREVIOUS)?$")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_OTHERS = "Others"


@dataclass(frozen=True)
class Setting:
    name: str
    value: str
    is_given: bool
    is_secret: bool
    meaning: str


def groups() -> list[tuple[str, list[Setting]]]:
    """By the headings of the documentation, in its order; what it does not name comes last."""
    found: dict[str, list[Setting]] = {}
    documented = _documented()
    for name, (heading, meaning) in documented.items():
        if name in env.READ:
            found.setdefault(heading, []).append(_setting(name, meaning))
    others = [_setting(name, "") for name in sorted(env.READ) if name not in documented]
    return [*found.items(), *([(_OTHERS, others)] if others else [])]


def is_secret(name: str) -> bool:
    return bool(_CREDENTIALS.search(name))


def without_credentials(value: str) -> str:
    """A URL without name and password, and without a query, which may hold a key."""
    if "://" not in value:
        return value
    try:
        parts = urlsplit(value)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    hidden = "•••@" if "@" in parts.netloc else ""
    return urlunsplit((parts.scheme, hidden + host, parts.path, "•••" if parts.query else "", ""))


def _setting(name: str, meaning: str) -> Setting:
    reading = env.READ[name]
    secret = is_secret(name)
    value = ("yes" if reading.value or name in _MADE else "") if secret else without_credentials(reading.value)
    return Setting(name, value, reading.is_given, secret, meaning)


# Made once and kept in the data folder where nobody gives them.
_MADE = {"SECRET_KEY", "ENCRYPTION_KEY"}


@cache
def _documented() -> dict[str, tuple[str, str]]:
    """Heading and meaning of each variable. Empty where the documentation is not installed."""
    try:
        text = (Path(settings.BASE_DIR) / "docs/settings.md").read_text(encoding="utf-8")
    except OSError:
        return {}
    return dict(_rows(text))


def _rows(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    heading = ""
    for line in text.splitlines():
        if found := _HEADING.match(line):
            heading = found[1]
        elif found := _ROW.match(line):
            yield found[1], (heading, _LINK.sub(r"\1", found[2]).replace("`", ""))
