"""Text in pictures of pages, by Tesseract, if it is installed. A page takes bounded time, or is given up."""

import csv
import io
import shutil
from functools import cached_property
from typing import Any

from documents.reading.formats import Recognise
from documents.reading.formats.pdf_lines import Line, Word
from documents.reading.limits import Limits

# Dots an inch that Tesseract reads best, and the most a page may have, so that a poster is no bomb.
_RESOLUTION = 300
_MOST_PIXELS = 25_000_000
# Tesseract's own 0 to 100. Below this it saw letters in a drawing.
_LEAST_CONFIDENCE = 35


class Recogniser:
    def __init__(self, recognise: Recognise, limits: Limits) -> None:
        self._recognise = recognise
        self._left = limits.recognised_pages
        self._failures = 0

    @cached_property
    def is_installed(self) -> bool:
        return shutil.which("tesseract") is not None

    def lines(self, page: Any) -> list[Line] | None:
        """None if the page could not be looked at; an empty list if there was nothing to read."""
        # Three pages given up in a row are a pattern; the rest would only cost the same time.
        if not self.is_installed or self._left <= 0 or self._failures >= 3:
            return None
        self._left -= 1
        width, height = page.get_size()
        if width <= 0 or height <= 0:
            return None
        scale = min(_RESOLUTION / 72, (_MOST_PIXELS / (width * height)) ** 0.5)
        table = self._recognise(self._picture(page, scale), round(72 * scale))
        self._failures = self._failures + 1 if table is None else 0
        if table is None:
            return None
        return _lines(table, scale) or None

    def _picture(self, page: Any, scale: float) -> bytes:
        """A grey PNM: nothing to compress, nothing to write to disk."""
        bitmap = page.render(scale=scale, grayscale=True, rev_byteorder=False)
        header = f"P5 {bitmap.width} {bitmap.height} 255\n".encode()
        rows = memoryview(bitmap.buffer).cast("B")
        if bitmap.stride == bitmap.width:
            return header + bytes(rows[: bitmap.width * bitmap.height])
        return header + b"".join(
            bytes(rows[y * bitmap.stride : y * bitmap.stride + bitmap.width]) for y in range(bitmap.height)
        )


def _lines(table: str, scale: float) -> list[Line]:
    lines: dict[tuple[str, ...], Line] = {}
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        text = (row.get("text") or "").strip()
        if row.get("level") != "5" or not text or float(row["conf"]) < _LEAST_CONFIDENCE:
            continue
        x, y, width, height = (int(row[name]) / scale for name in ("left", "top", "width", "height"))
        box = (round(value, 2) for value in (x, y, x + width, y + height))
        key = tuple(row[name] for name in ("block_num", "par_num", "line_num"))
        lines.setdefault(key, Line()).words.append((Word(text, *box), True))
    return list(lines.values())
