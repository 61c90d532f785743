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
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    XLS = "application/vnd.ms-excel"
    DOC = "application/msword"
    PPT = "application/vnd.ms-powerpoint"
    CSV = "text/csv"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    ODP = "application/vnd.oasis.opendocument.presentation"
    XML = "application/xml"
    RTF = "application/rtf"
    EPUB = "application/epub+zip"
    EML = "message/rfc822"
    MSG = "application/vnd.ms-outlook"
    ZIP = "application/zip"
    PNG = "image/png"
    JPG = "image/jpeg"
    TIFF = "image/tiff"
    GIF = "image/gif"
    WEBP = "image/webp"
    BMP = "image/bmp"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def is_text(self) -> bool:
        return self in _FAMILIES[0]

    def may_be_named(self, other: "Kind") -> bool:
        """Whether the name of another kind on this content is a slip, and not a danger or damage."""
        return self is other or any(self in family and other in family for family in _FAMILIES)


PICTURES = frozenset({Kind.PNG, Kind.JPG, Kind.TIFF, Kind.GIF, Kind.WEBP, Kind.BMP})
OPEN_DOCUMENTS = frozenset({Kind.ODT, Kind.ODS, Kind.ODP})
_LABELS = {
    Kind.TXT: "a text file",
    Kind.MD: "a Markdown file",
    Kind.HTML: "a web page (HTML)",
    Kind.DOCX: "a Word document",
    Kind.PDF: "a PDF",
    Kind.XLSX: "an Excel workbook",
    Kind.XLS: "an Excel workbook of an old version",
    Kind.DOC: "a Word document of an old version",
    Kind.PPT: "a PowerPoint presentation of an old version",
    Kind.CSV: "a table (CSV)",
    Kind.PPTX: "a PowerPoint presentation",
    Kind.ODT: "an OpenDocument text",
    Kind.ODS: "an OpenDocument spreadsheet",
    Kind.ODP: "an OpenDocument presentation",
    Kind.XML: "an XML file",
    Kind.RTF: "an RTF document",
    Kind.EPUB: "an e-book (EPUB)",
    Kind.EML: "an e-mail",
    Kind.MSG: "an e-mail of Outlook",
    Kind.ZIP: "a ZIP archive",
    **{kind: f"a picture ({kind.name})" for kind in PICTURES},
}
_FAMILIES: tuple[frozenset[Kind], ...] = (
    frozenset({Kind.TXT, Kind.MD, Kind.HTML, Kind.CSV, Kind.XML, Kind.EML}),
    PICTURES,
    OPEN_DOCUMENTS,
    frozenset({Kind.RTF, Kind.DOCX, Kind.DOC}),
)
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
    ".xlsx": Kind.XLSX,
    ".xlsm": Kind.XLSX,
    ".xls": Kind.XLS,
    ".doc": Kind.DOC,
    ".dot": Kind.DOC,
    ".ppt": Kind.PPT,
    ".pps": Kind.PPT,
    ".csv": Kind.CSV,
    ".tsv": Kind.CSV,
    ".tab": Kind.CSV,
    ".pptx": Kind.PPTX,
    ".pptm": Kind.PPTX,
    ".ppsx": Kind.PPTX,
    ".docm": Kind.DOCX,
    ".odt": Kind.ODT,
    ".ods": Kind.ODS,
    ".odp": Kind.ODP,
    ".xml": Kind.XML,
    ".rtf": Kind.RTF,
    ".epub": Kind.EPUB,
    ".eml": Kind.EML,
    ".msg": Kind.MSG,
    ".zip": Kind.ZIP,
    ".png": Kind.PNG,
    ".jpg": Kind.JPG,
    ".jpeg": Kind.JPG,
    ".tif": Kind.TIFF,
    ".tiff": Kind.TIFF,
    ".gif": Kind.GIF,
    ".webp": Kind.WEBP,
    ".bmp": Kind.BMP,
}
# For a file chooser's `accept` attribute.
EXTENSIONS = tuple(_BY_EXTENSION)

