"""The fonts that are carried along, and which of them has a character. Subsets of them are embedded in each file."""

from functools import lru_cache
from itertools import groupby
from pathlib import Path

from reportlab import rl_config
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

_FOLDER = Path(__file__).parent / "fonts"
SANS, BOLD, ITALIC, MONO, ASIAN = "Sans", "Sans-Bold", "Sans-Italic", "Mono", "Asian"
_FILES = {
    SANS: "DejaVuSans.ttf",
    BOLD: "DejaVuSans-Bold.ttf",
    ITALIC: "DejaVuSans-Oblique.ttf",
    MONO: "DejaVuSansMono.ttf",
    ASIAN: "DroidSansFallback.ttf",
}
# What stands for a character that none of them has.
_MISSING = "\u25a1"
_KEPT_BLANK = "\u00a0"
_FROM_ASIA = 0x2E80


def register() -> None:
    """Every face is one of these, also that with which a page begins: others would not be embedded."""
    rl_config.canvas_basefontname = SANS
    for name, file in _FILES.items():
        pdfmetrics.registerFont(TTFont(name, str(_FOLDER / file)))


def runs(text: str, face: str) -> list[tuple[str, str]]:
    """The text in pieces, each with the face that can show it."""
    shown = "".join(map(_shown, text))
    found = []
    for used, chars in groupby(shown, key=lambda char: _face(char, face)):
        piece = "".join(chars)
        found.append((piece, used) if used else (_MISSING * len(piece), SANS))
    return found


def is_asian(text: str) -> bool:
    """Whether lines break between any two characters."""
    return sum(ord(char) >= _FROM_ASIA for char in text) * 4 > len(text)


@lru_cache(maxsize=8192)
def _shown(char: str) -> str:
    """Blanks of every width are one of two; what steers devices and directions is left out."""
    if char == _KEPT_BLANK or char.isprintable():
        return char
    return " " if char.isspace() else ""


@lru_cache(maxsize=8192)
def _face(char: str, wanted: str) -> str:
    if char in {" ", _KEPT_BLANK}:
        return wanted
    return next((name for name in (wanted, SANS, ASIAN) if ord(char) in pdfmetrics.getFont(name).face.charToGlyph), "")
