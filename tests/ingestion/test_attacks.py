"""A parser in a stranger's hands harms its own job, and nothing else. The files here run as code in the child."""

import os
import platform
import socket
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest

from chatsite import carried
from documents.errors import DocumentError
from documents.reading import confine, reader
from documents.reading.formats import Event
from documents.reading.limits import MEGABYTE, Limits
from documents.reading.pages import ReadPage
from documents.sniffing import Kind
from tests.waiting import until

LAYERS = confine.examine()
# The nursery itself, and the two processes that hold its table of processes.
IDLE = 3 if LAYERS["namespaces"] else 1
Attack = Callable[..., list[Event]]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux confines the readers.")


def needs(*layers: str) -> pytest.MarkDecorator:
    """What only these layers refuse. The kernel of the machine, or the container around the tests, may lack one."""
    missing = [layer for layer in layers if not LAYERS[layer]]
    return pytest.mark.skipif(bool(missing), reason=f"This machine lacks: {', '.join(missing)}")


def descendants() -> list[psutil.Process]:
    return [
        process
        for nursery in psutil.Process().children()
        if "tests.ingestion.exploited" in nursery.cmdline()
        for process in (nursery, *nursery.children(recursive=True))
        if process.status() != psutil.STATUS_ZOMBIE
    ]


def lacking(*layers: str) -> tuple[str, ...]:
    return ("-m", "tests.ingestion.exploited", ",".join(layers))


@pytest.fixture
def attack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Attack]:
    """Let code run where a file is read. Afterwards the next file is read by the same worker, and nobody is left."""

    def attack_(code: str, limits: Limits | None = None, without: tuple[str, ...] = ()) -> list[Event]:
        monkeypatch.setattr(reader, "PROGRAM", lacking(*without))
        file = tmp_path / "attack"
        file.write_text(textwrap.dedent(code))
        try:
            return list(reader.read(file, Kind.TXT, limits=limits, options={"languages": "eng"}))
        finally:
            nursery = reader._nurseries.get("light")
            file.write_text("def attack(tools):\n    yield 'The next file.'\n")
            (page,) = reader.read(file, Kind.TXT)
            assert isinstance(page, ReadPage)
            assert page.text == "The next file."
            idle = 1 if "namespaces" in without else IDLE
            until(lambda: len(descendants()) == idle)
            # The same one: that a file is hostile costs nobody else the seconds of a start.
            assert reader._nurseries.get("light") is nursery

    reader._end_nursery("light")
    yield attack_
    reader._end_nursery("light")
    until(lambda: not descendants())


def texts(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, ReadPage))


TRY = """
import ctypes, os, signal, socket, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)

def call(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")

def attempts(table):
    for name, attempt in table.items():
        try:
            attempt()
        except (OSError, RuntimeError, ValueError):  # as a thread or a limit says it
            yield f"{name}: refused"
        else:
            yield f"{name}: DONE"
"""


def assert_all_refused(events: list[Event]) -> None:
    found = texts(events).splitlines()
    assert found
    assert [line for line in found if not line.endswith(": refused")] == []


@needs("system calls", "files")
@pytest.mark.parametrize("without", [(), ("namespaces",), ("landlock",), ("seccomp",)], ids="-".join)
def test_it_reaches_no_server(attack: Attack, without: tuple[str, ...]) -> None:
    redis = os.environ["REDIS_URL"].removeprefix("unix://").partition("?")[0]
    cluster = next(iter(Path(os.environ["DATA_DIR"]).rglob(".s.PGSQL.*[0-9]")), Path("/nowhere"))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0chatsite-{os.getpid()}")
        abstract.listen()
        table = f"""
    table = {{
        "TCP": lambda: socket.create_connection({server.getsockname()!r}, 1),
        "UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", {server.getsockname()!r}),
        "Redis": lambda: socket.socket(socket.AF_UNIX).connect({redis!r}),
        "PostgreSQL": lambda: socket.socket(socket.AF_UNIX).connect({str(cluster)!r}),
        "abstract": lambda: socket.socket(socket.AF_UNIX).connect("\\0chatsite-{os.getpid()}"),
    }}
"""
        if "seccomp" in without:
            # A socket with a file is out of the other layers' reach. The fallback in Python takes its place.
            table = table.replace('        "Redis"', '        # "Redis"').replace('        "Post', '        # "Post')
        assert_all_refused(attack(f"{TRY}\ndef attack(tools):{table}    yield from attempts(table)", without=without))


