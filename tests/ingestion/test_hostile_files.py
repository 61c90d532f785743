"""The collection of hostile files, each through upload and ingestion: the outcome that its list names.

Where the collection is not there (CORPORA, or shared/corpora beside the clone) these tests are skipped; what they show
is shown with files of our own in test_bounds.py and test_attacks.py.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from documents import library, page_images
from documents.errors import DocumentError
from documents.ingestion import ingest
from documents.models import Chunk, Document, Page
from tests.ingestion.test_bounds import HOSTILE

READY = "ready"


@dataclass(frozen=True)
class Outcome:
    """`code` is ready, or that of the refusal. `words` are in the text, or in the sentence of the refusal."""

    code: str
    words: str = ""
    absent: str = ""
    name: str = ""
    # The format is not read yet. What keeps the file harmless when it is, is in documents.reading.bounds.
    waits: bool = False


def waiting(what: str) -> Outcome:
    return Outcome("unsupported_file", f"{what}, which cannot be read yet", waits=True)


NOTE = "This is an ordinary note about the harbour."
OUTCOMES = {
    "csv/formula-injection.csv": Outcome(READY, '=HYPERLINK("http://'),
    "empty/empty.pdf": Outcome("empty_file", "0 bytes"),
    "empty/only-spaces.txt": Outcome("no_text", "No readable text"),
    "img/gif-named-5000-frames.jpg": Outcome("too_large", "Make it smaller"),
    "img/png-30000x30000.png": Outcome("too_large", "Make it smaller"),
    "mail/attachment-path.eml": Outcome(READY),
    "markup/deep-nesting.html": Outcome("corrupt_file", "nested too deeply"),
    "markup/xss.md": Outcome(READY, "The blue lamp costs 41 euros.", absent="<script"),
    "names/n1.txt": Outcome(READY, NOTE, name="name-canary.txt"),
    "names/n2.txt": Outcome(READY, NOTE, name="invoicefdp.exe"),
    "names/n3.txt": Outcome(READY, NOTE, name="<img src=x onerror=alert(1)>.txt"),
    "names/n4.txt": Outcome(READY, NOTE, name="a" * 196 + ".txt"),
    "names/n5.txt": Outcome(READY, NOTE, name="note.txt"),
    "office/docx-bomb-600mb.docx": Outcome("too_large", "unpacks to more"),
    "office/xxe-entity.docx": Outcome(READY, "The meeting room is on the third floor."),
    "pdf/claims-9-million-pages.pdf": Outcome(READY, "Only three pages exist."),
    "pdf/enormous-page.pdf": Outcome(READY),
    "pdf/javascript.pdf": Outcome(READY, "JavaScript example"),
    "pdf/stream-bomb-1gb.pdf": Outcome("parser_memory", "more memory than is allowed"),
    "prompt/fake-system-turn.md": Outcome(READY, "140 euros"),
    "prompt/hidden-html.html": Outcome(READY, "The museum is closed on Mondays.", absent="EISVOGEL"),
    "prompt/hidden-white-text.pdf": Outcome(READY, "12,500 euros"),
    "prompt/image-exfiltration.md": Outcome(READY, "Dana Weiss"),
    "prompt/picture-words.png": Outcome(READY, "The swimming pool opens on 3 May."),
    "prompt/plain-override.txt": Outcome(READY, "30 months"),
    "type/exe-named.png": Outcome("wrong_type", "holds a program"),
    "type/html-named.pdf": Outcome("wrong_type", "holds a web page"),
    "type/random-bytes.txt": Outcome("wrong_type", "not a text file"),
    "xml/billion-laughs.xml": Outcome("too_large", "grow without end"),
    "xml/svg-script.svg": waiting("an SVG drawing"),
    "xml/xxe-file.xml": Outcome(READY),
    "zip/bad-crc.zip": Outcome("no_text", "is damaged and was left out"),
    "zip/bomb-flat-2gb.zip": Outcome("too_large", "unpacks to more"),
    "zip/bomb-lying-size.zip": Outcome("no_text", "damaged"),
    "zip/slip-dotdot.zip": Outcome(READY),
}


def expectations() -> dict[str, dict[str, Any]]:
    listing = HOSTILE / "expect.jsonl"
    if not listing.is_file():
        return {}
    return {entry["file"]: entry for entry in map(json.loads, listing.read_text("utf-8").splitlines())}


EXPECTED = expectations()

pytestmark = pytest.mark.skipif(not EXPECTED, reason="The collection of hostile files is not here.")


def test_every_file_of_the_collection_has_its_outcome_here() -> None:
    assert set(OUTCOMES) == set(EXPECTED)


@pytest.fixture
def nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Outside the store nothing is written, and no process stays."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert not list(tmp_path.iterdir())
    for entry in EXPECTED.values():
        assert not Path(entry.get("canary_path", "/nowhere")).exists()
    readers = [
        process
        for nursery in psutil.Process().children()
        if "documents.reading.nursery" in nursery.cmdline()
        for process in nursery.children(recursive=True)[2:]
    ]
    psutil.wait_procs(readers, timeout=10)
    assert not any(process.is_running() for process in readers)


def taken_in(user: User, file: str) -> tuple[str, str, Document | None]:
    """Its outcome, the sentence or the text, and the document."""
    entry = EXPECTED[file]
    content = (HOSTILE / file).read_bytes()
    name = entry.get("upload_name", Path(file).name)
    try:
        document = library.add(user, SimpleUploadedFile(name, content))
    except DocumentError as error:
        return error.code, error.text, None
    ingest(document.pk)
    document.refresh_from_db()
    if document.status != Document.Status.READY:
        return document.error_code, document.error_text, document
    pages = Page.objects.filter(version__document=document).order_by("number")
    return READY, "\n".join(page.text for page in pages), document


@pytest.mark.parametrize("file", sorted(EXPECTED))
def test_a_hostile_file_has_the_outcome_its_list_names(someone: User, nothing_is_left: None, file: str) -> None:
    wanted = OUTCOMES[file]
    code, text, document = taken_in(someone, file)
    assert code == wanted.code, text
    assert wanted.words in text
    assert wanted.absent not in text or not wanted.absent
    assert EXPECTED[file].get("must_not_contain", "root:x:") not in text
    if document is not None and wanted.name:
        assert document.name == wanted.name
        assert document.name.isprintable()
    if document is None or code != READY:
        assert not Page.objects.exists()
        assert not Chunk.objects.exists()
    # Whatever it was, the next file is read.
    plain = library.add(someone, SimpleUploadedFile("next.txt", b"The next file."))
    ingest(plain.pk)
    plain.refresh_from_db()
    assert plain.status == Document.Status.READY


def test_pages_are_counted_and_not_believed(someone: User) -> None:
    _, _, document = taken_in(someone, "pdf/claims-9-million-pages.pdf")
    assert document is not None
    assert document.progress_total == Page.objects.count() == 3


@pytest.mark.parametrize("file", sorted(file for file in EXPECTED if file.startswith("pdf/")))
def test_a_page_of_a_hostile_file_is_drawn_within_bounds_or_not_at_all(
    someone: User, nothing_is_left: None, file: str
) -> None:
    _, _, document = taken_in(someone, file)
    assert document is not None
    try:
        picture = page_images.page_image(document.versions.get(), 1)
    except page_images.NoPicture:
        assert OUTCOMES[file].code != READY or file == "pdf/enormous-page.pdf"
    else:
        assert picture.startswith(b"\x89PNG")
        assert len(picture) < 50_000_000


@pytest.mark.parametrize("file", sorted(file for file in EXPECTED if file.startswith("names/")))
def test_a_hostile_name_stays_one_line_of_text(someone: User, file: str) -> None:
    _, _, document = taken_in(someone, file)
    assert document is not None
    client = Client()
    client.force_login(someone)
    response = client.get(f"/documents/{document.pk}/file")
    disposition = response["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert disposition.isprintable()
    assert "/" not in disposition.replace("filename*=utf-8''", "")
    page = client.get(f"/documents/{document.pk}").content.decode()
    assert "<img src=x" not in page
    assert "\u202e" not in page
    stored = [path.name for path in Path(settings.DATA_DIR).rglob("*") if "canary" in path.name or "note" in path.name]
    assert stored == []
