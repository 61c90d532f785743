"""A program of its own: the text in a picture (standard input), to standard output, by Tesseract.

    python -m chats.images.recognise LANGUAGES      (exit code 3: Tesseract is not installed, 4: it failed)

It looks at nothing itself: it leaves the network and every privilege, and starts Tesseract, confined further
(documents.reading.programs), so that nothing a picture does to Tesseract reaches anything.
"""

import csv
import io
import shutil
import sys

from documents.reading import confine, programs
from documents.reading.kernel import namespaces
from documents.reading.limits import Limits

MISSING, FAILED = 3, 4
# Tesseract's own 0 to 100. Below this it saw letters in a drawing.
_LEAST_CONFIDENCE = 35
_RESOLUTION = 150


def main(languages: str) -> int:
    if shutil.which("tesseract") is None:
        return MISSING
    content = sys.stdin.buffer.read()
    confine.die_with_parent()
    namespaces.leave(processes=False)
    confine.drop_privileges()
    table = programs.tesseract(content, resolution=_RESOLUTION, languages=languages, limits=Limits())
    if table is None:
        return FAILED
    sys.stdout.buffer.write(text_of(table).encode())
    return 0


def text_of(table: str) -> str:
    """Lines as they stand, and an empty one between paragraphs."""
    paragraphs: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        word = (row.get("text") or "").strip()
        if row.get("level") != "5" or not word or float(row["conf"]) < _LEAST_CONFIDENCE:
            continue
        lines = paragraphs.setdefault((row["block_num"], row["par_num"]), {})
        lines.setdefault(row["line_num"], []).append(word)
    return "\n\n".join("\n".join(" ".join(words) for words in lines.values()) for lines in paragraphs.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
