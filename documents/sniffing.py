"""What kind of file this is, by its content. The name only decides between kinds of text.

Light enough for the web process: it looks at the first bytes and imports no parser.
"""

import enum
import re
import unicodedata
from pathlib import PurePath

import filetype  # type: ignore[import-untyped]

from documents.errors import EmptyFile, EncryptedFile, UnsupportedFile, WrongType

# As much of the beginning of a file as `sniff` wants to see.
HEAD_SIZE = 64 * 1024


class Kind(enum.StrEnum):
    """The value is the media type, as stored with a version."""

    TXT = "text/plain"
    MD = "text/markdown"
    HTML = "text/html"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PDF = "application/pdf"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def is_text(self) -> bool:
        return self in {Kind.TXT, Kind.MD, Kind.HTML}


_LABELS = {
    Kind.TXT: "a text file",
    Kind.MD: "a Markdown file",
    Kind.HTML: "a web page (HTML)",
    Kind.DOCX: "a Word document",
    Kind.PDF: "a PDF",
}
_BY_EXTENSION = {
    ".txt": Kind.TXT,
    ".text": Kind.TXT,
    ".log": Kind.TXT,
    ".md": Kind.MD,
    ".markdown": Kind.MD,
    ".html": Kind.HTML,
    ".htm": Kind.HTML,
    ".xhtml": Kind.HTML,
    ".docx": Kind.DOCX,
    ".pdf": Kind.PDF,
}
# For a file chooser's `accept` attribute.
EXTENSIONS = tuple(_BY_EXTENSION)

# Text that is a format of its own. Read as plain text it would be markup soup.
_SIGNATURES = (
    (re.compile(rb"\{\\rtf"), "an RTF document"),
    (re.compile(rb"%!PS"), "a PostScript file"),
    (re.compile(rb"<(?:!DOCTYPE\s+)?svg[\s>]", re.IGNORECASE), "an SVG drawing"),
)
_HTML = re.compile(rb"<!doctype\s+html|<(?:html|head|body)[\s>]", re.IGNORECASE)
_MAIL = re.compile(rb"(?:Return-Path|Received|Delivered-To|MIME-Version|Message-ID): .*\r?\n", re.IGNORECASE)
_PROGRAM = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_A_PROGRAM = "a program"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# Members that tell the formats inside a ZIP apart, in the local headers near the beginning.
_ZIP_MEMBERS = (
    (b"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument file"),
    (b"mimetypeapplication/epub", "an e-book (EPUB)"),
    (b"xl/", "an Excel workbook"),
    (b"ppt/", "a PowerPoint presentation"),
)
_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def named(name: str) -> Kind | None:
    """What a file of this name says it is."""
    return _BY_EXTENSION.get(PurePath(name.strip()).suffix.lower())


def sniff(head: bytes, size: int, name: str) -> Kind:
    """The kind of a file of `size` bytes that begins with `head` (up to `HEAD_SIZE` bytes of it).

    Raises EmptyFile, EncryptedFile, WrongType (a known name over other content) or UnsupportedFile.
    """
    if size == 0 or not head:
        raise EmptyFile
    extension = PurePath(name.strip()).suffix.lower()
    expected = named(name)
    found = _container(head, extension) or _text(head, extension) or _other(head)
    if isinstance(found, Kind):
        if expected is None or found is expected or (found.is_text and expected.is_text):
            return found
        raise WrongType(f"This file is named {extension} but holds {found.label}. Rename it and upload it again.")
    if expected is not None and found is not None:
        raise WrongType(f"This file is named {extension} but holds {found}, which cannot be read.")
    if expected is not None:
        raise WrongType(f"This file is named {extension}, but its content is not {expected.label}. It may be damaged.")
    if found == _A_PROGRAM:
        raise UnsupportedFile(f"This is a program, and not a document. {_READABLE}")
    if found is not None:
        raise UnsupportedFile(f"This is {found}, which cannot be read yet. {_READABLE}")
    raise UnsupportedFile(f"What this file holds was not recognised. {_READABLE}")


_READABLE = "Text, Markdown, HTML, Word (.docx) and PDF files can."


def byte_order_mark(data: bytes) -> str:
    """The encoding that a byte order mark at the beginning promises, or ""."""
    return next((encoding for mark, encoding in _BOMS if data.startswith(mark)), "")


