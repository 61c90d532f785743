"""What stands between two lines of dashes at the beginning of a post: facts about it, in YAML."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

# Characters. What is longer is no front matter.
_LONGEST = 64 * 1024
_MOST_LABELS = 100
_LABEL_LENGTH = 100
_HEAD = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?\r?\n)??(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
# What is still told apart where YAML refuses the whole.
_LINE = re.compile(r"^(\w[\w-]*)[ \t]*:[ \t]+(.*\S)[ \t]*$", re.MULTILINE)


class Unreadable(Exception):
    """The front matter is no YAML, by far."""


@dataclass(frozen=True)
class Post:
    """`is_mended`: YAML refused what stands there, and what could be told apart was taken."""

    facts: Mapping[str, Any]
    body: str
    has_facts: bool
    is_mended: bool = False


def parse(text: str) -> Post:
    """Raises Unreadable."""
    found = _HEAD.match(text)
    if found is None:
        return Post({}, text.removeprefix("\ufeff"), has_facts=False)
    head, body = found[1] or "", text[found.end() :]
    if len(head) > _LONGEST:
        raise Unreadable
    # Tabs are forbidden in YAML's indentation and common in posts.
    for attempt in (head, head.expandtabs(2)):
        try:
            facts = yaml.safe_load(attempt)
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        if facts is None:
            facts = {}
        if isinstance(facts, dict):
            return Post(facts, body, has_facts=True, is_mended=attempt != head)
        raise Unreadable
    lines = {name: value.strip("\"'") for name, value in _LINE.findall(head)}
    if not lines:
        raise Unreadable
    return Post(lines, body, has_facts=True, is_mended=True)


def text_of(value: Any) -> str:
    """One line; nothing for what is no single value."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return " ".join(str(value).replace("\0", "").split())
    return ""


def labels_of(facts: Mapping[str, Any], singular: str, plural: str) -> list[str]:
    """As Jekyll reads them: the singular is one label, blanks and all; a plural without a list is split at blanks."""
    one, many = facts.get(singular), facts.get(plural)
    found = [text_of(one)] if not isinstance(one, list) else [text_of(value) for value in one]
    if isinstance(many, list):
        found += [text_of(value) for value in many]
    elif isinstance(many, str):
        # Jekyll splits at blanks alone. Whoever writes commas means them.
        found += [part.strip() for part in (many.split(",") if "," in many else many.split())]
    kept = list(dict.fromkeys(label[:_LABEL_LENGTH] for label in found if label))
    return kept[:_MOST_LABELS]


def moment_of(value: Any, zone: dt.tzinfo) -> dt.datetime | None:
    """A date alone is its beginning; one without a zone is in `zone`. None for what is no date."""
    if isinstance(value, str):
        value = _parsed(value.strip())
    if isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time(), tzinfo=zone)
    return None


def _parsed(text: str) -> dt.datetime | None:
    """ "2015-07-15", "2015-7-5 10:00", "2015-07-15 10:00:00 -0500"."""
    found = re.fullmatch(
        r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?",
        text,
    )
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    zone = None
    if found[7]:
        digits = found[7].replace(":", "")
        shift = (
            dt.timedelta() if digits in {"Z", "UTC"} else dt.timedelta(hours=int(digits[1:3]), minutes=int(digits[3:]))
        )
        zone = dt.timezone(-shift if digits.startswith("-") else shift)
    try:
        return dt.datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
