"""Arabic letters in the forms in which they join.

Fonts choose them by rules that ReportLab does not read. Unicode has a character for each form of the letters of Arabic,
Persian, Urdu and some more; they are found by their decomposition, and the fonts here have most of them.
"""

import re
import unicodedata
from functools import cache

from chats.exchange.pdf import directions

_JOINER, _NON_JOINER, _STRETCH = "\u200d", "\u200c", "\u0640"
_ARABIC = re.compile("[\u0600-\u06ff]")
_CHARACTERS = (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD))
_LAM = "\u0644"
# By whether it joins what stands before it and what comes after.
_NAMES = {(False, False): "isolated", (False, True): "initial", (True, True): "medial", (True, False): "final"}


@cache
def _forms() -> dict[tuple[str, str], str]:
    """By the letters, which are one, or lam and the alef after it, and the name of the form."""
    found: dict[tuple[str, str], str] = {}
    for code in _CHARACTERS:
        name, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        text = "".join(chr(int(letter, 16)) for letter in letters)
        is_lam_alef = len(text) == 2 and text[0] == _LAM and text[1] in "\u0622\u0623\u0625\u0627"
        if name in {"<isolated>", "<initial>", "<medial>", "<final>"} and (len(text) == 1 or is_lam_alef):
            # Marks have forms with a blank under them, which are none of these.
            found.setdefault((text, name[1:-1]), chr(code))
    return found


def _joins_before(char: str) -> bool:
    return char in {_JOINER, _STRETCH} or (char, "final") in _forms()


def _joins_after(char: str) -> bool:
    return char in {_JOINER, _STRETCH} or (char, "initial") in _forms()


def _is_passed_over(char: str) -> bool:
    """Vowels and the like stand on a letter and do not part it from the next."""
    if char in {_JOINER, _NON_JOINER}:
        return False
    return unicodedata.category(char) in {"Mn", "Me"} or char in directions.MARKS


def joined(text: str) -> str:
    if not _ARABIC.search(text):
        return text
    places = [place for place, char in enumerate(text) if not _is_passed_over(char)]
    found = list(text)
    at = 0
    while at < len(places):
        taken = 1
        here = text[places[at]]
        if at + 1 < len(places) and ((pair := here + text[places[at + 1]]), "isolated") in _forms():
            here, taken = pair, 2
        before = text[places[at - 1]] if at else ""
        after = text[places[at + taken]] if at + taken < len(places) else ""
        name = _NAMES[
            bool(before) and _joins_after(before) and _joins_before(here),
            bool(after) and _joins_after(here) and _joins_before(after),
        ]
        if form := _forms().get((here, name)):
            found[places[at]] = form
            if taken == 2:
                found[places[at + 1]] = ""
        at += taken
    return "".join(found)


def unjoined(char: str) -> str:
    """The letter that a form is one of, as it is copied and searched."""
    letter = unicodedata.normalize("NFKC", char) if ord(char) in _CHARACTERS else char
    return letter if len(letter) == 1 else char
