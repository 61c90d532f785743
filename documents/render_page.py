"""A program of its own: one page of a PDF as a PNG, to standard output.

Run by documents.page_images, never imported: whatever a hostile file does to the renderer, it does to a process that
lives for a second, may take little memory and time, and holds nothing. It therefore imports nothing of Chatsite.

    python -I render_page.py FILE PAGE      (PAGE counts from 1; exit code 2: the file has no such page)
"""

import resource
import sys

_MEMORY = 1536 * 1024 * 1024
_CPU_SECONDS = 20

# Two pixels a point is sharp on most screens. Tiny pages are enlarged, posters are bounded.
_SCALE = 2.0
_LEAST_WIDTH = 1000
_MOST_PIXELS_A_SIDE = 3200


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(path: str, number: int) -> int:
    limit()
    import pypdfium2

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
