"""RTF, e-books, mails with what was sent along, and archives, whose files become documents of their own."""

import email.message
import zipfile

import pytest

from documents import library, page_images
from documents.errors import CorruptFile, NoText
from documents.ingestion import ingest
from documents.models import Document, Page
from documents.reading import reader
from documents.reading.formats import Part
from documents.reading.limits import Limits
from documents.sniffing import Kind
from tests.files import samples
from tests.ingestion.conftest import Read, Upload
from tests.ingestion.test_bounds import archive

RTF = rb"""{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Times;}{\f1\fcharset238 Times CE;}{\f2\fcharset128 Mincho;}}
{\stylesheet{\s0 Normal;}{\s1 heading 1;}}{\info{\title Not read}}
\pard\s1 Report on the caf\'e9\par
\pard\f1 za\'bf\'f3\'b3\'e6\par \pard\f2 \'93\'fa\'96\'7b\par \pard\f0 \uc1\u8364 ? and \u-10179 ?\u-8704 ?\par
{\trowd \pard\intbl Boat\cell Berths\cell\row \pard\intbl Heron\cell 4\cell\row}
\pard Seen{\footnote\pard by the harbour master} twice.\par}"""


def test_rtf_is_read_in_its_code_pages_with_headings_tables_and_notes(read: Read) -> None:
    (page,), _ = read(RTF, "a.rtf")
    assert [heading.text for heading in page.headings] == ["Report on the café", "Footnotes"]
    for words in (
        "zażółć"[:2],
        "日本",
        "€ and \U0001f600",
        "Boat | Berths\nHeron | 4",
        "Seen twice.",
        "harbour master",
    ):
        assert words in page.text
    assert "Not read" not in page.text


def book() -> bytes:
    package = b"""<package xmlns="http://www.idpf.org/2007/opf"><manifest>
        <item id="two" href="text/two.xhtml" media-type="application/xhtml+xml"/>
        <item id="one" href="text/one.xhtml" media-type="application/xhtml+xml"/></manifest>
        <spine><itemref idref="one"/><itemref idref="two"/></spine></package>"""
    return archive(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": b'<container xmlns="urn:x"><rootfile full-path="OPS/a.opf"/></container>',
            "OPS/a.opf": package,
            "OPS/text/two.xhtml": b"<html><body><h1>Second</h1><p>The boats come home.</p></body></html>",
            "OPS/text/one.xhtml": b"<html><body><h1>First</h1><p>The boats go out.</p></body></html>",
        },
        zipfile.ZIP_STORED,
    ).getvalue()


def test_the_chapters_of_a_book_are_read_in_their_order(read: Read) -> None:
    (page,), _ = read(book(), "a.epub")
    assert page.text.index("The boats go out.") < page.text.index("The boats come home.")
    assert [heading.text for heading in page.headings] == ["First", "Second"]


def letter() -> email.message.EmailMessage:
    message = email.message.EmailMessage()
    message["Subject"] = "Berths for May – Überblick"
    message["From"] = "Ada <ada@example.org>"
    message["To"] = "Grace <grace@example.org>"
    message.set_content("The list is attached.")
    message.add_alternative("<p>The list is <b>attached</b>.</p>", subtype="html")
    message.add_attachment(samples.handbook(2), maintype="application", subtype="pdf", filename="handbook.pdf")
    message.add_attachment("Boat;Berths\nHeron;4", subtype="csv", filename="berths.csv")
    message.add_attachment(
        b"MZ" + bytes(400), maintype="application", subtype="octet-stream", filename="../../tool.exe"
    )
    return message


def test_a_mail_is_read_with_its_attachments_as_parts(read: Read) -> None:
    pages, remarks = read(letter().as_bytes(), "a.eml")
    text = "\n".join(page.text for page in pages)
    assert pages[0].headings[0].text == "Berths for May – Überblick"
    assert text.count("The list is attached.") == 1
    assert samples.fact(2) in " ".join(text.split())
    assert "Boat | Berths\nHeron | 4" in text
    assert [page.headings[0].text for page in pages[1:2]] == ["Attachment: handbook.pdf"]
    assert len(remarks) == 1
    assert "This is a program" in remarks[0]


def test_a_mail_in_a_mail_is_read_and_not_without_end(read: Read) -> None:
    message = letter()
    for _ in range(6):
        outer = email.message.EmailMessage()
        outer["Subject"] = "Forwarded"
        outer.set_content("See below.")
        outer.add_attachment(message)
        message = outer
    pages, remarks = read(message.as_bytes(), "a.eml")
    assert 2 <= len(pages) <= 5
    assert "too many files within this one" in remarks[0]


def test_an_empty_mail_holds_no_text(read: Read) -> None:
    with pytest.raises(NoText):
        read(b"MIME-Version: 1.0\r\n\r\n", "a.eml")


def test_a_file_that_is_no_mail_of_outlook_is_refused(read: Read) -> None:
    with pytest.raises(CorruptFile):
        read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "a.msg")


PACKED = {
    "notes/ferry.txt": b"The ferry leaves at seven.",
    "../../out.md": b"# Out\n\nNothing leaves its archive.",
    "tool.exe": b"MZ" + bytes(400),
    "__MACOSX/._ferry.txt": b"litter",
    "inner.zip": archive({"deep.txt": b"A file two archives deep."}).getvalue(),
}


def test_every_file_of_an_archive_becomes_a_document(upload: Upload) -> None:
    document = upload(archive(PACKED).getvalue(), "packed.zip")
    ingest(document.pk)
    document.refresh_from_db()
    assert document.status == Document.Status.READY
    assert "“tool.exe” was not taken in. This is a program" in document.error_text
    others = {each.name: each for each in Document.objects.exclude(pk=document.pk)}
    assert set(others) == {"ferry.txt", "out.md", "deep.txt"}
    ingest(others["deep.txt"].pk)
    assert Page.objects.get(version__document=others["deep.txt"]).text == "A file two archives deep."


def test_taking_in_an_archive_again_doubles_nothing(upload: Upload) -> None:
    document = upload(archive(PACKED).getvalue(), "packed.zip")
    ingest(document.pk)
    Document.objects.filter(pk=document.pk).update(status=Document.QUEUED)
    ingest(document.pk)
    assert Document.objects.count() == 4


def test_deleting_an_archive_leaves_its_documents(upload: Upload) -> None:
    document = upload(archive(PACKED).getvalue(), "packed.zip")
    ingest(document.pk)
    document.refresh_from_db()
    library.delete(document)
    assert Document.objects.count() == 3


def test_a_large_part_comes_in_pieces(tmp_path) -> None:
    content = bytes(range(256)) * 400
    (tmp_path / "a").write_bytes(archive({"a.bin": content}).getvalue())
    events = list(reader.read(tmp_path / "a", Kind.ZIP, limits=Limits(piece=1000)))
    assert [event.content for event in events if isinstance(event, Part)] == [content]


def test_a_file_under_a_password_is_read_once_the_password_is_known(upload: Upload) -> None:
    document = upload(samples.encrypted(), "secret.pdf")
    for password, code in (("", "encrypted_file"), ("wrong", "encrypted_file"), ("user-word", "")):
        if password:
            assert library.unlock(document, password)
        ingest(document.pk)
        document.refresh_from_db()
        assert document.error_code == code, document.error_text
    assert "Secret words" in Page.objects.get(version__document=document).text
    assert page_images.page_image(document.versions.get(), 1).startswith(b"\x89PNG")
