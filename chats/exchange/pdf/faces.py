"""The fonts that are carried along, and which of them has a character. Subsets of them are embedded in each file."""

import re
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from reportlab import rl_config
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from chats.exchange.pdf import directions, joining

_FOLDER = Path(__file__).parent / "fonts"
SANS, BOLD, ITALIC, MONO, ASIAN, EMOJI = "Sans", "Sans-Bold", "Sans-Italic", "Mono", "Asian", "Emoji"
_FILES = {
    SANS: "DejaVuSans.ttf",
    BOLD: "DejaVuSans-Bold.ttf",
    ITALIC: "DejaVuSans-Oblique.ttf",
    MONO: "DejaVuSansMono.ttf",
    ASIAN: "DroidSansFallback.ttf",
    EMOJI: "NotoEmoji.ttf",
}
# What stands for a character that none of them has.
_MISSING = "\u25a1"
_KEPT_BLANK = "\u00a0"
_FROM_ASIA = 0x2E80
_NOT_FROM_THERE = (range(0xA640, 0xAC00), range(0xFB00, 0xFE10), range(0xFE70, 0xFF00), range(0x1F000, 0x1FC00))
# What makes one picture of several characters, or chooses among forms of one: skin, gender, a key around a digit,
# colour or not. Nothing here puts glyphs together: the characters stand side by side, and these would be boxes there.
_JOINS = re.compile("\u200d[\u2640\u2642]|[\ufe00-\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]")
# At the end of a line that says what a glyph is.
_GLYPH = re.compile(r"<([0-9A-F]{4,6})>$", re.MULTILINE)


class _Face(TTFont):  # type: ignore[misc]  # reportlab has no types
    def addObjects(self, doc: Any) -> None:  # noqa: N802 - reportlab's
        """What a glyph is copied and searched as: a letter, whatever its form, and in UTF-16. ReportLab forgets that
        beyond the basic plane."""
        before = set(doc.idToObject)
        super().addObjects(doc)
        for name in doc.idToObject.keys() - before:
            if name.startswith("toUnicodeCMap:"):
                stream = doc.idToObject[name]
                stream.content = _GLYPH.sub(_as_copied, stream.content)


def _as_copied(found: re.Match[str]) -> str:
    return f"<{joining.unjoined(chr(int(found[1], 16))).encode('utf-16-be').hex()}>"


def register() -> None:
    """Every face is one of these, also that with which a page begins: others would not be embedded."""
    rl_config.canvas_basefontname = SANS
    for name, file in _FILES.items():
        pdfmetrics.registerFont(_Face(name, str(_FOLDER / file)))


def runs(text: str, face: str) -> list[tuple[str, str]]:
    """The text in pieces, each with the face that can show it."""
    found = []
    for used, chars in groupby(_cleaned(text), key=lambda char: _face(char, face)):
        piece = "".join(chars)
        found.append((piece, used) if used else (_MISSING * len(piece), SANS))
    return found


def lacks(text: str) -> bool:
    """Whether something of it is in none of the faces."""
    return not all(_face(char, SANS) for char in set(_cleaned(text)))


def _cleaned(text: str) -> str:
    return "".join(map(_shown, _JOINS.sub("", joining.joined(text))))


def is_asian(text: str) -> bool:
    """Whether lines break between any two characters."""
    return sum(map(_is_asian, text)) * 4 > len(text)


@lru_cache(maxsize=8192)
def _is_asian(char: str) -> bool:
    """Pictures, letters of Arabic in their forms and some of other scripts have high numbers as well."""
    return ord(char) >= _FROM_ASIA and not any(ord(char) in others for others in _NOT_FROM_THERE)


@lru_cache(maxsize=8192)
def _shown(char: str) -> str:
    """Blanks of every width are one of two; what steers devices is left out."""
    if char == _KEPT_BLANK or char.isprintable() or char in directions.MARKS:
        return char
    return " " if char.isspace() else ""


@lru_cache(maxsize=8192)
def _face(char: str, wanted: str) -> str:
    if char in {" ", _KEPT_BLANK}:
        return wanted
    # Signs that are also letters' neighbours, as arrows, stay in the face of the text.
    faces = (wanted, SANS, EMOJI, ASIAN)
    return next((name for name in faces if ord(char) in pdfmetrics.getFont(name).face.charToGlyph), "")
