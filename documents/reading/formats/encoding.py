"""Bytes to text, in any common encoding, declared or not."""

import codecs

from charset_normalizer import from_bytes

from documents.errors import CorruptFile
from documents.sniffing import byte_order_mark, unmarked_utf16

# What charset detection may choose from: encodings that whole files were commonly written in.
_LEGACY = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp866",
    "koi8_r",
    "cp437",
    "cp850",
    "cp852",
    "mac_roman",
    "iso8859_2",
    "iso8859_5",
    "iso8859_7",
    "shift_jis",
    "euc_jp",
    "gb18030",
    "big5",
    "euc_kr",
    "johab",
]
# Beyond this much detection only costs time.
_SAMPLE = 256 * 1024
_WITHIN_WORDS = set("’‘–—…·\xad\xa0")
_MARKS = set("“”‘’„‚–—…€£§°«»·•™®©ªº¡¿´¨½¼¾²³µ×±¢¥†‡‰¶¬\xa0\xad")


def decode(data: bytes, *, declared: str = "") -> str:
    """Raises CorruptFile where no common encoding gives text. `declared` is what the file says of itself."""
    for encoding in (byte_order_mark(data), _utf8(data), unmarked_utf16(data[:_SAMPLE]), _known(declared, data)):
        if encoding:
            return _tidy(data.decode(encoding, "replace"))
    if b"\x1b$" in data[:_SAMPLE] and (japanese := _known("iso2022_jp_ext", data)):
        return _tidy(data.decode(japanese))
    if _is_western(data):
        return _tidy(data.decode("cp1252", "replace"))
    best = from_bytes(data[:_SAMPLE], cp_isolation=_LEGACY).best()
    if best is None:
        raise CorruptFile("The characters of this file could not be made out. Save it as UTF-8 and upload it again.")
    return _tidy(data.decode(best.encoding, "replace"))


def _tidy(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").rstrip("\x1a")


def _utf8(data: bytes) -> str:
    if b"\x1b$" in data[:_SAMPLE] or b"\x1b(" in data[:_SAMPLE]:
        return ""  # ISO-2022: seven bits, so it would pass
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A few broken bytes in megabytes of good text are no reason to read all of it wrongly.
        clean = data[:_SAMPLE].decode("utf-8", "ignore")
        multibyte = sum(character > "\x7f" for character in clean)
        lost = data[:_SAMPLE].decode("utf-8", "replace").count("\ufffd") - clean.count("\ufffd")
        return "utf-8" if error.start > 0 and multibyte > 20 * lost else ""
    return "utf-8" if b"\0" not in data[:_SAMPLE] else ""


def _known(declared: str, data: bytes) -> str:
    """The declared encoding, if there is such a one and it fits."""
    try:
        codec = codecs.lookup(declared.strip()) if declared.strip() else None
        if codec is None or not codec._is_text_encoding:  # noqa: SLF001 - no public way to ask
            return ""
        data.decode(codec.name)
    except (LookupError, UnicodeDecodeError, ValueError):
        return ""
    # As browsers do: who says Latin-1 means Windows-1252.
    return "cp1252" if codec.name in {"iso8859-1", "ascii"} else codec.name


def _is_western(data: bytes) -> bool:
    """Windows-1252, the most common by far, which detectors miss in short texts.

    In Western languages most letters are ASCII, and signs do not stand inside words; Cyrillic or Polish text read as
    Windows-1252 breaks one of these rules.
    """
    try:
        text = data[:_SAMPLE].decode("cp1252")
    except UnicodeDecodeError:
        return False
    letters = foreign = 0
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if character.isalpha():
            letters += 1
            foreign += character > "\x7f"
        elif character > "\x7f":
            inside = before.isalpha() and after.isalpha() and character not in _WITHIN_WORDS
            if inside or character not in _MARKS:
                return False
    return foreign * 10 <= letters * 6
