"""A program of its own: one conversation, as JSON over standard input, to a PDF on standard output.

Run by chats.exchange.pdf.making, never imported there. What a model writes reaches two libraries that set type;
whatever it does to them, it does to a process that has no network, no files, little memory and time, and only this
conversation.
"""

import json
import os
import sys

import PIL.Image

from chats.exchange.pdf import faces, formulas, pages
from documents.reading import confine
from documents.reading.kernel import namespaces
from documents.reading.limits import MEGABYTE

_MEMORY = 1536 * MEGABYTE
_CPU = 540  # seconds
_LARGEST = 512 * MEGABYTE


def main() -> int:
    asked = json.load(sys.stdin.buffer)
    faces.register()
    formulas.warm_up()
    PIL.Image.preinit()
    confine.die_with_parent()
    namespaces.leave(processes=False)
    confine.drop_privileges()
    nothing = os.open(os.devnull, os.O_RDONLY)
    confine.keep_descriptors((sys.stdout.fileno(), sys.stderr.fileno(), nothing))
    confine.limit(memory=_MEMORY, cpu=_CPU, output=_LARGEST)
    confine.close_for_reading(nothing)
    sys.stdout.buffer.write(pages.pdf(asked))
    return 0


if __name__ == "__main__":
    sys.exit(main())
