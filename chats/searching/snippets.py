"""From a message and what was searched for to the few words that show why it was found."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from documents.terms import AskedWord, Marker, Occurrence, query_languages, query_words

# As many as ranking can tell apart.
MOST_WORDS = 60

LENGTH = 260
# Before the first mark, so that one sees how it came to it.
_LEAD = 60
_MOST_CHARACTERS = 400_000

# What Markdown is written with and a reader never sees. Approximate: nothing depends on it but how a snippet looks.
_MARKS = re.compile(
    r"(?P<line>^[ \t]*(?:```+|~~~+)[^\n]*$"  # fences
    r"|^[ \t]*(?:\#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+(?:\[[ xX]\][ \t]+)?)"  # headings, quotations, lists
    r"|^[ \t]*\|?(?:[ \t]*:?-{3,}:?[ \t]*\|?)+[ \t]*$)"  # rules and the lines below a table's head
    r"|\*\*|__|~~|`+"
    r"|!?\[(?=[^\]\n]{0,500}\]\()|(?<=[^\s\[])\]\([^)\s]{0,2000}\)"  # links, of which the words stay
    r"|\[\^?\d{1,3}\]",  # marks of sources and footnotes
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What was searched for, to be found again in what is shown."""

    words: Sequence[AskedWord]
    marker: Marker

    @classmethod
    def of(cls, query: str, languages: Sequence[str], key: bytes) -> "Asked":
        words = query_words(query, languages, key)[:MOST_WORDS]
        return cls(words, Marker(words, query_languages(query, languages)))

    def places(self, text: str) -> list[Occurrence]:
        return list(self.marker.occurrences(text))


def snippet(text: str, asked: Asked) -> list[Piece]:
    """The stretch in which most of the words stand, with them marked."""
    text = readable(text)
    found = asked.places(text)
    start, end = _window(text, found)
    shown = marked(text[start:end], [Occurrence(o.start - start, o.end - start, o.word) for o in found])
    before = [Piece("…")] if start else []
    after = [Piece("…")] if end < len(text) else []
    return [*before, *shown, *after]


def whole(text: str, asked: Asked) -> list[Piece]:
    """All of a short text, such as a title."""
    return marked(text, asked.places(text))


def readable(text: str) -> str:
    plain = _MARKS.sub(lambda mark: " " if mark.lastgroup else "", text[:_MOST_CHARACTERS])
    return " ".join(plain.replace("|", " ").split())


def marked(text: str, found: Sequence[Occurrence]) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for start, end in _joined(found):
        if start < at or end > len(text):
            continue
        if start > at:
            pieces.append(Piece(text[at:start]))
        pieces.append(Piece(text[start:end], is_marked=True))
        at = end
    if at < len(text):
        pieces.append(Piece(text[at:]))
    return pieces


def _joined(found: Sequence[Occurrence]) -> list[tuple[int, int]]:
    """Pairs of characters that overlap are one mark."""
    joined: list[tuple[int, int]] = []
    for one in found:
        if joined and one.start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], one.end))
        else:
            joined.append((one.start, one.end))
    return joined


def _window(text: str, found: Sequence[Occurrence]) -> tuple[int, int]:
    """Where most different words stand together; of several such places, the first."""
    if len(text) <= LENGTH:
        return 0, len(text)
    best, most, last = 0, (0, 0), 0
    for first, one in enumerate(found):
        last = max(last, first)
        while last < len(found) and found[last].end - one.start <= LENGTH - _LEAD:
            last += 1
        inside = found[first:last]
        score = (len({other.word for other in inside}), min(len(inside), 8))
        if score > most:
            best, most = one.start, score
    start = max(0, min(best - _LEAD, len(text) - LENGTH))
    end = min(len(text), start + LENGTH)
    return _at_a_space(text, start, forwards=True), _at_a_space(text, end, forwards=False)


def _at_a_space(text: str, place: int, *, forwards: bool) -> int:
    """Not within a word, if there is a space near."""
    if place in (0, len(text)):
        return place
    if forwards:
        space = text.find(" ", place, place + 24)
        return space + 1 if space >= 0 else place
    space = text.rfind(" ", place - 24, place)
    return space if space >= 0 else place
