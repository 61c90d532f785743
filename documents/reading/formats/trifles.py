"""A small file of every kind, for a nursery to read before it raises children.

Much of what libraries need they load at first use: language data, fonts, encodings. Without this every child would.
"""

import io
import os
from collections.abc import Callable
from typing import Final

from documents.reading import formats
from documents.reading.limits import Limits
from documents.sniffing import Kind

_PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 5 0 R/Resources<</Font<</F 4 0 R>>>>>>endobj
4 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
5 0 obj<</Length 35>>stream
BT /F 9 Tf 9 9 Td (Some words) Tj ET
endstream endobj
trailer<</Root 1 0 R>>
"""
_HTML = (
    b"<html><body><h1>Title</h1><p>Some words.</p><ul><li>One</li></ul><table><tr><td>1</td></tr></table></body></html>"
)


def _word() -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("Title")
    document.add_paragraph("Some words.")
    document.add_table(1, 1)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


_TRIFLES: Final[dict[Kind, tuple[Callable[[], bytes], ...]]] = {
    # The second is in no encoding that can be told without comparing many.
    Kind.TXT: (lambda: b"Some words.", lambda: "Несколько простых слов. ".encode("koi8_r") * 9),
    Kind.MD: (lambda: b"# Title\n\nSome *words*.",),
    Kind.HTML: (lambda: _HTML,),
    Kind.DOCX: (_word,),
    Kind.PDF: (lambda: _PDF,),
}


def read_all(weight: str) -> None:
    for kind, trifles in _TRIFLES.items():
        if formats.weight_of(kind) == weight:
            for trifle in trifles:
                _read(kind, trifle())


def _read(kind: Kind, content: bytes) -> None:
    with os.fdopen(os.memfd_create("trifle"), "wb") as file:
        file.write(content)
        file.flush()
        source = formats.Source(f"/proc/self/fd/{file.fileno()}")
        for _ in formats.read(kind, source, formats.Tools(), Limits()):
            pass