# Text that is a format of its own. Read as plain text it would be markup soup.
_SIGNATURES: tuple[tuple[re.Pattern[bytes], "Kind | str"], ...] = (
    (re.compile(rb"\{\\rtf"), Kind.RTF),
    (re.compile(rb"%!PS"), "a PostScript file"),
    (re.compile(rb"<(?:!DOCTYPE\s+)?svg[\s>]", re.IGNORECASE), "an SVG drawing"),
)
_HTML = re.compile(rb"<!doctype\s+html|<(?:html|head|body)[\s>]", re.IGNORECASE)
_MAIL = re.compile(rb"(?:Return-Path|Received|Delivered-To|MIME-Version|Message-ID): .*\r?\n", re.IGNORECASE)
_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), Kind.PNG),
    (re.compile(rb"\xff\xd8\xff"), Kind.JPG),
    (re.compile(rb"II\*\0|MM\0\*"), Kind.TIFF),
    (re.compile(rb"GIF8[79]a"), Kind.GIF),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), Kind.WEBP),
    (re.compile(rb"BM....\0\0\0\0", re.DOTALL), Kind.BMP),
)
_PROGRAM = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_A_PROGRAM = "a program"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# Members that tell the formats inside a ZIP apart, in the local headers near the beginning.
_ZIP_MEMBERS: tuple[tuple[bytes, "Kind | str"], ...] = (
    (b"mimetypeapplication/vnd.oasis.opendocument.text", Kind.ODT),
    (b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", Kind.ODS),
    (b"mimetypeapplication/vnd.oasis.opendocument.presentation", Kind.ODP),
    (b"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument file of another kind"),
    (b"mimetypeapplication/epub", Kind.EPUB),
    (b"word/", Kind.DOCX),
    (b"xl/", Kind.XLSX),
    (b"ppt/", Kind.PPTX),
)
# How the formats above begin. Anything else is an archive, which may hold such files.
_ZIP_BEGINNINGS = (
    b"mimetype",
    b"[Content_Types].xml",
    b"_rels/",
    b"docProps/",
    b"customXml/",
    b"word/",
    b"xl/",
    b"ppt/",
)
_IN_ZIP = frozenset({Kind.DOCX, Kind.XLSX, Kind.PPTX, Kind.EPUB}) | OPEN_DOCUMENTS
# Streams that tell the formats of old Office versions apart, in a directory that may stand anywhere.
_OLE_STREAMS: tuple[tuple[str, "Kind | str"], ...] = (
    ("PowerPoint Document", Kind.PPT),
    ("WordDocument", Kind.DOC),
    ("Workbook", Kind.XLS),
    ("__properties_version1.0", Kind.MSG),
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
        if expected is None or found.may_be_named(expected):
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


_READABLE = (
    "PDF, Office and OpenDocument files, e-books, mails, web pages, XML, Markdown, text, tables, pictures "
    "and ZIP archives can."
)


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
    for signature, kind in _PICTURES:
        if signature.match(head):
            return kind
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
    named = _BY_EXTENSION.get(extension)
    if extension != ".zip" or head[30:60].startswith(_ZIP_BEGINNINGS):
        for member, found in _ZIP_MEMBERS:
            if member in head:
                return found
        # The main part may lie behind large pictures; whether it is there is the parser's business.
        if named in _IN_ZIP and (b"[Content_Types].xml" in head or b"mimetype" in head or b"META-INF/" in head):
            return named
    return Kind.ZIP


def _ole(head: bytes, extension: str) -> Kind | str:
    """Old Office files; and new ones with a password, which are wrapped in such a container."""
    named = _BY_EXTENSION.get(extension)
    if named in _IN_ZIP:
        return named  # wrapped in a password, which will be asked for
    if _stream("EncryptedPackage") in head:
        raise EncryptedFile(
            "This file is protected by a password. Give it the name it had (such as .docx), and try again."
        )
    for name, found in _OLE_STREAMS:
        if _stream(name) in head:
            return found
    # The directory may stand at the end.
    return named if named in {Kind.XLS, Kind.DOC, Kind.PPT, Kind.MSG} else "a file of an old Office version"


def _stream(name: str) -> bytes:
    return name.encode("utf-16-le")


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
    if _as_ascii(head).lstrip().startswith(b"<?xml"):
        return Kind.XML
    if extension == ".eml" or _MAIL.match(start):
        return Kind.EML
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
