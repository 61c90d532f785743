"""DOCX: structure kept, archives bounded, entities left alone."""

import io
import zipfile

import pytest

from documents.errors import CorruptFile, DocumentError, EncryptedFile, TooLarge, WrongType
from documents.reading.limits import MEGABYTE, Limits
from tests.files import samples
from tests.ingestion.conftest import Read

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def test_headings_lists_and_tables_are_kept(read: Read) -> None:
    pages, _ = read(samples.word_document(), "report.docx")
    (page,) = pages
    assert "The garden lies behind the old pumping house." in page.text
    assert [(heading.level, heading.text) for heading in page.headings] == [(1, "Garden Report"), (2, "Trees")]
    assert "• Prune in February\n• Water in July" in page.text
    assert [page.text[start:end] for start, end in page.solids] == [
        "Sort | Harvest\nBoskoop | 312 kg\nGravenstein | 98 kg"
    ]


def test_footnotes_are_read(read: Read) -> None:
    notes = f'<w:footnotes xmlns:w="{W}"><w:footnote><w:p><w:r><w:t>Counted by hand.</w:t></w:r></w:p></w:footnote>'
    content = samples.word_document(extra={"word/footnotes.xml": f"{notes}</w:footnotes>".encode()})
    pages, _ = read(content, "report.docx")
    assert "Footnotes\n\n• Counted by hand." in pages[0].text


def test_external_entities_are_not_resolved(read: Read) -> None:
    body = (
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        f'<w:document xmlns:w="{W}"><w:body><w:p><w:r><w:t>Before &x; after</w:t></w:r></w:p></w:body></w:document>'
    )
    try:
        pages, _ = read(samples.word_document(body=body), "a.docx")
    except DocumentError:
        return
    assert "root:" not in "".join(page.text for page in pages)


def test_a_document_that_unpacks_to_far_too_much_is_stopped(read: Read) -> None:
    body = f'<w:document xmlns:w="{W}"><w:body>' + " " * (80 * MEGABYTE) + "</w:body></w:document>"
    with pytest.raises(TooLarge):
        read(samples.word_document(body=body), "a.docx")


def test_a_part_that_is_not_xml_makes_it_a_damaged_file(read: Read) -> None:
    with pytest.raises(CorruptFile):
        read(samples.word_document(body="this is not XML"), "a.docx")


def test_a_cut_off_archive_is_a_damaged_file(read: Read) -> None:
    with pytest.raises(CorruptFile):
        read(samples.word_document()[:-3000], "a.docx")


def test_an_archive_with_another_content_says_so(read: Read) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(WrongType):
        read(file.getvalue(), "a.docx")


def test_a_protected_document_asks_for_a_copy_without_password(read: Read) -> None:
    container = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600 + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(EncryptedFile) as caught:
        read(container, "a.docx")
    assert "password" in caught.value.text


def test_limits_hold_for_small_allowances_too(read: Read) -> None:
    with pytest.raises(TooLarge):
        read(samples.word_document(), "a.docx", Limits(unpacked=2_000))
