"""PowerPoint before 2007: every slide is a page, with what its placeholders and shapes say, and the notes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from documents.errors import CorruptFile, NoText, TooLarge, WrongType
from documents.reading.formats import Event, Source, Tools, office
from documents.reading.formats.ole import Record, Streams, number, records
from documents.reading.formats.sections import Block, slide
from documents.reading.limits import Limits

_DOCUMENT = "PowerPoint Document"
_ENCRYPTED = 0xF3D1C4DF
_EDIT, _PLACES = 4085, 6002
_LIST, _PERSIST, _NOTES, _NOTES_ATOM = 4080, 1011, 1008, 1009
_HEADER, _UTF16, _BYTES = 3999, 4000, 4008
_TITLES = {0, 6}
_SLIDES, _NOTE_PAGES = 0, 2
_DEEPEST = 40
_MOST_EDITS = 10_000


@dataclass
class _Slide:
    place: int
    key: int
    texts: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(source: Source, tools: Tools, limits: Limits) -> Iterator[Event]:
    streams = Streams(office.unlocked(source.data(), tools))
    if not streams.has(_DOCUMENT):
        raise WrongType("This file is named like a PowerPoint presentation, but does not hold one.")
    user = streams.read("Current User")
    if number(user, 12) == _ENCRYPTED:
        raise office.locked(tools)
    slides = _Presentation(streams.read(_DOCUMENT), number(user, 16)).slides()
    if len(slides) > limits.pages:
        raise TooLarge(f"This presentation has {len(slides):,} slides; {limits.pages:,} can be taken in. Split it.")
    if not any(each.texts or each.notes for each in slides):
        raise NoText
    yield {"type": "begin", "pages": len(slides)}
    for index, each in enumerate(slides, start=1):
        yield slide(index, _blocks(each), limits)


def _blocks(one: _Slide) -> Iterator[Block]:
    for kind, text in one.texts:
        if kind in _TITLES:
            yield Block("heading", " ".join(text.split()))
        else:
            yield from (Block("paragraph", line) for line in text.split("\r"))
    if one.notes:
        yield Block("heading", "Notes", 2)
        yield from (Block("paragraph", line) for text in one.notes for line in text.split("\r"))


class _Presentation:
    def __init__(self, data: bytes, edit: int) -> None:
        self._data = data
        self._places: dict[int, int] = {}
        self._document = 0
        self._follow(edit)

    def slides(self) -> list[_Slide]:
        found: list[_Slide] = []
        notes: list[int] = []
        for record in self._records_at(self._document):
            if record.kind == _LIST and record.instance == _SLIDES:
                found = list(self._listed(record))
            elif record.kind == _LIST and record.instance == _NOTE_PAGES:
                notes = [number(self._data, each.start) for each in self._within(record) if each.kind == _PERSIST]
        for each in found:
            outlined = {text for _, text in each.texts}
            own = self._texts(self._records_at(each.place), 0)
            each.texts += [(kind, text) for kind, text in own if text not in outlined]
            each.texts.sort(key=lambda pair: pair[0] not in _TITLES)
        by_key = {each.key: each for each in found}
        for persist in notes:
            self._add_notes(persist, by_key)
        return found

    def _follow(self, edit: int) -> None:
        """From the last saving back to the first: later ones say where things stand now."""
        for _ in range(_MOST_EDITS):
            record = next(records(self._data, edit, len(self._data)), None)
            if record is None or record.kind != _EDIT:
                break
            before, places = number(self._data, record.start + 8), number(self._data, record.start + 12)
            document = number(self._data, record.start + 16)
            self._learn(places)
            self._document = self._document or document
            if not 0 < before < edit:
                break
            edit = before
        if self._document not in self._places:
            raise CorruptFile(detail="no document")

    def _learn(self, places: int) -> None:
        record = next(records(self._data, places, len(self._data)), None)
        if record is None or record.kind != _PLACES:
            raise CorruptFile(detail="no places")
        at = record.start
        while at + 4 <= record.end:
            head = number(self._data, at)
            first, count = head & 0xFFFFF, head >> 20
            for index in range(min(count, (record.end - at - 4) // 4)):
                self._places.setdefault(first + index, number(self._data, at + 4 + index * 4))
            at += 4 + count * 4

    def _listed(self, listing: Record) -> Iterator[_Slide]:
        current: _Slide | None = None
        kind = -1
        for record in self._within(listing):
            if record.kind == _PERSIST:
                if current is not None:
                    yield current
                current = _Slide(number(self._data, record.start), number(self._data, record.start + 12))
            elif record.kind == _HEADER:
                kind = number(self._data, record.start)
            elif current is not None and (text := self._text(record)):
                current.texts.append((kind, text))
        if current is not None:
            yield current

    def _add_notes(self, persist: int, slides: dict[int, _Slide]) -> None:
        inner = list(self._records_at(persist))
        atom = next((record for record in inner if record.kind == _NOTES_ATOM), None)
        if atom is not None and (one := slides.get(number(self._data, atom.start))) is not None:
            one.notes += [text for kind, text in self._texts(inner, 0) if kind == _NOTE_PAGES]

    def _texts(self, found: Iterator[Record] | list[Record], depth: int) -> Iterator[tuple[int, str]]:
        kind = -1
        for record in found:
            if record.kind == _HEADER:
                kind = number(self._data, record.start)
            elif record.is_container and depth < _DEEPEST:
                yield from self._texts(self._within(record), depth + 1)
            elif text := self._text(record):
                yield kind, text

    def _text(self, record: Record) -> str:
        if record.kind not in {_UTF16, _BYTES}:
            return ""
        raw = self._data[record.start : record.end]
        text = raw.decode("utf-16-le", "replace") if record.kind == _UTF16 else raw.decode("latin-1")
        return text.replace("\x0b", "\n").strip()

    def _within(self, record: Record) -> Iterator[Record]:
        return records(self._data, record.start, record.end)

    def _records_at(self, persist: int) -> Iterator[Record]:
        place = self._places.get(persist)
        record = next(records(self._data, place, len(self._data)), None) if place is not None else None
        return self._within(record) if record is not None and record.is_container else iter(())
