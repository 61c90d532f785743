"""Strict readers for settings from the environment.

A value that cannot be understood stops the program with a sentence that names the variable; nothing falls back
silently. Every variable may also be given as NAME_FILE, the path of a file with the value (container secrets).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a variable came to. The value may be a secret."""

    value: str
    is_given: bool


# Every variable that was asked for, for the administration's page of settings. Written while the settings are loaded.
READ: dict[str, Reading] = {}


def text(name: str, default: str = "") -> str:
    value = os.environ.get(name)
    path = os.environ.get(f"{name}_FILE")
    if value and path:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set. Keep one of them.")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from error
    READ[name] = Reading(value or default, is_given=bool(value))
    return value or default


def choice(name: str, default: str, allowed: Iterable[str]) -> str:
    value = text(name, default)
    options = list(allowed)
    if value not in options:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of: {', '.join(options)}.")
    return value


def integer(name: str, default: int, *, at_least: int = 0, at_most: int | None = None) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a whole number.") from None
    _check_range(name, number, at_least, at_most)
    return number


def decimal(name: str, default: float, *, at_least: float = 0.0, at_most: float | None = None) -> float:
    value = text(name, str(default))
    try:
        number = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a number.") from None
    _check_range(name, number, at_least, at_most)
    return number


def amounts(name: str, keys: Iterable[str], default: str = "") -> dict[str, int]:
    """Whole numbers by key, like "user=200000 viewer=0". What is not named is 0."""
    known = list(keys)
    found = dict.fromkeys(known, 0)
    named: set[str] = set()
    for word in text(name, default).replace(",", " ").split():
        key, equals, value = word.partition("=")
        if not equals or not value.isascii() or not value.isdecimal():
            raise ImproperlyConfigured(f"{name} has {word!r}; write it like {known[0]}=1000, with whole numbers.")
        if key not in found:
            raise ImproperlyConfigured(f"{name} names {key!r}; there are: {', '.join(known)}.")
        if key in named:
            raise ImproperlyConfigured(f"{name} names {key!r} twice.")
        named.add(key)
        found[key] = int(value)
    return found


def flag(name: str, *, default: bool) -> bool:
    value = text(name, "true" if default else "false").lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write true or false.")


def url(name: str, schemes: Iterable[str]) -> str:
    """A URL with one of the schemes, or "" if the variable is not set."""
    value = text(name)
    options = list(schemes)
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} cannot be read as a URL: {error}.") from None
    if value and (parts.scheme not in options or not (parts.netloc or parts.path)):
        # The value itself may hold a password.
        raise ImproperlyConfigured(f"{name} must begin with one of: {', '.join(f'{scheme}://' for scheme in options)}")
    return value


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a name like Europe/London or UTC.") from None
    return value


def words(name: str, default: str = "") -> list[str]:
    """A list, separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choices(name: str, allowed: Iterable[str]) -> list[str]:
    """A list of which every word is one of `allowed`; empty if the variable is not set."""
    options = list(allowed)
    chosen = words(name)
    if unknown := [word for word in chosen if word not in options]:
        raise ImproperlyConfigured(f"{name} has {unknown[0]!r}; it may have: {', '.join(options)}.")
    return chosen


def _check_range(name: str, number: float, at_least: float, at_most: float | None) -> None:
    if number != number or number < at_least or (at_most is not None and number > at_most):
        upper = "" if at_most is None else f" and at most {at_most}"
        raise ImproperlyConfigured(f"{name} is {number}; it must be at least {at_least}{upper}.")
