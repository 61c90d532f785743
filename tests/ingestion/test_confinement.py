"""A file that breaks its reader breaks nothing else."""

import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path

import psutil
import pytest

from documents.errors import ParserCrashed, ParserMemory, ParserTimeout
from documents.reading import confine, reader
from documents.reading.frames import FrameReader
from documents.reading.limits import MEGABYTE, Limits
from documents.reading.pages import BadReport, ReadPage, WordBox, from_payload, to_payload
from documents.sniffing import Kind
from tests.files import samples
from tests.ingestion.conftest import Read, wait_until


def children() -> list[psutil.Process]:
    """Readers at work: below a nursery (and what holds its table of processes) and a keeper."""
    found = []
    for nursery in psutil.Process().children():
        if "documents.reading.nursery" in nursery.cmdline():
            family = [process for process in nursery.children(recursive=True) if process.is_running()]
            found += [process for process in family if not process.children() and len(family) > _IDLE]
    return found


# The processes below the one that a worker starts, while it reads nothing.
_IDLE = 2 if confine.examine()["namespaces"] else 0


@pytest.fixture
def long_pdf(tmp_path: Path) -> Path:
    path = tmp_path / "long.pdf"
    path.write_bytes(samples.handbook(60))
    return path


def test_a_reader_that_crashes_ends_only_its_own_file(read: Read, long_pdf: Path) -> None:
    events = reader.read(long_pdf, Kind.PDF)
    next(events)
    (child,) = children()
    child.send_signal(signal.SIGSEGV)
    with pytest.raises(ParserCrashed) as caught:
        list(events)
    assert caught.value.retryable
    assert read(b"The next file.", "a.txt")[0][0].text == "The next file."


def test_a_reader_that_says_nothing_is_ended(read: Read, long_pdf: Path) -> None:
    events = reader.read(long_pdf, Kind.PDF, limits=Limits(silence=0.5))
    next(events)
    (child,) = children()
    child.suspend()
    with pytest.raises(ParserTimeout):
        list(events)
    wait_until(lambda: not child.is_running())
    assert read(b"The next file.", "a.txt")[0][0].text == "The next file."


def test_a_reader_that_computes_for_ever_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "endless.md"
    path.write_bytes(b"# Heading\n\n- a *b* [c](d)\n" * 200_000)
    with pytest.raises(ParserTimeout):
        list(reader.read(path, Kind.MD, limits=Limits(cpu=1)))


def test_a_reader_that_takes_all_memory_is_ended(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    path.write_bytes(b"many words " * (6 * MEGABYTE))
    with pytest.raises(ParserMemory):
        list(reader.read(path, Kind.TXT, limits=Limits(memory=32 * MEGABYTE)))
    assert read(b"The next file.", "a.txt")[0][0].text == "The next file."


def test_a_reader_has_no_secrets_and_no_privileges(long_pdf: Path) -> None:
    events = reader.read(long_pdf, Kind.PDF)
    next(events)
    (child,) = children()
    environment = Path(f"/proc/{child.pid}/environ").read_text()
    status = dict(
        line.split(":\t") for line in Path(f"/proc/{child.pid}/status").read_text().splitlines() if ":\t" in line
    )
    events.close()
    assert "PATH=" in environment
    for secret in ("DATABASE_URL", "SECRET_KEY", "ENCRYPTION_KEY", "REDIS_URL"):
        assert os.environ[secret]
        assert secret not in environment
    assert status["NoNewPrivs"] == "1"
    for held in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[held], 16) == 0
    if os.geteuid() == 0:
        assert int(status["CapBnd"], 16) == 0


def test_giving_up_ends_the_reader(long_pdf: Path) -> None:
    events = reader.read(long_pdf, Kind.PDF)
    next(events)
    (child,) = children()
    events.close()
    wait_until(lambda: not child.is_running())