def unmarked_utf16(data: bytes) -> str:
    """The encoding, where bytes without a mark are plainly UTF-16, or "".

    Spaces, line ends and Latin letters leave zero bytes on one side of each pair; text in other encodings has none.
    """
    data = data[: len(data) // 2 * 2]
    low, high = data[1::2].count(0), data[0::2].count(0)
    if bool(low) == bool(high):
        return ""
    encoding = "utf-16-le" if low else "utf-16-be"
    return encoding if _is_clean(data.decode(encoding, "replace")) else ""


def _container(head: bytes, extension: str) -> Kind | str | None:
    """The formats whose signature nothing else begins with."""
    if head.startswith(b"%PDF-") or (b"%PDF-" in head[:1024] and (extension == ".pdf" or b"\0" in head)):
        return Kind.PDF
    if head.startswith(_ZIP):
        return _zip(head, extension)
    return _ole(head, extension) if head.startswith(_OLE) else None


def _other(head: bytes) -> str | None:
    """A name for what is neither readable nor text. (Some signatures are two letters, so text must be ruled out.)"""
    if head.startswith(_PROGRAM):
        return _A_PROGRAM
    guess = filetype.guess(head)
    if guess is None:
        return None
    family = guess.mime.partition("/")[0]
    names = {"image": "a picture", "audio": "a sound recording", "video": "a film", "font": "a font"}
    return f"{names[family]} ({guess.extension.upper()})" if family in names else f"{guess.extension.upper()} data"


def _zip(head: bytes, extension: str) -> Kind | str:
    if b"word/" in head:
        return Kind.DOCX
    for member, description in _ZIP_MEMBERS:
        if member in head:
            return description
    # The main part may lie behind large pictures; whether it is there is the parser's business.
    return Kind.DOCX if extension == ".docx" and b"[Content_Types].xml" in head else "a ZIP archive"


def _ole(head: bytes, extension: str) -> str:
    """Old Office files; and new ones with a password, which are wrapped in such a container."""
    if extension == ".docx" or "EncryptedPackage".encode("utf-16-le") in head:
        raise EncryptedFile
    return "a file of an old Office version"


def _text(head: bytes, extension: str) -> Kind | str | None:
    if not _is_text(head):
        return None
    start = _after_prologue(_as_ascii(head))
    for signature, description in _SIGNATURES:
        if signature.match(start):
            return description
    if _HTML.match(start):
        return Kind.HTML
    named = _BY_EXTENSION.get(extension)
    if named is not None and named.is_text:
        return named
    if extension == ".xml" or head.lstrip().startswith(b"<?xml"):
        return "an XML file"
    if extension in {".eml", ".mbox"} or _MAIL.match(start):
        return "an e-mail"
    return Kind.TXT


def _after_prologue(text: bytes) -> bytes:
    """Without the XML declaration and comments before the first tag. A loop: one pattern for it could take for ever."""
    while True:
        text = text.lstrip()
        for opening, closing in ((b"<?xml", b"?>"), (b"<!--", b"-->")):
            if text.startswith(opening):
                text = text.partition(closing)[2]
                break
        else:
            return text


def _as_ascii(head: bytes) -> bytes:
    encoding = byte_order_mark(head) or unmarked_utf16(head)
    return head.decode(encoding, "ignore").encode("ascii", "replace") if encoding else head


def _is_text(head: bytes) -> bool:
    encoding = byte_order_mark(head)
    if encoding:
        return _is_clean(head.decode(encoding, "replace"))
    if b"\0" in head:
        return bool(unmarked_utf16(head))
    # Legacy encodings use every byte from 0x80 on, but no text uses the control characters below the space.
    # (0x1b opens the escape sequences of ISO-2022, 0x1a is the end of a DOS file.)
    controls = sum(byte < 32 and byte not in b"\t\n\v\f\r\x1a\x1b" for byte in head)
    return controls * 200 <= len(head)


def _is_clean(text: str) -> bool:
    """Hardly any characters that no text holds: controls, unassigned, surrogates, private use, replacements."""
    # The last character may be cut in two by the end of the head.
    text = text[:-1]
    bad = sum(unicodedata.category(c) in {"Cc", "Cn", "Co", "Cs"} and c not in "\t\n\v\f\r\x1a" for c in text)
    return (bad + text.count("\ufffd")) * 100 <= len(text)