def test_the_servers_of_the_product_are_where_the_attack_looks_for_them() -> None:
    data_dir = Path(os.environ["DATA_DIR"])
    assert os.environ["REDIS_URL"].startswith("unix://")
    assert carried.postgres_is_up(data_dir)
    assert any(data_dir.rglob(".s.PGSQL.*[0-9]"))


@needs("files")
@pytest.mark.parametrize("without", [(), ("namespaces",), ("seccomp", "namespaces")], ids="-".join)
def test_it_reads_no_file_but_its_own(attack: Attack, tmp_path: Path, without: tuple[str, ...]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("A secret.")
    data = Path(os.environ["DATA_DIR"])
    version = next(data.rglob("PG_VERSION"))
    code = f"""
    table = {{name: lambda name=name: open(name, "rb").read(1) for name in (
        "/etc/passwd", "/etc/hostname", {str(secret)!r}, {str(version)!r}, {str(confine.PROJECT / "manage.py")!r},
        {str(confine.PROJECT / "chatsite" / "settings.py")!r}, "/proc/{os.getpid()}/environ", "/proc/{os.getpid()}/mem",
        "/proc/{os.getpid()}/cmdline", "/proc/self/environ", "/proc/self/mem", "/proc/1/environ",
    )}}
    table.update({{f"folder {{name}}": lambda name=name: os.listdir(name) for name in (
        "/", "/tmp", "/proc", {str(data)!r}, {str(confine.PROJECT)!r},
    )}})
    yield from attempts(table)
"""
    assert_all_refused(attack(f"{TRY}\ndef attack(tools):{code}", without=without))


@needs("system calls", "files")
@pytest.mark.parametrize("without", [(), ("landlock",), ("seccomp",)], ids="-".join)
def test_it_writes_nothing(attack: Attack, tmp_path: Path, without: tuple[str, ...]) -> None:
    victim = tmp_path / "victim"
    victim.write_text("Whole.")
    code = f"""
    victim, new = {str(victim)!r}, {str(tmp_path / "new")!r}
    def write(path, flags):
        with open(os.open(path, flags, 0o600), "wb", buffering=0) as file:
            file.write(b"x")
    table = {{
        "new file": lambda: write(new, os.O_WRONLY | os.O_CREAT),
        "temporary file": lambda: write("/dev/shm/new-{os.getpid()}", os.O_WRONLY | os.O_CREAT),
        "append": lambda: write(victim, os.O_WRONLY | os.O_APPEND),
        "truncate": lambda: os.truncate(victim, 0),
        "remove": lambda: os.unlink(victim),
        "folder": lambda: os.mkdir(new),
        "link": lambda: os.symlink(victim, new),
        "move": lambda: os.rename(victim, new),
    }}
    yield from attempts(table)
"""
    assert_all_refused(attack(f"{TRY}\ndef attack(tools):{code}", without=without))
    assert victim.read_text() == "Whole."
    assert [path.name for path in tmp_path.iterdir() if path.name != "attack"] == ["victim"]


# Numbers of system calls that the code under test has no table for, because it allows none of them.
UNNAMED = {
    "x86_64": {
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "keyctl": 250, "add_key": 248, "mount": 165,
        "unshare": 272, "setns": 308, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425,
        "memfd_create": 319, "pidfd_open": 434, "pidfd_send_signal": 424, "fsopen": 430, "shmget": 29, "msgget": 68,
        "mq_open": 240, "name_to_handle_at": 303, "kcmp": 312, "setpriority": 141, "chroot": 161, "personality": 135,
        "quotactl": 179, "init_module": 175, "kexec_load": 246, "iopl": 172, "fork": 57, "vfork": 58, "clone3": 435,
        "x32 socket": 0x40000000 + 41, "inotify_init1": 294, "tkill": 200, "rt_sigqueueinfo": 129,
    },
    "aarch64": {
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "keyctl": 219, "add_key": 217, "mount": 40,
        "unshare": 97, "setns": 268, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "io_uring_setup": 425,
        "memfd_create": 279, "pidfd_open": 434, "pidfd_send_signal": 424, "fsopen": 430, "shmget": 194, "msgget": 186,
        "mq_open": 180, "name_to_handle_at": 264, "kcmp": 272, "setpriority": 140, "chroot": 51, "personality": 92,
        "quotactl": 60, "init_module": 105, "kexec_load": 104, "clone3": 435, "inotify_init1": 26, "tkill": 130,
        "rt_sigqueueinfo": 138,
    },
}  # fmt: skip


@needs("system calls")
@pytest.mark.skipif(platform.machine() not in UNNAMED, reason="The filter does not know this machine.")
def test_the_kernel_refuses_all_that_reading_does_not_need(attack: Attack) -> None:
    code = f"""
    table = {{name: lambda number=number: call(number, 0, 0, 0, 0, 0, 0)
             for name, number in {UNNAMED[platform.machine()]!r}.items()}}
    table["stop the worker"] = lambda: os.kill({os.getpid()}, 0)
    table["stop the parent"] = lambda: os.kill(os.getppid(), 0)
    table["stop everybody"] = lambda: os.kill(-1, 0)
    table["fork"] = os.fork
    table["program"] = lambda: os.execv("/bin/true", ["true"])
    table["process"] = lambda: subprocess.run(["/bin/true"])
    table["thread"] = lambda: threading.Thread(target=print).start()
    table["lift limits"] = lambda: __import__("resource").setrlimit(7, (8, 8))
    table["pair of sockets"] = socket.socketpair
    yield from attempts(table)
"""
    assert_all_refused(attack(f"{TRY}\ndef attack(tools):{code}"))


def test_it_inherits_no_secret(attack: Attack) -> None:
    secrets = [os.environ[name] for name in ("SECRET_KEY", "ENCRYPTION_KEY", "DATABASE_URL", "REDIS_URL")]
    events = attack(
        """
        import os
        def attack(tools):
            yield repr(dict(os.environ))
            yield " ".join(sorted(
                os.readlink(f"/proc/self/fd/{number}").partition(":")[0] for number in range(64)
                if os.path.islink(f"/proc/self/fd/{number}")
            ))
        """
    )
    environment, descriptors = (event.text for event in events if isinstance(event, ReadPage))
    assert "PATH" in environment
    assert not any(secret in environment for secret in secrets)
    # Nothing for input and output, its file, the way to the worker, two ways to its keeper.
    expected = {"/dev/null", "pipe"}
    assert {name for name in descriptors.split() if not name.endswith("/attack")} == expected


IGNORING = """
    import signal, time
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    time.sleep(3600)
    yield ''
"""
NOISE = """
    import fcntl, os
    while True:
        for number in range(3, 64):
            try:
                if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_WRONLY:
                    os.write(number, b"x" * 4096)
            except OSError:
                continue
    yield ''
"""
ENDINGS = {
    "eats memory": ("parser_memory", "yield str(len([bytearray(1 << 20) for _ in range(100_000)]))"),
    "eats memory in one piece": ("parser_memory", "bytearray(1 << 40); yield ''"),
    "computes for ever": ("parser_timeout", "while True: pass\n    yield ''"),
    "says nothing": ("parser_timeout", "import time; time.sleep(3600); yield ''"),
    "ignores every signal": ("parser_timeout", IGNORING),
    "touches what is not its own": ("parser_crashed", "import ctypes; ctypes.string_at(1); yield ''"),
    "aborts": ("parser_memory", "import os; os.abort(); yield ''"),
    "ends without a word": ("parser_crashed", "import os; os._exit(0); yield ''"),
    "closes everything": ("parser_crashed", "import os, time; os.closerange(0, 99); time.sleep(3600); yield ''"),
    "fails": ("parser_crashed", "raise ZeroDivisionError\n    yield ''"),
    "nests": ("corrupt_file", "f = lambda: f()\n    f(); yield ''"),
    "has many pages": ("too_large", "for _ in range(10_000_000): yield ''"),
    "has much text": ("too_large", "while True: yield 'x' * 400_000"),
    "has one page of too much text": ("parser_crashed", "yield 'x' * 400_001"),
    "remarks for ever": ("parser_crashed", "while True: yield {'type': 'remark', 'text': 'x'}"),
    "begins for ever": ("parser_crashed", "while True: yield {'type': 'begin', 'pages': 1}"),
    "is born for ever": ("parser_crashed", "while True: yield {'type': 'born'}"),
    "says how it ended": ("parser_crashed", "yield {'type': 'exit', 'code': 0}"),
    "says what is no message": ("parser_crashed", "yield {'type': ['x']}"),
    "says too much at once": ("parser_crashed", "yield {'type': 'remark', 'text': 'x' * (1 << 23)}"),
    "makes noise": ("parser_crashed", NOISE),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_it_ends_only_its_own_job_does(attack: Attack, ending: str) -> None:
    code, body = ENDINGS[ending]
    limits = Limits(cpu=2, silence=5.0, wall=60.0, memory=128 * MEGABYTE)
    with pytest.raises(DocumentError) as caught:
        attack(f"def attack(tools):\n    {body}\n", limits=limits)
    assert caught.value.code == code


def test_one_that_pretends_to_have_ended_is_ended(attack: Attack) -> None:
    """`attack` sees to it that nobody is left, and that the next file does not wait."""
    events = attack("import time\ndef attack(tools):\n    yield 'x'\n    yield {'type': 'end'}\n    time.sleep(3600)\n")
    assert texts(events) == "x"


def test_endless_output_beside_the_messages_leads_nowhere(attack: Attack, capfd: pytest.CaptureFixture[str]) -> None:
    events = attack(
        """
        import os
        def attack(tools):
            for _ in range(10_000):
                os.write(1, b"noise" * 1000)
                os.write(2, b"noise" * 1000)
            yield "done"
        """
    )
    assert texts(events) == "done"
    captured = capfd.readouterr()
    assert "noise" not in captured.out + captured.err


def test_what_it_says_about_its_end_is_one_line_in_the_log(attack: Attack) -> None:
    with pytest.raises(DocumentError) as caught:
        attack(
            """
            def attack(tools):
                yield {'type': 'error', 'code': 'no_text', 'text': 'x', 'detail': 'x\\n{"level": "INFO"}\\x1b[2J' * 999}
            """
        )
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) <= 2000


def test_an_error_does_not_quote_the_file_in_the_log(attack: Attack) -> None:
    with pytest.raises(DocumentError) as caught:
        attack("def attack(tools):\n    words = 'A private word.'\n    yield int(words)\n")
    assert caught.value.detail.startswith("ValueError")
    assert "private" not in str(caught.value)


GRANDCHILDREN = """
import os, signal, time
def attack(tools):
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            [signal.signal(s, signal.SIG_IGN) for s in range(1, 32) if s not in (9, 19)]
            if os.fork() == 0:
                os.setsid()
            time.sleep(3600)
    yield 'x'
    {then}
"""


@pytest.mark.parametrize("without", [("seccomp",), ("seccomp", "namespaces", "landlock")], ids="-".join)
@pytest.mark.parametrize("then", ["pass", "os.abort()", "time.sleep(3600)"])
def test_what_it_leaves_behind_is_ended_with_it(attack: Attack, without: tuple[str, ...], then: str) -> None:
    """On a kernel without the filter it may start processes, unless it is an ordinary user's."""
    if os.geteuid():
        pytest.skip("The limit of processes holds, except for root.")
    code = GRANDCHILDREN.replace("{then}", then)
    with nullcontext() if then == "pass" else pytest.raises(DocumentError):
        attack(code, limits=Limits(silence=2.0), without=without)


def test_a_keeper_does_nothing_but_what_keepers_do(attack: Attack) -> None:
    events = attack(
        """
        def attack(tools):
            yield repr(tools.recognise(b"no picture", 300))
            yield repr(tools.recognise(b"P5 2 2 255\\n" + bytes(4), -1))
        """,
    )
    nothing, table = texts(events).split("\n", 1)
    assert nothing == "None"
    assert table == "None" or table.startswith("'level")


def test_a_keeper_that_is_told_nonsense_ends_the_child(attack: Attack) -> None:
    with pytest.raises(DocumentError) as caught:
        attack(
            """
            import os, time
            def attack(tools):
                os.write(tools.recognise.__self__.descriptors[0], b"\\xff" * 4096)
                time.sleep(3600)
                yield ''
            """
        )
    assert caught.value.code == "parser_crashed"


def test_a_worker_that_is_killed_leaves_no_reader(tmp_path: Path) -> None:
    file = tmp_path / "attack"
    file.write_text("import time\ndef attack(tools):\n    yield 'x'\n    time.sleep(3600)\n")
    code = f"""
import sys
from pathlib import Path
from documents.reading import reader
from documents.sniffing import Kind
reader.PROGRAM = {lacking()!r}
events = reader.read(Path({str(file)!r}), Kind.TXT)
next(events)
print("reading", flush=True)
sys.stdin.read()
"""
    worker = psutil.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, cwd=confine.PROJECT)
    assert worker.stdout.readline() == b"reading\n"
    family = worker.children(recursive=True)
    assert len(family) == IDLE + 2
    worker.kill()
    worker.wait()
    until(lambda: not any(process.is_running() for process in family))
