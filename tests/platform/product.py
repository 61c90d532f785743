"""The whole product, started as a person starts it, for tests that need more than one process."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.waiting import until

PROJECT = Path(__file__).resolve().parents[2]
# What the test run set for itself and the product must not see: it is to carry its own servers.
OWN = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEY", "DATA_DIR")


class Product:
    """`part("web")` is the leading process of a part: web, answers, documents, database or redis."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment
        self.port = _free_port()
        self.url = f"http://localhost:{self.port}"
        self.supervisor: subprocess.Popen[bytes] | None = None

    def start(self, within: float = 120) -> None:
        """Returns when the pages answer."""
        environment = {name: value for name, value in os.environ.items() if name not in OWN}
        command = [sys.executable, PROJECT / "manage.py", "up", "--no-open", "--port", str(self.port)]
        with self._log_path().open("w") as log:
            self.supervisor = subprocess.Popen(
                [*command, "--data-dir", self.folder / "data"],
                env=environment | self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.until(lambda: "Ctrl-C stops it." in self.log() or self.supervisor.poll() is not None, within)
        assert self.supervisor.poll() is None, self.log()

    def stop(self) -> int:
        """The supervisor's exit code."""
        assert self.supervisor is not None
        if self.supervisor.poll() is None:
            self.supervisor.send_signal(signal.SIGTERM)
        return self.supervisor.wait(timeout=90)

    def log(self) -> str:
        return self._log_path().read_text(encoding="utf-8", errors="replace")

    def _log_path(self) -> Path:
        return self.folder / "log"

    def set_up_link(self) -> str:
        found = re.search(r"http://\S+/set-up/\S+", self.log())
        assert found, self.log()
        return found.group()

    def processes(self) -> list[psutil.Process]:
        assert self.supervisor is not None
        root = psutil.Process(self.supervisor.pid)
        return [root, *root.children(recursive=True)]

    def part(self, name: str) -> psutil.Process | None:
        assert self.supervisor is not None
        for process in psutil.Process(self.supervisor.pid).children():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if _is_part(name, words):
                return process
        return None

    def kill(self, name: str) -> None:
        """kill -9, and wait until the supervisor has started the part again."""
        before = self.part(name)
        assert before is not None
        before.kill()
        self.until(lambda: (now := self.part(name)) is not None and now.pid != before.pid, 30)

    def until(self, condition: Callable[[], Any], within: float = 60) -> Any:
        return until(condition, within, told=lambda: self.log()[-4000:], every=0.05)

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""


def _is_part(name: str, words: list[str]) -> bool:
    if name == "database":
        return any(word.endswith("/bin/postgres") for word in words)
    if name == "redis":
        return any("redis-server" in word for word in words)
    if name == "web":
        return "chatsite.server" in words
    return "chatsite.worker" in words and name in words


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
