"""From a message and what was searched for to the few words that show why it was found."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from documents import marking
from documents.marking import Piece
from documents.terms import AskedWord, Marker, Occurrence, query_languages, query_words

# As many as ranking can tell apart.
MOST_WORDS = 60

LENGTH = 260
_MOST_CHARACTERS = 400_000

# What Markdown is written with and a reader never sees. Approximate: nothing depends on it but how a snippet looks.
_MARKS = re.compile(
    r"(?P<line>^[ \t]*(?:```+|~~~+)[^\n]*$"  # fences
    r"|^[ \t]*(?:\#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+(?:\[[ xX]\][ \t]+)?)"  # headings, quotations, lists
    r"|^[ \t]*\|?(?:[ \t]*:?-{3,}:?[ \t]*\|?)+[ \t]*$)"  # rules and the lines below a table's head
    r"|\*\*|__|~~|`+"
    r"|(?<![\w*])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w*])|(?<!\w)_(?=[^\s_])|(?<=[^\s_])_(?!\w)"  # emphasis, not a_b
    r"|(?<![\w\\])(?P<dollars>\${1,2})(?=\S)(?P<formula>[^$\n]{1,400}?)(?<=\S)(?P=dollars)(?![\d$])"
    r"|!?\[(?=[^\]\n]{0,500}\]\()|(?<=[^\s\[])\]\([^)\s]{0,2000}\)"  # links, of which the words stay
    r"|\[\^?\d{1,3}\]",  # marks of sources and footnotes
    re.MULTILINE,
)


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
    return marking.stretch(text, asked.places(text), length=LENGTH)


def whole(text: str, asked: Asked) -> list[Piece]:
    """All of a short text, such as a title."""
    return marking.marked(text, asked.places(text))


def readable(text: str) -> str:
    plain = _MARKS.sub(lambda mark: " " if mark["line"] else mark["formula"] or "", text[:_MOST_CHARACTERS])
    return " ".join(plain.replace("|", " ").split())
