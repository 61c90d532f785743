"""The kind of a file is found in its content."""

import subprocess
import sys

import pytest

from documents.errors import DocumentError, EmptyFile, EncryptedFile, UnsupportedFile, WrongType
from documents.sniffing import Kind, sniff

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00\xb8" + b"\x00" * 64
DOCX = b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00[Content_Types].xml PK\x03\x04word/document.xml"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 500


def kind_of(content: bytes, name: str) -> Kind:
    return sniff(content, len(content), name)


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (b"Plain words.", "a.txt", Kind.TXT),
        (b"Plain words.", "no-extension", Kind.TXT),
        ("Grüße aus Köln".encode("cp1252"), "brief.txt", Kind.TXT),
        ("Привет, мир".encode("cp866"), "a.txt", Kind.TXT),
        ("Words in two bytes each".encode("utf-16"), "a.txt", Kind.TXT),
        ("Слова без метки\n".encode("utf-16-le"), "a.txt", Kind.TXT),
        ("四字熟語、日本語\n".encode("utf-16-be"), "a.txt", Kind.TXT),
        (b"BMW builds cars; this is no bitmap.", "a.txt", Kind.TXT),
        (b"MZ are two letters, and this is no program.", "a.txt", Kind.TXT),
        (b"A PDF begins with %PDF-1.7, says this text.", "a.txt", Kind.TXT),
        (b"# Title\n\nWords.", "a.md", Kind.MD),
        (b"# Title\n\nWords.", "A.MARKDOWN", Kind.MD),
        (b"<!-- saved -->\n<!DOCTYPE html><html><p>Words</html>", "a.html", Kind.HTML),
        (b"<html><p>Words</html>", "a.txt", Kind.HTML),
        (b"<p>A fragment</p>", "a.htm", Kind.HTML),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3", "a.pdf", Kind.PDF),
        (b"junk of a mailer\n%PDF-1.4\n%\xe2\xe3\xcf\xd3", "a.pdf", Kind.PDF),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3", "download", Kind.PDF),
        (DOCX, "a.docx", Kind.DOCX),
        (b"PK\x03\x04....xl/workbook.xml", "a.xlsx", Kind.XLSX),
        (b"PK\x03\x04....ppt/presentation.xml", "a.pptx", Kind.PPTX),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text", "a.odt", Kind.ODT),
        (OLE + "Workbook".encode("utf-16-le"), "a.xls", Kind.XLS),
        (b"a;b\n1;2", "a.csv", Kind.CSV),
        (b"<?xml version='1.0'?><a>b</a>", "a.xml", Kind.XML),
        (b"<?xml version='1.0'?><a>b</a>", "a.rss", Kind.XML),
        (b"{\\rtf1\\ansi Words}", "a.rtf", Kind.RTF),
        (b"{\\rtf1\\ansi Words}", "a.doc", Kind.RTF),
        (b"PK\x03\x04" + bytes(26) + b"notes/word/a.txt", "a.zip", Kind.ZIP),
        (b"Received: from a\r\nSubject: b\r\n\r\nWords", "a.eml", Kind.EML),
        (OLE + "WordDocument".encode("utf-16-le"), "a.doc", Kind.DOC),
        (OLE + "PowerPoint Document".encode("utf-16-le"), "a", Kind.PPT),
        (OLE + "__properties_version1.0".encode("utf-16-le"), "a.msg", Kind.MSG),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", Kind.DOCX),
        (PNG, "a.png", Kind.PNG),
        (PNG, "a.jpg", Kind.PNG),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a", Kind.JPG),
        (b"GIF89a\x01\0\x01\0\0\0\0", "a.gif", Kind.GIF),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a.webp", Kind.WEBP),
        (b"II*\0\x08\0\0\0", "a.tif", Kind.TIFF),
    ],
)
def test_kind_is_found(content: bytes, name: str, kind: Kind) -> None:
    assert kind_of(content, name) is kind


@pytest.mark.parametrize(
    ("content", "name", "error", "words"),
    [
        (b"", "a.pdf", EmptyFile, "0 bytes"),
        (PNG, "a.pdf", WrongType, "named .pdf but holds a picture (PNG)"),
        (EXE, "a.txt", WrongType, "named .txt but holds a program"),
        (DOCX, "a.pdf", WrongType, "named .pdf but holds a Word document"),
        (b"<!doctype html><p>Words", "a.pdf", WrongType, "named .pdf but holds a web page"),
        (bytes(range(256)) * 8, "a.txt", WrongType, "its content is not a text file"),
        (b"\x01\x02\x03\x04" * 99, "a.pdf", WrongType, "its content is not a PDF"),
        (b"<!--x--><svg onload='alert(1)'></svg>", "a.svg", UnsupportedFile, "an SVG drawing"),
        (OLE, "a.mpp", UnsupportedFile, "old Office"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a", EncryptedFile, "password"),
        (b"PK\x03\x04....xl/workbook.xml", "a.pdf", WrongType, "an Excel workbook"),
        (b"\x01\x02\x03\x04" * 99, "thing", UnsupportedFile, "not recognised"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(content: bytes, name: str, error: type[DocumentError], words: str) -> None:
    with pytest.raises(error) as caught:
        kind_of(content, name)
    assert words in caught.value.text
    assert not caught.value.retryable


def test_thousands_of_comments_do_not_slow_it_down() -> None:
    assert kind_of(b"<!---->" * 9_000 + b"x", "a.html") is Kind.HTML


def test_it_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'llama_index', 'unstructured', 'pypdfium2', 'spacy', 'nltk', 'django'}"
    code = f"import sys, documents.sniffing; found = {heavy} & set(sys.modules); sys.exit(str(found) if found else 0)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
