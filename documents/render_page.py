"""A program of its own: one page of a PDF as a PNG, to standard output.

Run by documents.page_images, never imported there: whatever a hostile file does to the renderer, it does to a process
that lives for a second, has no network, may take little memory and time, and holds nothing.

    python -m documents.render_page FILE PAGE      (PAGE counts from 1; exit code 2: the file has no such page)
"""

import sys

import PIL.Image
import pypdfium2

from documents.reading import confine
from documents.reading.limits import MEGABYTE, Limits

LIMITS = Limits(memory=1024 * MEGABYTE, cpu=20)

# Two pixels a point is sharp on most screens. Tiny pages are enlarged, posters are bounded.
_SCALE = 2.0
_LEAST_WIDTH = 1000
_MOST_PIXELS_A_SIDE = 3200


def main(path: str, number: int) -> int:
    PIL.Image.preinit()
    confine.die_with_parent()
    confine.cut_network()
    confine.drop_privileges()
    confine.limit(LIMITS)
    pdf = pypdfium2.PdfDocument(path)
    if not 1 <= number <= len(pdf):
        return 2
    pdf.init_forms()
    page = pdf[number - 1]
    width, height = page.get_size()
    scale = min(max(_SCALE, _LEAST_WIDTH / width), _MOST_PIXELS_A_SIDE / max(width, height))
    page.render(scale=scale).to_pil().save(sys.stdout.buffer, "PNG")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