def test_a_nursery_that_died_is_replaced(read: Read) -> None:
    assert read(b"One.", "a.txt")[0][0].text == "One."
    for nursery in psutil.Process().children():
        if "documents.reading.nursery" in nursery.cmdline():
            nursery.kill()
            nursery.wait()
    assert read(b"Two.", "a.txt")[0][0].text == "Two."


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_reading_and_embedding_ask_for_no_network(tmp_path: Path) -> None:
    """With a hook that ends the process at the first attempt, everything is loaded and every kind is read."""
    for name, content in {
        "a.txt": b"Words of a text.",
        "a.md": b"# Title\n\nWords.",
        "a.html": b"<html><body><h1>T</h1><p>Words.</p><ul><li>x</li></ul></body></html>",
        "a.docx": samples.word_document(),
        "a.pdf": samples.handbook(2),
    }.items():
        (tmp_path / name).write_bytes(content)
    code = f"""
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        print("asked for the network:", event, arguments, file=sys.stderr)
        os._exit(3)
sys.addaudithook(watch)
import django
django.setup()
from pathlib import Path
from documents.ingestion.pipeline import Indexer
from documents.ingestion.running import bodies
from documents.models import EmbeddingSpace
from documents.reading import formats
from documents.reading.limits import Limits
from documents.reading.pages import ReadPage
from documents.sniffing import Kind
indexer = Indexer("a", EmbeddingSpace(model="builtin/wordllama", dimension=256))
for kind in Kind:
    path = Path({str(tmp_path)!r}) / ("a." + kind.name.lower())
    events = formats.read(kind, str(path), formats.Tools(), Limits())
    indexer.add(list(bodies(event for event in events if isinstance(event, ReadPage))))
waiting = indexer.waiting
indexer.embed(1000)
assert len(indexer.vectors) == waiting >= 5
"""
    done = python(code, LLM_PROVIDER="builtin")
    assert done.returncode == 0, done.stderr


def payload(**changes: object) -> dict[str, object]:
    good, _ = to_payload(ReadPage(number=1, text="Some words.", headings=[], solids=[]))
    return {**good, **changes}


def packed(*numbers: float) -> bytes:
    return b"Some words." + array("d", numbers).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"number": None},
        {"text_bytes": 12},
        {"text_bytes": -1},
        {"text_bytes": "5"},
        {"width": "wide"},
        {"height": float("nan")},
        {"height": 10**400},
        {"headings": [[0, 77, "x"]]},
        {"solids": [[-1, 2]]},
        {"solids": "all"},
    ],
)
def test_a_report_that_no_reader_makes_is_refused(change: dict[str, object]) -> None:
    assert from_payload(payload(), packed(), number=1, limits=Limits()).text == "Some words."
    with pytest.raises(BadReport):
        from_payload(payload(**change), packed(), number=1, limits=Limits())


@pytest.mark.parametrize(
    "blob",
    [
        packed(0, 99, 0, 0, 1, 1),
        packed(3, 1, 0, 0, 1, 1),
        packed(-1, 1, 0, 0, 1, 1),
        packed(4, 8, 0, 0, 1, 1, 0, 3, 0, 0, 1, 1),
        packed(0, 1, 0, 0, 1, float("inf")),
        packed(0, float("nan"), 0, 0, 1, 1),
        packed(0, 1),
        packed(0, 4, 0, 0, 1, 1)[:-1],
        b"Some \xff\xff\xff\xff\xff\xff",
    ],
)
def test_words_that_stand_nowhere_are_refused(blob: bytes) -> None:
    good = from_payload(payload(), packed(0, 4, 0, 0, 1, 1, 5, 10, 1, 0, 2, 1), number=1, limits=Limits())
    assert good.words == [WordBox(0, 4, 0, 0, 1, 1), WordBox(5, 10, 1, 0, 2, 1)]
    with pytest.raises(BadReport):
        from_payload(payload(), blob, number=1, limits=Limits())


def test_characters_that_cannot_be_stored_are_replaced_in_place() -> None:
    sent = to_payload(ReadPage(number=1, text="a\x00b\ud800c", headings=[], solids=[]))
    assert from_payload(*sent, number=1, limits=Limits()).text == "a\ufffdb\ufffdc"


@pytest.mark.parametrize(
    "written",
    [
        b"\0\0",
        b"\0\0\0\x09\0\0\0\0{}",
        b"\xff\xff\xff\xff\0\0\0\0",
        b"\0\0\0\2\xff\xff\xff\xff{}",
        b"\0\0\0\2\0\0\0\0[]",
        b"\0\1\x86\xa0\0\0\0\0" + b"[" * 100_000,
        b"\0\0\0\3\0\0\0\0{,}",
    ],
)
def test_what_is_no_message_is_refused(written: bytes) -> None:
    read, write = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(write, written), os.close(write)))
    writer.start()
    try:
        with pytest.raises(BadReport):
            FrameReader(read).read(before=time.monotonic() + 10)
    finally:
        writer.join()
        os.close(read)
