"""A conversation between products: the whole tree, without rows. And how to look at what a stranger wrote in a file."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

MOST_MESSAGES = 50_000
LONGEST_TEXT = 10_000_000
MOST_PICTURES = 50  # with one message
_LONGEST_NAME = 200
_MOST_TAGS = 100
_MOST_SOURCES = 200
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_MILLISECONDS = 100_000_000_000
_PARAMETERS = ("temperature", "top_p", "max_tokens", "context")
# What of a message may not come along (Turn.left_out).
PICTURES, FILES, RECORDINGS, STEPS = "pictures", "files", "recordings", "steps"


class Unreadable(Exception):
    """`why` is for the person, in a few words that go on from "was left out: "."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Source:
    number: int
    document: str
    page: int
    quoted: str
    score: float = 0.0
    is_marked: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """`data` is base64, as it stands in the file; what it is of is looked at where it is drawn anew."""

    name: str
    data: str


@dataclass(slots=True)
class Turn:
    """One message. `id` and `parent` are names inside the file."""

    id: str
    parent: str | None
    is_answer: bool
    content: str
    thinking: str = ""
    model: str = ""
    created: datetime | None = None
    finished: datetime | None = None
    status: str = "done"
    rating: int | None = None
    rating_comment: str = ""
    comparison: str = ""
    tokens_prompt: int | None = None
    tokens_completion: int | None = None
    sources: list[Source] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Chat:
    """`turns` are in such an order that siblings stand as they were, and parents before children."""

    origin: str
    title: str
    turns: list[Turn]
    shown: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    model: str = ""
    system_prompt: str = ""
    parameters: dict[str, float] = field(default_factory=dict)
    use_documents: bool = True
    folder: str = ""
    tags: list[str] = field(default_factory=list)
    archived: datetime | None = None
    pinned: datetime | None = None


def text(value: object, *, at_most: int = LONGEST_TEXT) -> str:
    """What is no text is none. Half characters and NUL, which no database takes, are replaced."""
    if not isinstance(value, str):
        return ""
    if len(value) > at_most:
        raise Unreadable("one of its messages is too long")
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def name(value: object) -> str:
    """One line, cut where it is too long."""
    return " ".join(text(value).split())[:_LONGEST_NAME]


def names(value: object) -> list[str]:
    found = dict.fromkeys(filter(None, map(name, as_list(value))))
    return list(found)[:_MOST_TAGS]


def as_list(value: object) -> list[Any]:
    """Itself if it is one, else an empty one: what stands in a file may be anything."""
    return value if isinstance(value, list) else []


def as_dict(value: object) -> dict[str, Any]:
    """As `as_list`."""
    return value if isinstance(value, dict) else {}


def escaped(words: str) -> str:
    """To stand in Markdown as it is."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", words)


def aside(words: str, *, is_answer: bool) -> str:
    """What is said instead of something that was there. An answer is Markdown, a question is shown as it was typed."""
    return f"*({escaped(words)})*" if is_answer else f"({words})"


def fenced(language: str, code: str) -> str:
    if not code.strip():
        return ""
    longest = max(map(len, re.findall("`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"


def whole(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
        return value
    return None


def number(value: object, *, default: float = 0.0) -> float:
    try:
        found = float(value) if not isinstance(value, bool) else default  # type: ignore[arg-type]  # that is the question
    except (TypeError, ValueError, OverflowError):
        return default
    return found if math.isfinite(found) else default


def moment(value: object) -> datetime | None:
    """Seconds or milliseconds since 1970, or ISO 8601. What is no moment, or none of this age, is not known."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        else:
            seconds = number(value)
            found = datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if _EARLIEST < found < _LATEST else None


def parameters(value: object) -> dict[str, float]:
    held = as_dict(value)
    found = {key: held[key] for key in _PARAMETERS if isinstance(held.get(key), int | float)}
    return {key: value for key, value in found.items() if not isinstance(value, bool) and math.isfinite(value)}


def rating(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value in {1, -1} else None


def sources(value: Iterable[Source]) -> list[Source]:
    """Each number once."""
    found: dict[int, Source] = {}
    for source in value:
        if 0 < source.number < 1000 and len(found) < _MOST_SOURCES:
            found.setdefault(source.number, source)
    return list(found.values())


def ordered(nodes: dict[str, str | None], children: dict[str, list[str]]) -> list[str]:
    """Names of all nodes, parents first, siblings in the order of `children` and what it does not name behind them.

    `nodes`: {name: parent}. A parent that is not there makes a root. Raises Unreadable for a circle.
    """
    if len(nodes) > MOST_MESSAGES:
        raise Unreadable(f"it has more than {MOST_MESSAGES:,} messages")
    below: dict[str | None, list[str]] = {}
    for node, parent in nodes.items():
        below.setdefault(parent if parent in nodes else None, []).append(node)
    for parent, found in below.items():
        place = {child: index for index, child in enumerate(children.get(parent or "", []))}
        found.sort(key=lambda child, place=place: place.get(child, len(place)))  # type: ignore[misc]
    result: list[str] = []
    waiting = list(reversed(below.get(None, [])))
    while waiting:
        node = waiting.pop()
        result.append(node)
        waiting += reversed(below.get(node, []))
    if len(result) < len(nodes):
        raise Unreadable("its messages follow each other in a circle")
    return result


def with_times(turns: list[Turn], start: datetime) -> None:
    """Give each a moment, and siblings ascending ones, since that is what keeps their order."""
    latest: dict[str | None, datetime] = {}
    known: dict[str, datetime] = {}
    step = timedelta(microseconds=1)
    for turn in turns:
        before = latest.get(turn.parent)
        created = turn.created or (known[turn.parent] + step if turn.parent in known else start)
        if before is not None and created <= before:
            created = before + step
        turn.created = known[turn.id] = latest[turn.parent] = created
