"""Formulas as outlines: set by ziamath, drawn as paths, so that they print as sharply as text."""

import re
import xml.etree.ElementTree as ET
from functools import lru_cache
from typing import Any

LONGEST = 4_000
_SVG = "{http://www.w3.org/2000/svg}"
_TOKEN = re.compile(r"[MLQCZ]|-?\d*\.?\d+(?:e-?\d+)?")
_ARGUMENTS = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}


class Unset(Exception):
    """It is shown as typed."""


class Formula:
    """`width`, `height` and `depth` below the line, in points."""

    def __init__(self, source: str, size: float, *, is_display: bool) -> None:
        from ziamath.zmath import Latex

        if len(source) > LONGEST:
            raise Unset
        try:
            made = Latex(source, size=size, inline=not is_display)
            root = made.svgxml()
        except Exception as error:
            # The converter raises many types, for what is no formula.
            raise Unset from error
        self._left, self._top, self.width, self.height = (
            float(part) for part in root.get("viewBox", "0 0 1 1").split()
        )
        self.depth = self.height + self._top
        self._symbols = {symbol.get("id"): symbol for symbol in root.iter(f"{_SVG}symbol")} or {
            symbol.get("id"): symbol for symbol in root.iter("symbol")
        }
        self._root = root

    def draw(self, canvas: Any, x: float, y: float, scale: float = 1.0) -> None:
        """With its lower left corner there."""
        canvas.saveState()
        canvas.translate(x, y)
        canvas.scale(scale, -scale)
        canvas.translate(-self._left, -self._top - self.height)
        for element in self._root:
            self._element(canvas, element)
        canvas.restoreState()

    def _element(self, canvas: Any, element: ET.Element) -> None:
        kind = element.tag.rpartition("}")[2]
        if kind == "use":
            self._use(canvas, element)
        elif kind == "rect":
            box = [float(element.get(name, "0")) for name in ("x", "y", "width", "height")]
            canvas.rect(*box, stroke=0, fill=1)
        elif kind == "path":
            _fill(canvas, element.get("d", ""))
        elif kind == "line":
            canvas.line(*(float(element.get(name, "0")) for name in ("x1", "y1", "x2", "y2")))
        elif kind == "g":
            for inner in element:
                self._element(canvas, inner)

    def _use(self, canvas: Any, element: ET.Element) -> None:
        """A glyph, moved and fitted from its own box to the place where it is used."""
        href = element.get("href") or element.get("{http://www.w3.org/1999/xlink}href") or ""
        symbol = self._symbols.get(href.removeprefix("#"))
        if symbol is None:
            return
        left, top, width, height = (float(part) for part in symbol.get("viewBox", "0 0 1 1").split())
        x, y = float(element.get("x", "0")), float(element.get("y", "0"))
        wide, high = float(element.get("width", width)), float(element.get("height", height))
        canvas.saveState()
        canvas.translate(x, y)
        canvas.scale(wide / width if width else 1, high / height if height else 1)
        canvas.translate(-left, -top)
        for path in symbol:
            _fill(canvas, path.get("d", ""))
        canvas.restoreState()


@lru_cache(maxsize=2048)
def _steps(outline: str) -> tuple[tuple[str, tuple[float, ...]], ...]:
    found: list[tuple[str, tuple[float, ...]]] = []
    tokens = _TOKEN.findall(outline)
    at, command = 0, "M"
    while at < len(tokens):
        if tokens[at].isalpha() and tokens[at] in _ARGUMENTS:
            command = tokens[at]
            at += 1
        count = _ARGUMENTS[command]
        found.append((command, tuple(float(token) for token in tokens[at : at + count])))
        at += count
    return tuple(found)


def _fill(canvas: Any, outline: str) -> None:
    path = canvas.beginPath()
    here = (0.0, 0.0)
    for command, values in _steps(outline):
        if command == "M":
            path.moveTo(*values)
        elif command == "L":
            path.lineTo(*values)
        elif command == "C":
            path.curveTo(*values)
        elif command == "Q":
            # A quadratic curve is the cubic one whose handles are two thirds of the way.
            (x1, y1), (x2, y2) = values[:2], values[2:]
            path.curveTo(
                here[0] + 2 / 3 * (x1 - here[0]), here[1] + 2 / 3 * (y1 - here[1]),
                x2 + 2 / 3 * (x1 - x2), y2 + 2 / 3 * (y1 - y2), x2, y2,
            )  # fmt: skip
        else:
            path.close()
        if values:
            here = (values[-2], values[-1])
    canvas.drawPath(path, stroke=0, fill=1)


def warm_up() -> None:
    """Have the font read while files can still be read."""
    Formula(r"\frac{a}{b}", 10, is_display=True)
