"""Text in pictures of pages, by Tesseract, if it is installed. A page takes bounded time, or is given up."""

import csv
import io
import shutil
from functools import cached_property
from typing import Any, Final

import PIL.Image
import PIL.ImageOps

from documents.reading.formats import Recognise
from documents.reading.formats.pdf_lines import Line, Word
from documents.reading.limits import Limits

# Dots an inch that Tesseract reads best, and the most a page may have, so that a poster is no bomb.
_RESOLUTION = 300
_MOST_PIXELS = 25_000_000
# Tesseract's own 0 to 100. Below this it saw letters in a drawing.
_LEAST_CONFIDENCE = 35
# In pictures without text it sees words too, and is sure of none: below this on average, or with no word above that.
_LEAST_AVERAGE = 40
_SURE = 60
# Pixels. Smaller pictures have letters too small to be told apart.
_SMALL: Final = 700
MISSING: Final = (
    "Reading it needs Tesseract, which is not installed on the server: ask an administrator, or upload the text."
)


class Recogniser:
    def __init__(self, recognise: Recognise, limits: Limits) -> None:
        self._recognise = recognise
        self._left = limits.recognised_pages
        self._failures = 0

    @cached_property
    def is_installed(self) -> bool:
        return shutil.which("tesseract") is not None

    def lines(self, page: Any) -> list[Line] | None:
        """Of a page of a PDF. None if it could not be looked at, or if there was nothing to read."""
        width, height = page.get_size()
        if width <= 0 or height <= 0 or not self._may():
            return None
        scale = min(_RESOLUTION / 72, (_MOST_PIXELS / (width * height)) ** 0.5)
        return self._lines(_drawn(page, scale), scale, round(72 * scale))

    def picture_lines(self, picture: PIL.Image.Image) -> list[Line] | None:
        """Of a picture, as it is shown: boxes are in its pixels. None as above."""
        if not self._may():
            return None
        grey = _grey(picture)
        scale = min(2.0 if max(grey.size) < _SMALL else 1.0, (_MOST_PIXELS / (grey.width * grey.height)) ** 0.5)
        if scale != 1:
            grey = grey.resize((max(1, round(grey.width * scale)), max(1, round(grey.height * scale))))
        return self._lines(_pnm(grey.width, grey.height, grey.tobytes()), scale, _RESOLUTION)

    def _may(self) -> bool:
        # Three pages given up in a row are a pattern; the rest would only cost the same time.
        if not self.is_installed or self._left <= 0 or self._failures >= 3:
            return False
        self._left -= 1
        return True

    def _lines(self, picture: bytes, scale: float, resolution: int) -> list[Line] | None:
        table = self._recognise(picture, resolution)
        self._failures = self._failures + 1 if table is None else 0
        return None if table is None else _lines(table, scale) or None


def _drawn(page: Any, scale: float) -> bytes:
    bitmap = page.render(scale=scale, grayscale=True, rev_byteorder=False)
    rows = memoryview(bitmap.buffer).cast("B")
    if bitmap.stride == bitmap.width:
        return _pnm(bitmap.width, bitmap.height, bytes(rows[: bitmap.width * bitmap.height]))
    lines = (rows[y * bitmap.stride : y * bitmap.stride + bitmap.width] for y in range(bitmap.height))
    return _pnm(bitmap.width, bitmap.height, b"".join(map(bytes, lines)))


def _grey(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Upright, and on white where it is transparent."""
    upright = PIL.ImageOps.exif_transpose(picture)
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        ground = PIL.Image.new("RGBA", upright.size, "white")
        ground.alpha_composite(upright)
        upright = ground
    if upright.mode.startswith("I"):  # sixteen bits: "L" would cut off what is above 255
        return upright.convert("I").point(lambda value: value / 256).convert("L")
    return upright.convert("L")


def _pnm(width: int, height: int, rows: bytes) -> bytes:
    """Nothing to compress, nothing to write to disk."""
    return f"P5 {width} {height} 255\n".encode() + rows


def _lines(table: str, scale: float) -> list[Line]:
    lines: dict[tuple[str, ...], Line] = {}
    confidences = []
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        text = (row.get("text") or "").strip()
        if row.get("level") != "5" or not text:
            continue
        confidences.append(float(row["conf"]))
        if confidences[-1] < _LEAST_CONFIDENCE:
            continue
        x, y, width, height = (int(row[name]) / scale for name in ("left", "top", "width", "height"))
        box = (round(value, 2) for value in (x, y, x + width, y + height))
        key = tuple(row[name] for name in ("block_num", "par_num", "line_num"))
        lines.setdefault(key, Line()).words.append((Word(text, *box), True))
    if not confidences or max(confidences) < _SURE or sum(confidences) / len(confidences) < _LEAST_AVERAGE:
        return []
    return list(lines.values())
