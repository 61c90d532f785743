"""RTF: paragraphs, headings, lists, tables and footnotes, in whatever code pages its fonts are written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from documents.errors import CorruptFile
from documents.reading.formats import Event, Source, Tools
from documents.reading.formats.sections import Block, events
from documents.reading.limits import Limits

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}\r\n]+)", re.DOTALL
)
_DEEPEST = 500
_CHARSETS = {
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gb18030",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
}
_SIGNS = {
    "tab": "\t",
    "line": "\n",
    "emdash": "—",
    "endash": "–",
    "bullet": "•",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "emspace": " ",
    "enspace": " ",
}
# Groups whose words nobody reads, or that say the same on every page.
_SILENT = set(
    """colortbl info pict object objdata themedata datastore latentstyles listtable listoverridetable rsidtbl generator
    header headerl headerr headerf footer footerl footerr footerf fldinst nonshppict xmlnstbl filetbl revtbl
    bkmkstart bkmkend template annotation atnid atnauthor ftnsep ftnsepc aftnsep aftnsepc""".split()
)
# Groups that a reader may leave out and that this one reads.
_READ = {"shpinst", "shptxt", "shppict", "footnote", "fldrslt"}
_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik)\s+([1-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _State:
    silent: bool = False
    table: str = ""  # "fonts" or "styles" inside those
    note: bool = False
    encoding: str = ""
    skips: int = 1


@dataclass(slots=True)
class _Paragraph:
    level: int = 0
    in_list: bool = False
    in_table: bool = False


@dataclass
class _Reading:
    encoding: str = "cp1252"
    fonts: dict[int, str] = field(default_factory=dict)
    styles: dict[int, int] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    note: list[str] = field(default_factory=list)
    pending: bytearray = field(default_factory=bytearray)
    stack: list[_State] = field(default_factory=list)
    state: _State = _State()
    paragraph: _Paragraph = field(default_factory=_Paragraph)
    number: int = 0  # of the font or style that is being declared
    name: str = ""
    skip: int = 0
    star: bool = False

    def run(self, data: bytes) -> None:
        for match in _TOKEN.finditer(data):
            word, number, code, symbol, brace, plain = match.groups()
            if code is not None or plain is not None:
                self._bytes(bytes.fromhex(code.decode()) if code is not None else plain)
                continue
            self._flush()
            if brace == b"{":
                if len(self.stack) > _DEEPEST:
                    raise CorruptFile(detail="depth")
                self.stack.append(self.state)
                self.star = False
            elif brace:
                self._close()
            elif symbol is not None:
                self._symbol(symbol)
            else:
                self._word(word.decode().lower(), int(number) if number else None)
        self._flush()
        self._end_paragraph()
        self._end_table()

    def _bytes(self, data: bytes) -> None:
        taken = min(self.skip, len(data))
        self.skip -= taken
        if not self.state.silent:
            self.pending += data[taken:]

    def _flush(self) -> None:
        if self.pending:
            self._say(self.pending.decode(self.state.encoding or self.encoding, "replace"))
            self.pending.clear()

    def _say(self, text: str) -> None:
        if self.state.silent:
            return
        if self.state.table:
            self.name += text
            if ";" in text:
                found = _HEADING.search(self.name)
                if self.state.table == "styles" and found:
                    self.styles[self.number] = int(found[1])
                self.name = ""
        elif self.state.note:
            self.note.append(text)
        else:
            self.text.append(text)

    def _close(self) -> None:
        before = self.state
        self.state = self.stack.pop() if self.stack else _State()
        self.skip = 0
        if before.note and not self.state.note and (words := " ".join("".join(self.note).split())):
            self.notes.append(words)
            self.note.clear()

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self.star = True
        elif symbol in b"{}\\":
            self._say(symbol.decode())
        elif symbol == b"~":
            self._say(" ")
        elif symbol == b"_":
            self._say("-")
        elif symbol in b"\r\n":
            self._end_paragraph()

    def _word(self, word: str, number: int | None) -> None:
        if self.star:
            self.star = False
            if word not in _READ:
                self.state = replace(self.state, silent=True)
                return
        if word in _SILENT:
            self.state = replace(self.state, silent=True)
        elif word == "fonttbl":
            self.state = replace(self.state, table="fonts")
        elif word == "stylesheet":
            self.state = replace(self.state, table="styles")
        elif word == "footnote":
            self.state = replace(self.state, note=True)
        elif word == "u" and number is not None:
            self._character(number)
        elif word in _SIGNS:
            self._say(_SIGNS[word])
        else:
            self._property(word, number)

    def _character(self, number: int) -> None:
        code = number + 65536 if number < 0 else number
        if 0 < code < 0x110000:
            self._say(chr(code))
        self.skip = self.state.skips

    def _property(self, word: str, number: int | None) -> None:
        match word:
            case "ansicpg" if number:
                self.encoding = _known(f"cp{number}")
            case "mac":
                self.encoding = "mac_roman"
            case "pc":
                self.encoding = "cp437"
            case "uc":
                self.state = replace(self.state, skips=max(0, number or 0))
            case "f" if self.state.table == "fonts":
                self.number = number or 0
            case "fcharset" if self.state.table == "fonts":
                self.fonts[self.number] = _CHARSETS.get(number or 0, "")
            case "f":
                self.state = replace(self.state, encoding=self.fonts.get(number or 0, ""))
            case "s" if self.state.table == "styles":
                self.number = number or 0
            case "bin" if number:
                self.skip = number
            case _ if not self.state.silent and not self.state.table and not self.state.note:
                self._layout(word, number)

    def _layout(self, word: str, number: int | None) -> None:
        match word:
            case "par" | "sect" | "page" | "shptxt":
                self._end_paragraph()
            case "pard":
                self.paragraph = _Paragraph()
            case "plain":
                self.state = replace(self.state, encoding="")
            case "s":
                self.paragraph.level = self.styles.get(number or 0, 0)
            case "outlinelevel" if number is not None and 0 <= number < 9:
                self.paragraph.level = number + 1
            case "ls" | "pnlvlblt" | "pnlvlbody":
                self.paragraph.in_list = True
            case "intbl":
                self.paragraph.in_table = True
            case "cell" | "nestcell":
                self.cells.append(self._words())
            case "row" | "nestrow":
                if any(self.cells):
                    self.rows.append(" | ".join(self.cells))
                self.cells.clear()

    def _words(self) -> str:
        # Halves of a character that were written one after the other.
        text = "".join(self.text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        self.text.clear()
        return " ".join(text.split())

    def _end_paragraph(self) -> None:
        self._flush()
        if self.paragraph.in_table:
            self.text.append(" ")
            return
        words = self._words()
        if not words:
            return
        self._end_table()
        if self.paragraph.level:
            self.blocks.append(Block("heading", words, self.paragraph.level))
        elif self.paragraph.in_list:
            self.blocks.append(Block("item", words if re.match(r"(?:•|\w{1,4}[.)])\s", words) else f"• {words}"))
        else:
            self.blocks.append(Block("paragraph", words))

    def _end_table(self) -> None:
        if self.rows:
            self.blocks.append(Block("table", "\n".join(self.rows)))
            self.rows.clear()


def read(source: Source, _: Tools, limits: Limits) -> Iterator[Event]:
    reading = _Reading()
    reading.run(source.data())
    return events(_all(reading), limits)


def _all(reading: _Reading) -> Iterator[Block]:
    yield from reading.blocks
    if reading.notes:
        yield Block("heading", "Footnotes")
        yield from (Block("item", f"• {note}") for note in reading.notes)


def _known(encoding: str) -> str:
    try:
        "".encode(encoding)
    except LookupError:
        return "cp1252"
    return encoding
