"""Lines whose words run from right to left, in the order in which they are drawn: Unicode's bidirectional algorithm
(UAX #9) without embeddings and isolates, whose marks are left out before.

A line is looked at by itself, after it was broken, as ReportLab gives nothing else.
"""

import re
import unicodedata

# In the place of a formula or a picture in the line.
OBJECT = "\ufffc"
# Marks that are no characters, and give the words beside them a direction.
_LEFT_MARK, _RIGHT_MARK = "\u200e", "\u200f"
MARKS = _LEFT_MARK + _RIGHT_MARK
_FROM_RIGHT = re.compile("[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_PAIRS = (
    "() [] {} \u2045\u2046 \u27e6\u27e7 \u27e8\u27e9 \u27ea\u27eb \u2329\u232a \u3008\u3009 "
    "\u300a\u300b \u300c\u300d \u300e\u300f \u3010\u3011".split()
)
_MIRRORED = (
    "<> \u00ab\u00bb \u2039\u203a \u2264\u2265 \u226a\u226b \u2208\u220b \u2209\u220c \u2282\u2283 \u2286\u2287 "
    "\u22a2\u22a3 \u2308\u2309 \u230a\u230b \u2276\u2277 \u227a\u227b".split()
)
_CLOSING = {pair[0]: pair[1] for pair in _PAIRS}
_OTHER = {side: pair[1 - at] for pair in (*_PAIRS, *_MIRRORED) for at, side in enumerate(pair)}
_NEUTRAL = {"B", "S", "WS", "ON"}
# As deep as the algorithm looks for the end of a bracket.
_DEEPEST = 63


def has_any(text: str) -> bool:
    """Whether anything in it runs from right to left."""
    return bool(_FROM_RIGHT.search(text))


def is_from_right(text: str) -> bool:
    """Whether the first letter says so, as on the page (`unicode-bidi: plaintext`)."""
    if not has_any(text):
        return False
    kinds = map(unicodedata.bidirectional, text)
    return next((kind for kind in kinds if kind in {"L", "R", "AL"}), "L") != "L"


def drawn(line: str, *, from_right: bool) -> list[tuple[int, str]]:
    """What is drawn, from the left: where in the line it stands, and the character, a bracket as its mirror image.

    Marks are left out, and blanks at the end of a line from the right, which would push its words out."""
    levels = _levels(line, int(from_right))
    kept = len(line.rstrip(" ")) if from_right else len(line)
    places = [place for place in _reordered(levels) if place < kept and line[place] not in MARKS]
    return [(place, _OTHER.get(line[place], line[place]) if levels[place] % 2 else line[place]) for place in places]


def _reordered(levels: list[int]) -> list[int]:
    """L2: from the highest level down, what is at least that high is turned around."""
    places = list(range(len(levels)))
    for level in range(max(levels, default=0), 0, -1):
        begin = 0
        while begin < len(places):
            end = begin
            while end < len(places) and levels[places[end]] >= level:
                end += 1
            places[begin:end] = places[begin:end][::-1]
            begin = max(end, begin + 1)
    return places


def _levels(line: str, base: int) -> list[int]:
    first = [_kind(char) for char in line]
    kinds = _neutral(line, _weak(first, "LR"[base]), first, base)
    levels = [base + _step(kind, base) for kind in kinds]
    # L1: blanks at the end, and those before a tabulator, run as the paragraph does.
    is_open = True
    for place in range(len(line) - 1, -1, -1):
        is_open = first[place] in {"B", "S"} or (is_open and first[place] == "WS")
        if is_open:
            levels[place] = base
    return levels


def _kind(char: str) -> str:
    kind = unicodedata.bidirectional(char) or "L"
    return "ON" if kind in {"BN", "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"} else kind


def _step(kind: str, base: int) -> int:
    """I1 and I2."""
    if base:
        return 0 if kind == "R" else 1
    return {"L": 0, "R": 1}.get(kind, 2)


def _weak(first: list[str], start: str) -> list[str]:
    """W1 to W7: what numbers and the signs in and around them are."""
    kinds = list(first)
    strong, previous = start, start
    for place, given in enumerate(first):
        kind = kinds[place] = previous if given == "NSM" else given
        previous = kind
        if kind in {"L", "R", "AL"}:
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[place] = "AN"
    kinds = ["R" if kind == "AL" else kind for kind in kinds]
    for place in range(1, len(kinds) - 1):
        before, kind, after = kinds[place - 1 : place + 2]
        if before == after and ((kind == "CS" and before in {"EN", "AN"}) or (kind == "ES" and before == "EN")):
            kinds[place] = before
    _terminators(kinds)
    strong = start
    for place, kind in enumerate(kinds):
        if kind in {"L", "R"}:
            strong = kind
        elif kind in {"ES", "ET", "CS"}:
            kinds[place] = "ON"
        elif kind == "EN" and strong == "L":
            kinds[place] = "L"
    return kinds


def _terminators(kinds: list[str]) -> None:
    """W5: signs of currencies and the like beside a number are part of it."""
    begin = 0
    while begin < len(kinds):
        end = begin
        while end < len(kinds) and kinds[end] == "ET":
            end += 1
        if end > begin and "EN" in {*kinds[max(0, begin - 1) : begin], *kinds[end : end + 1]}:
            kinds[begin:end] = ["EN"] * (end - begin)
        begin = max(end, begin + 1)


def _strong(kind: str) -> str:
    """Numbers count as from the right here."""
    return {"L": "L", "R": "R", "EN": "R", "AN": "R"}.get(kind, "")


def _neutral(line: str, kinds: list[str], first: list[str], base: int) -> list[str]:
    """N0 to N2: brackets go with what they hold, blanks and signs with what stands on both sides of them."""
    own = "LR"[base]
    for opening, closing in _brackets(line, kinds):
        inside = {_strong(kind) for kind in kinds[opening + 1 : closing]} - {""}
        if not inside:
            continue
        found = own
        if own not in inside:
            strong = (_strong(kind) for kind in reversed(kinds[:opening]))
            found = next((kind for kind in strong if kind), own)
        for place in (opening, closing):
            kinds[place] = found
            after = place + 1
            while after < len(first) and first[after] == "NSM":
                kinds[after] = found
                after += 1
    begin = 0
    while begin < len(kinds):
        end = begin
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        if end > begin:
            before = _strong(kinds[begin - 1]) if begin else own
            after_them = _strong(kinds[end]) if end < len(kinds) else own
            kinds[begin:end] = [before if before == after_them else own] * (end - begin)
        begin = max(end, begin + 1)
    return kinds


def _brackets(line: str, kinds: list[str]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    waiting: list[tuple[str, int]] = []
    for place, char in enumerate(line):
        if kinds[place] != "ON":
            continue
        if char in _CLOSING:
            if len(waiting) == _DEEPEST:
                break
            waiting.append((_CLOSING[char], place))
            continue
        for depth in range(len(waiting) - 1, -1, -1):
            if waiting[depth][0] == char:
                found.append((waiting[depth][1], place))
                del waiting[depth:]
                break
    return sorted(found)
