"""Where ChatGPT's answers point at pages and files: marks of its own in the text, and what to show for them beside it.

Today's marks stand between characters for private use, earlier ones between lenticular brackets with a dagger. What is
known about each is in the message's metadata. Marks about which nothing is known say nothing to a reader, and go.
"""

import json
import re
from itertools import islice
from typing import Any

from chats.exchange.formats.portable import as_dict, as_list, escaped, name, text

_BEGINS, _PARTS, _ENDS = "\ue200", "\ue202", "\ue201"
_MARK = re.compile(
    f"{_BEGINS}[^{_BEGINS}{_ENDS}]*{_ENDS}"  # a whole one
    f"|{_BEGINS}[a-z_]*(?:{_PARTS}[\\w-]*)*"  # one that was cut off: no more than its beginning
    f"|[{_BEGINS}-\ue206]"
    "|\u3010[^\u3010\u3011\n]{0,100}\u2020[^\u3010\u3011\n]{0,300}\u3011"
)
_WITH_BLANK = re.compile(f"( ?)({_MARK.pattern})")
# Beyond them a message is made up.
_MOST = 2_000


def known_marks(parts: list[str], metadata: dict[str, Any]) -> dict[str, str]:
    """For the marks in a message that something is known about: what to show."""
    if not any(_MARK.search(part) for part in parts):
        return {}
    # Places are counted in the one text that a message has.
    cited = _of_citations(parts[0], metadata.get("citations")) if len(parts) == 1 else {}
    return {**cited, **_of_references(metadata.get("content_references"))}


def resolved(part: str, known: dict[str, str]) -> str:
    """The text with links and names for its marks."""

    def shown(found: re.Match[str]) -> str:
        instead = known.get(found[2]) or _entity(found[2])
        blank = found[1] or " " * (
            instead.startswith("(") and found.start() > 0 and not part[found.start() - 1].isspace()
        )
        return blank + instead if instead else ""

    return _WITH_BLANK.sub(shown, part)


def _of_references(value: object) -> dict[str, str]:
    """What is matched need not be a mark: the list of sources at the end matches a blank."""
    found = {}
    for reference in _dicts(value):
        matched = text(reference.get("matched_text"))
        if _MARK.fullmatch(matched):
            found[matched] = text(reference.get("alt")).strip() or _links(reference)
    return found


def _links(reference: dict[str, Any]) -> str:
    if reference.get("type") == "hidden":
        return ""
    links = [link for item in _dicts(reference.get("items")) if (link := _link(item))]
    return f"({', '.join(links)})" if links else _bracketed(_link(reference))


def _of_citations(part: str, value: object) -> dict[str, str]:
    """By their places in the text; or, where these were counted otherwise, one after the other."""
    places = [
        (max(0, start), end, _bracketed(_link(as_dict(citation.get("metadata")))))
        for citation in _dicts(value)
        if isinstance(start := citation.get("start_ix"), int) and isinstance(end := citation.get("end_ix"), int)
    ]
    found = {part[start:end]: link for start, end, link in places if _MARK.fullmatch(part[start:end])}
    marks = _MARK.findall(part) if not found else []
    if len(marks) == len(places):
        found.update(zip(marks, (link for *_, link in sorted(places)), strict=True))
    return found


def _link(about: dict[str, Any]) -> str:
    title = escaped(name(about.get("title")) or name(about.get("name")))
    url = text(about.get("url")).strip()
    if not url.startswith(("http://", "https://")) or re.search(r"[\s<>()]", url):
        return title
    return f"[{title or url}]({url})"


def _bracketed(link: str) -> str:
    return f"({link})" if link else ""


def _entity(mark: str) -> str:
    """Of a mark around a name, which is a word of the sentence: ["company", "Motorola", "mobile phones"]."""
    kind, _, value = mark.strip(_BEGINS + _ENDS).partition(_PARTS)
    if kind != "entity":
        return ""
    try:
        told = json.loads(value)
    except (ValueError, RecursionError):
        return ""
    return name(told[1]) if isinstance(told, list) and len(told) > 1 else ""


def _dicts(value: object) -> list[dict[str, Any]]:
    found = (item for item in as_list(value) if isinstance(item, dict))
    return list(islice(found, _MOST))
