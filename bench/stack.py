"""The whole product, started as a person would start it, for benches and for the tests that kill its parts.

    with ModelServer(tokens=300, tokens_per_second=30) as model, Stack(model_url=model.url) as stack:
        stack.url, stack.cpu(), stack.memory(), stack.kill("answers")

Everything listens on loopback, keeps its data in a temporary folder and is ended by the numbers of its own processes.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg

PROJECT = Path(__file__).resolve().parent.parent
PORTS = range(18_100, 18_200)
PARTS = ("web", "answers", "documents", "redis", "database")
MARK = b"CHATSITE_PART="
ADMIN_EMAIL = "admin@example.org"
ADMIN_PASSWORD = "correct horse battery"
_NOT_INHERITED = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KEYS_DIR", "DEBUG"}
_SERVERS = {"postgres": "database", "redis-server": "redis"}
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    # In random order: two that ask at the same time, before either listens, should not get the same.
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("No free port.")


class ModelServer:
    """The model server of the tests as a process of its own. Options are those of tests.ollama_server.Behaviour."""

    def __init__(self, **behaviour: float) -> None:
        self._behaviour = behaviour

    def __enter__(self) -> Self:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self._behaviour.items()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.ollama_server", *options], cwd=PROJECT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        started = json.loads(self.process.stdout.readline())
        self.port, self.url = started["port"], started["url"]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def script(self, model: str = "*", **behaviour: Any) -> None:
        """How `model` answers from now on."""
        body = json.dumps({"model": model, **behaviour}).encode()
        urllib.request.urlopen(f"{self.url}/control/script", body, timeout=10).read()

    def requests(self) -> list[dict[str, Any]]:
        """Every request as tests.ollama_server.Recorded. Its times are those of every process of this machine."""
        with urllib.request.urlopen(f"{self.url}/control/requests", timeout=10) as answer:
            return list(json.load(answer))

    def cpu(self) -> float:
        return _cpu_seconds(self.process.pid)


class Stack:
    """`manage.py up` with carried PostgreSQL and Redis, an administrator, and a model server."""

    def __init__(self, *, model_url: str, port: int | None = None, **environment: str) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = Path(tempfile.mkdtemp(prefix="chatsite-stack-"))
        self.log = self.data_dir / "stack.log"
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        self.environment = {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "chatsite.settings",
            "DATA_DIR": str(self.data_dir),
            "SECRET_KEY": "s" * 50,
            "ENCRYPTION_KEY": "e" * 50,
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "LLM_PROVIDER": "ollama",
            "OLLAMA_BASE_URL": model_url,
            "DEFAULT_MODEL": "llama3.2:3b",
            # Load comes from one address and few people, faster than any of them could type.
            "RATE_LIMIT_PER_MINUTE": "0",
            **environment,
        }

    def __enter__(self) -> Self:
        command = [sys.executable, "manage.py", "up", "--no-open", "--port", str(self.port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self.wait_until(self._is_up, 120, "The product did not start.")
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(45)
        except subprocess.TimeoutExpired:
            self.process.kill()  # the kernel ends its parts
            self.process.wait()
        if kind is not None:
            sys.stderr.write(f"The last lines of the product's log:\n{self.tail(60)}\n")
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"The product ended while starting:\n{self.tail()}")
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def wait_until(self, condition: Any, seconds: float, otherwise: str, every: float = 0.05) -> Any:
        """Poll until `condition()` is true and return what it returned."""
        deadline = time.monotonic() + seconds
        while not (held := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{otherwise} The last lines of the log:\n{self.tail()}")
            time.sleep(every)
        return held

    def tail(self, lines: int = 30) -> str:
        return "\n".join(line[:400] for line in self.log.read_text(errors="replace").splitlines()[-lines:])

    # --- Rows -----------------------------------------------------------------------------------------------------

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        from chatsite import carried

        with psycopg.connect(carried.database_url(self.data_dir), autocommit=True, connect_timeout=5) as connection:
            connection.execute("SET chatsite.actor TO 'system'")
            yield connection

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Nothing while the database is away: who polls, polls on."""
        try:
            with self.database() as connection:
                return connection.execute(query, parameters).fetchall()
        except psycopg.OperationalError:
            return []

    def run(self, module: str, *arguments: str) -> str:
        """What a Python module prints that runs with the product's settings."""
        return self._python("-m", module, *arguments)

    def manage(self, *arguments: str) -> str:
        """What a management command prints."""
        return self._python("manage.py", *arguments)

    def _python(self, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        return done.stdout

    # --- Processes ------------------------------------------------------------------------------------------------

    def leaders(self) -> dict[str, int]:
        """The first process of each part that runs now."""
        found = {}
        for pid in _children(self.process.pid):
            if name := _part_of(pid):
                found.setdefault(name, pid)
        return found

    def processes(self) -> dict[str, list[int]]:
        """Every process of every part, and the supervisor."""
        families = {name: list(_family(pid)) for name, pid in self.leaders().items()}
        return families | {"supervisor": [self.process.pid]}

    def kill(self, part: str) -> int:
        """kill -9 the leader of a part. Its number, so that a test can see another take its place."""
        pid = self.leaders()[part]
        os.kill(pid, signal.SIGKILL)
        return pid

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time that each part has used, children that ended included."""
        return {
            name: sum(_cpu_seconds(pid) for pid in ([pids[0]] if name == "supervisor" else pids))
            for name, pids in self.processes().items()
        }

    def memory(self) -> dict[str, float]:
        """Proportional set size of each part in MB: shared pages are divided among those who share them."""
        return {name: sum(map(_pss, pids)) / 1024 for name, pids in self.processes().items()}


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before.get(name, 0.0) for name in after}


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found.extend(map(int, (task / "children").read_text().split()))
    return found


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _family(child)


def _part_of(pid: int) -> str | None:
    with suppress(OSError):
        # These two write their titles over their environment.
        program = Path(f"/proc/{pid}/exe").readlink().name
        if program in _SERVERS:
            return _SERVERS[program]
        for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if entry.startswith(MARK):
                return entry.removeprefix(MARK).decode()
    return None


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, its threads, and its children that were waited for."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS
    return 0.0


def _pss(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
