"""Lines of words become the text of a page: paragraphs, joined words, headings, and where each word stands."""

import statistics
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from documents.reading.formats.pdf_lines import Line
from documents.reading.formats.pdf_outline import Entry
from documents.reading.pages import Heading, WordBox

_DROPPED = dict.fromkeys([*range(0x20), 0x7F, 0xAD, 0x200B, 0x2060, 0xFEFF, 0xFFFE, 0xFFFF])
_REPLACED = {
    0xA0: " ",
    0xF0B7: "•",
    0xF0A7: "•",
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
}
_PLAIN = {**_DROPPED, **_REPLACED}
_HYPHENS = "-\u2010\u00ad"
# A heading is larger than the text around it, short, and has letters.
_HEADING_SIZE = 1.18
_HEADING_LENGTH = 140
_LEVELS = 3


@dataclass(slots=True)
class PageText:
    text: str = ""
    headings: Sequence[Heading] = ()
    words: Sequence[WordBox] = ()


@dataclass
class _Writer:
    parts: list[str] = field(default_factory=list)
    length: int = 0
    words: list[WordBox] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)


def assemble(lines: Sequence[Line], outline: Sequence[Entry], *, limit: int) -> PageText:
    """The text of a page. Line breaks stay (they hold tables together); an empty line parts paragraphs."""
    writer = _Writer()
    starts: list[int] = []
    gap = _usual_gap(lines)
    joined = False
    for position, line in enumerate(lines):
        if writer.length >= limit - 1000:
            break
        previous = lines[position - 1] if position else None
        if previous is not None and not joined:
            writer.write("\n\n" if _parts(previous, line, gap) else "\n")
        starts.append(writer.length)
        following = lines[position + 1] if position + 1 < len(lines) else None
        joined = _write_line(writer, line, following)
    text = "".join(writer.parts)[:limit]
    headings = _from_outline(text, outline) or _by_size(lines, starts)
    return PageText(text, headings, [word for word in writer.words if word.end <= len(text)])


def _write_line(writer: _Writer, line: Line, following: Line | None) -> bool:
    """True if the last word goes on in the next line, so that nothing may come between."""
    divided = False
    for index, (word, spaced) in enumerate(line.words):
        text = _whole(word.text).translate(_PLAIN)
        if index == len(line.words) - 1:
            text, divided = _divided(text, line, following)
        if not text:
            continue
        if spaced and index:
            writer.write(" ")
        start = writer.length
        writer.write(text)
        writer.words.append(WordBox(start, writer.length, word.x0, word.y0, word.x1, word.y1))
    return divided


def _whole(text: str) -> str:
    """Characters that the PDF gave as two halves, as one; they count as one in every offset."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _divided(text: str, line: Line, following: Line | None) -> tuple[str, bool]:
    """The line's last word without its hyphen where the next line carries on with it."""
    if following is None:
        return text + ("-" if line.hyphen else ""), False
    first = following.words[0][0].text.translate(_PLAIN)[:1]
    if line.hyphen:
        # A capital or a figure after it: the hyphen belongs to the word.
        return (text if first.islower() else text + "-"), True
    if (
        len(text) > 2
        and text[-1] in _HYPHENS
        and text[-2].isalpha()
        and first.islower()
        and _same_column(line, following)
    ):
        return text[:-1], True
    return text, False


def _same_column(line: Line, following: Line) -> bool:
    return line.top < following.top or following.bottom < line.top


def _usual_gap(lines: Sequence[Line]) -> float:
    """From top to top, between lines of running text."""
    gaps = [b.top - a.top for a, b in pairwise(lines) if 0 < b.top - a.top < 60]
    return statistics.median(gaps) if gaps else 0.0


def _parts(previous: Line, line: Line, gap: float) -> bool:
    """Whether a paragraph ends between two lines: more room than usual, or letters of another size."""
    step = line.top - previous.top
    if step < -1:
        return False  # the next column: the sentence may go on
    if previous.size and line.size and not 0.87 < line.size / previous.size < 1.15 and step > 2:
        return True
    return bool(gap) and step > gap * 1.35


def _from_outline(text: str, outline: Sequence[Entry]) -> list[Heading]:
    """The document's own table of contents, each entry where its words stand on the page, else at the top."""
    headings = []
    flat = _flat(text)
    for entry in outline:
        start = flat.find(_flat(entry.title))
        headings.append(Heading(max(0, start), min(9, entry.level), entry.title))
    return sorted(headings)


def _flat(text: str) -> str:
    """For comparing, every character in its place."""
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text.replace("\n", " "))


def _by_size(lines: Sequence[Line], starts: Sequence[int]) -> list[Heading]:
    sizes = [line.size for line in lines for _ in line.words if line.size > 0]
    if not sizes:
        return []
    body = statistics.median(sizes)
    large = sorted({round(line.size, 1) for line in lines if line.size >= body * _HEADING_SIZE}, reverse=True)
    headings: list[Heading] = []
    for line, start in zip(lines, starts, strict=False):
        text = unicodedata.normalize("NFKC", line.text.translate(_PLAIN)).strip()
        if line.size < body * _HEADING_SIZE or not 2 < len(text) <= _HEADING_LENGTH:
            continue
        if sum(character.isalpha() for character in text) * 2 < len(text):
            continue
        level = min(_LEVELS, large.index(round(line.size, 1)) + 1)
        last = headings[-1] if headings else None
        if last is not None and last.level == level and start - (last.start + len(last.text)) <= 2:
            # A heading over two lines.
            headings[-1] = Heading(last.start, level, f"{last.text} {text}"[:300])
        else:
            headings.append(Heading(start, level, text))
    return headings
