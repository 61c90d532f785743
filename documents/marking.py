"""Texts with the words marked in them that were searched for, as pieces for a template."""

from collections.abc import Sequence
from dataclasses import dataclass

from documents.terms import Occurrence

# Before the first mark, so that one sees how it came to it.
_LEAD = 60


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_marked: bool = False


def stretch(text: str, found: Sequence[Occurrence], *, length: int) -> list[Piece]:
    """About so many characters of it, in which most of the words stand; of a short text, all."""
    start, end = _window(text, found, length)
    shown = marked(text[start:end], [Occurrence(o.start - start, o.end - start, o.word) for o in found])
    before = [Piece("…")] if start else []
    after = [Piece("…")] if end < len(text) else []
    return [*before, *shown, *after]


def marked(text: str, found: Sequence[Occurrence]) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for start, end in _joined(found):
        if start < at or end > len(text):
            continue
        if start > at:
            pieces.append(Piece(text[at:start]))
        pieces.append(Piece(text[start:end], is_marked=True))
        at = end
    if at < len(text):
        pieces.append(Piece(text[at:]))
    return pieces


def _joined(found: Sequence[Occurrence]) -> list[tuple[int, int]]:
    """Pairs of characters that overlap are one mark."""
    joined: list[tuple[int, int]] = []
    for one in found:
        if joined and one.start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], one.end))
        else:
            joined.append((one.start, one.end))
    return joined


def _window(text: str, found: Sequence[Occurrence], length: int) -> tuple[int, int]:
    """Where most different words stand together; of several such places, the first."""
    if len(text) <= length:
        return 0, len(text)
    best, most, last = 0, (0, 0), 0
    for first, one in enumerate(found):
        last = max(last, first)
        while last < len(found) and found[last].end - one.start <= length - _LEAD:
            last += 1
        inside = found[first:last]
        score = (len({other.word for other in inside}), min(len(inside), 8))
        if score > most:
            best, most = one.start, score
    start = max(0, min(best - _LEAD, len(text) - length))
    end = min(len(text), start + length)
    return _at_a_space(text, start, forwards=True), _at_a_space(text, end, forwards=False)


def _at_a_space(text: str, place: int, *, forwards: bool) -> int:
    """Not within a word, if there is a space near."""
    if place in (0, len(text)):
        return place
    if forwards:
        space = text.find(" ", place, place + 24)
        return space + 1 if space >= 0 else place
    space = text.rfind(" ", place - 24, place)
    return space if space >= 0 else place
