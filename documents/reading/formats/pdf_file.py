"""Opening a PDF by a path that need not be the file's own, or from memory."""

from typing import Any

import pypdfium2
from pypdfium2 import raw

from documents.reading.formats import Source


def open_pdf(source: Source, password: str = "") -> Any:
    """A PdfDocument. Raises PdfiumError, with its code.

    PdfDocument(path) would look up where the path leads, and a file in memory is nowhere but in /proc/self/fd.
    """
    if source.content is not None:
        return pypdfium2.PdfDocument(source.content, password=password or None)
    document = raw.FPDF_LoadDocument(source.path.encode() + b"\0", password.encode() + b"\0" if password else None)
    if not document:
        code = raw.FPDF_GetLastError()
        raise pypdfium2.PdfiumError(f"FPDF_LoadDocument: {code}", err_code=code)
    return pypdfium2.PdfDocument(document)
