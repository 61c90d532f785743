"""Names that people give to files, made safe to show, to store and to send back."""

import unicodedata
from pathlib import PurePath

MAX_LENGTH = 200
# File systems and archives count bytes, and 255 is the most that most of them take.
MAX_BYTES = 240
# Windows takes such a name for a device, whatever follows the first dot.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")}

# Joiners: formatting characters, but part of the spelling in Persian, Hindi and others.
_JOINERS = "\u200c\u200d"


def clean_name(given: str) -> str:
    """One line without paths, control characters, or characters that reorder or hide others. Never empty.

    "evil\\u202efdp.exe" must not show as "evilexe.pdf", and two names that look the same should be the same.
    """
    name = unicodedata.normalize("NFC", given).replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = "".join(" " if character.isspace() else character for character in name if _is_visible(character))
    name = " ".join(name.split()).strip(". " + _JOINERS)
    if name.partition(".")[0].rstrip().lower() in _DEVICES:
        name = f"_{name}"
    return _shortened(name) or "Untitled"


def renamed(current: str, wanted: str) -> str:
    """`wanted`, cleaned, with the extension that the file had: the name of a download must fit its content."""
    name, extension = clean_name(wanted), PurePath(current).suffix
    return name if name.lower().endswith(extension.lower()) else _shortened(name + extension)


def _is_visible(character: str) -> bool:
    if character.isspace() or character in _JOINERS:
        return True
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _shortened(name: str) -> str:
    if len(name) <= MAX_LENGTH and len(name.encode()) <= MAX_BYTES:
        return name
    extension = PurePath(name).suffix
    if len(extension.encode()) > 12:
        extension = ""
    beginning = name[: MAX_LENGTH - len(extension)].encode()[: MAX_BYTES - len(extension.encode())]
    # The last character may have been cut in two.
    return beginning.decode("utf-8", "ignore").rstrip(" ." + _JOINERS) + extension
