"""A file that breaks its reader breaks nothing else."""

import fcntl
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path

import psutil
import pytest

from documents.errors import ParserCrashed, ParserMemory, ParserTimeout
from documents.reading import confine, programs, reader
from documents.reading.frames import FrameReader
from documents.reading.kernel import seccomp, syscalls
from documents.reading.limits import MEGABYTE, Limits
from documents.reading.pages import BadReport, ReadPage, WordBox, from_payload, to_payload
from documents.sniffing import Kind
from tests.files import samples
from tests.ingestion.conftest import Read
from tests.waiting import until


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
    until(lambda: not child.is_running())
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
    until(lambda: not child.is_running())


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
for kind in (Kind.TXT, Kind.MD, Kind.HTML, Kind.DOCX, Kind.PDF):
    path = Path({str(tmp_path)!r}) / ("a." + kind.name.lower())
    events = formats.read(kind, formats.Source(str(path)), formats.Tools(), Limits())
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


ENOSYS, EPERM, ALLOWED, KILLED = 0x00050026, 0x00050001, 0x7FFF0000, 0x80000000
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def verdict(code: bytes, number: int, *arguments: int, architecture: int) -> int:
    """What the kernel makes of a filter: the five instructions that there are."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions = list(struct.iter_unpack("=HBBI", code))
    at = accumulator = 0
    while True:
        what, then, otherwise, constant = instructions[at]
        at += 1
        match what:
            case 0x20:
                accumulator = struct.unpack_from("<I", data, constant)[0]
            case 0x54:
                accumulator &= constant
            case 0x15:
                at += then if accumulator == constant else otherwise
            case 0x35:
                at += then if accumulator >= constant else otherwise
            case 0x06:
                return constant


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_allows_what_is_listed_and_nothing_else(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls.platform, "machine", lambda: machine)
    rules = seccomp.reader()
    code = seccomp.assemble(rules)

    def asked(name: str | int, *arguments: int, architecture: int = MACHINES[machine]) -> int:
        number = name if isinstance(name, int) else syscalls.number(name)
        return ALLOWED if number is None else verdict(code, number, *arguments, architecture=architecture)

    assert len(code) // 8 < 4096  # the kernel's limit
    listed = {syscalls.number(name) for name in (*rules, "clone3", "openat2")}
    assert {asked(number) for number in range(syscalls.NEWER) if number not in listed} == {EPERM}
    assert {asked(name) for name, where in rules.items() if where is None} == {ALLOWED}
    assert {asked(number) for number in (syscalls.number("clone3"), 450, 500, 2**20)} == {ENOSYS}
    assert {asked(number) for number in (2**30 + 1, 2**30 + 41, 2**32 - 1)} == {EPERM}
    assert {asked("read", architecture=other) for other in (0x40000003, 0)} == {KILLED}
    assert asked("openat", 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOWED
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_TMPFILE | os.O_RDWR):
        assert asked("openat", 0, 0, flags) == EPERM
    assert [asked("tgkill", pid, 1, 6) for pid in (os.getpid(), os.getpid() + 1, 1, 2**32 - 1)] == [ALLOWED] + [
        EPERM
    ] * 3
    assert [asked("prlimit64", 0, 7, new) for new in (0, 1, 2**32)] == [ALLOWED, EPERM, EPERM]
    assert [asked("fcntl", 3, what) for what in (fcntl.F_GETFL, fcntl.F_SETOWN)] == [ALLOWED, EPERM]
    assert [asked("execve"), asked("dup")] == [EPERM, EPERM]


def test_a_machine_that_the_filter_does_not_know_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls.platform, "machine", lambda: "riscv64")
    assert not seccomp.is_available()
    assert not seccomp.restrict({})


@pytest.mark.skipif(not all(confine.examine().values()), reason="Here a layer is missing that refuses some of this.")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("read line; echo $line", "P5 picture"),
        ("if read line < /etc/passwd; then echo read; fi; echo done", "done"),
        ("if echo x > {new}; then echo wrote; fi; echo done", "done"),
        ("(true); echo forked", None),
        ("while true; do true; done", None),
        ("while true; do echo noise; done", None),
        ("kill -9 $$", None),
        ("exit 1", None),
    ],
)
def test_a_program_may_do_no_more_than_a_reader(tmp_path: Path, script: str, said: str | None) -> None:
    """A shell script in Tesseract's place."""
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n" + script.replace("{new}", str(tmp_path / "new")))
    program.chmod(0o755)
    code = """
from documents.reading import programs
from documents.reading.limits import Limits
limits = Limits(recognition=2.0, program_output=100_000)
print(repr(programs.tesseract(b"P5 picture\\n", resolution=300, languages="eng", limits=limits)))
"""
    done = python(code, PATH=f"{program.parent}:{os.environ['PATH']}")
    assert done.stdout.strip() == repr(said if said is None else f"{said}\n"), done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("languages", ["", "eng -c x", "../eng", "eng;x"])
def test_what_is_no_language_starts_no_program(languages: str) -> None:
    assert programs.tesseract(b"", resolution=300, languages=languages, limits=Limits()) is None
