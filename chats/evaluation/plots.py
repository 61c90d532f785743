"""Plots as numbers for an SVG that a template draws: lines over runs, bars over ranks. Colours are the page's own."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 16, 12, 30


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    words: str


@dataclass(frozen=True)
class Line:
    """`style` is a class of the sheet: colour and dashes, so that lines are told apart without colour too."""

    name: str
    style: str
    points: list[Point]

    @property
    def path(self) -> str:
        return " ".join(f"{point.x},{point.y}" for point in self.points)


@dataclass(frozen=True)
class Tick:
    position: float
    words: str


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    words: str
    label: str
    middle: float


@dataclass(frozen=True)
class Plot:
    """`words` say in a sentence what is to be seen, for who does not see it; a table stands beside every plot."""

    title: str
    words: str
    rows: list[Tick]
    columns: list[Tick]
    lines: list[Line]
    bars: list[Bar]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def lines(
    title: str, words: str, labels: Sequence[str], series: Sequence[tuple[str, Sequence[float | None]]], *, top: float
) -> Plot:
    """One place on the x axis for each label, left to right; `top` is the largest value of the y axis."""
    count = len(labels)
    xs = [_across(number, count) for number in range(count)]
    drawn = []
    for number, (name, values) in enumerate(series, start=1):
        points = [
            Point(x, _height(value, top), f"{name}, {label}: {_number(value)}")
            for x, value, label in zip(xs, values, labels, strict=True)
            if value is not None
        ]
        drawn.append(Line(name, f"series-{number}", points))
    step = max(1, -(-count // 6))
    columns = [Tick(x, label) for number, (x, label) in enumerate(zip(xs, labels, strict=True)) if number % step == 0]
    return Plot(title, words, _rows(top), columns, drawn, [])


def bars(title: str, words: str, values: Sequence[tuple[str, float]]) -> Plot:
    top = max([value for _, value in values] or [1]) or 1
    room = (WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    made = []
    for number, (label, value) in enumerate(values):
        x, y = _LEFT + room * number + room * 0.15, _height(value, top)
        made.append(
            Bar(
                round(x, 1), y, round(room * 0.7, 1), round(HEIGHT - _BOTTOM - y, 1), f"{label}: {_number(value)}",
                label, round(x + room * 0.35, 1),
            )
        )  # fmt: skip
    return Plot(title, words, _rows(top), [], [], made)


def nice(top: float) -> float:
    """The next round number, for the end of an axis."""
    size = 1.0
    while size * 10 < top:
        size *= 10
    return next((size * step for step in (1, 2, 5, 10) if size * step >= top), top)


def _across(number: int, count: int) -> float:
    room = WIDTH - _LEFT - _RIGHT
    return round(_LEFT + (room / 2 if count == 1 else 8 + (room - 16) * number / (count - 1)), 1)


def _height(value: float, top: float) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * min(1.0, max(0.0, value / top)), 1)


def _rows(top: float) -> list[Tick]:
    return [Tick(_height(top * part / 4, top), _number(top * part / 4)) for part in range(5)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3f}".rstrip("0")
