"""A program of its own: one page of a PDF as a PNG, to standard output.

Run by documents.page_images, never imported there: whatever a hostile file does to the renderer, it does to a process
that lives for a second, has no network, may take little memory and time, and holds nothing.

    python -m documents.render_page FD PAGE      (PAGE counts from 1; exit code 2: the file has no such page)

FD is the open, sealed file; its key comes over standard input, followed by the
PDF's password if it has one. Only what the page needs is decrypted.
"""

import io
import os
import sys

import PIL.Image
import pypdfium2

from accounts.encryption.files import CHUNK, SealedReader
from accounts.encryption.sealing import KEY_SIZE
from documents.reading import confine
from documents.reading.kernel import namespaces
from documents.reading.limits import MEGABYTE

_MEMORY = 1024 * MEGABYTE
_CPU = 20  # seconds
_LARGEST_PICTURE = 64 * MEGABYTE

# Two pixels a point is sharp on most screens. Tiny pages are enlarged, posters are bounded.
_SCALE = 2.0
_LEAST_WIDTH = 1000
_MOST_PIXELS_A_SIDE = 3200


def main(descriptor: int, number: int) -> int:
    file = io.BufferedReader(SealedReader(os.fdopen(descriptor, "rb"), sys.stdin.buffer.read(KEY_SIZE)), CHUNK)
    password = sys.stdin.buffer.read().decode() or None
    PIL.Image.preinit()
    confine.die_with_parent()
    namespaces.leave(processes=False)
    confine.drop_privileges()
    confine.keep_descriptors((sys.stdout.fileno(), sys.stderr.fileno(), descriptor))
    confine.limit(memory=_MEMORY, cpu=_CPU, output=_LARGEST_PICTURE)
    confine.close_for_reading(descriptor)
    pdf = pypdfium2.PdfDocument(file, password=password)
    if not 1 <= number <= len(pdf):
        return 2
    pdf.init_forms()
    page = pdf[number - 1]
    width, height = page.get_size()
    scale = min(max(_SCALE, _LEAST_WIDTH / width), _MOST_PIXELS_A_SIDE / max(width, height))
    page.render(scale=scale).to_pil().save(sys.stdout.buffer, "PNG")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
