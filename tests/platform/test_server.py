"""What a request may make the web process keep, with the real process: its memory, and what it refuses unread."""

import http.client
import io
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.audit import Action
from accounts.audit.models import AuditEvent
from accounts.models import User
from chatsite import programs
from documents.models import Document
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.filterwarnings("ignore::ResourceWarning")]

PROJECT = Path(__file__).resolve().parents[2]
MB = 1024 * 1024
UPLOAD = "/documents/upload"
CSRF = "a" * 32


class Web:
    def __init__(self, port: int, process: psutil.Process) -> None:
        self.port = port
        self.process = process
        self.grown_by = 0

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("localhost", self.port, timeout=60)

    def get(self, path: str) -> int:
        line = self.connect()
        line.request("GET", path)
        return line.getresponse().status

    def post(self, path: str, body: object, **headers: str) -> tuple[int, str]:
        line = self.connect()
        line.request("POST", path, body, headers)  # type: ignore[arg-type]
        answer = line.getresponse()
        return answer.status, answer.read().decode()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """`grown_by` is how far its memory went above where it was."""
        before = highest = self.process.memory_info().rss
        over = threading.Event()

        def look() -> None:
            nonlocal highest
            while not over.wait(0.002):
                highest = max(highest, self.process.memory_info().rss)

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            self.grown_by = max(highest, self.process.memory_info().rss) - before


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with served(tmp_path) as web:
        yield web


@contextmanager
def served(tmp_path: Path, *, changed: str = "", **environment: str) -> Iterator[Web]:
    """The web process, on the database of the test. `changed`: Python that sets values of chatsite.server, as `s`."""
    database = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    # DEBUG: pages are answered without static files having been collected.
    own = {"DEBUG": "1", "DATABASE_URL": database, "UPLOAD_MAX_REQUEST_MB": "70", "UPLOAD_MAX_SIZE_MB": "50"}
    with socket.create_server(("127.0.0.1", 0)) as listening, (tmp_path / "log").open("w") as log:
        command = programs.web(settings, fd=listening.fileno())
        if changed:
            begin = command.index("-m")
            command[begin : begin + 2] = ["-c", f"import chatsite.server as s\n{changed}\ns.main()"]
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=os.environ | own | environment,
            pass_fds=[listening.fileno()],
            stdout=log,
            stderr=log,
        )
        try:
            web = Web(listening.getsockname()[1], psutil.Process(process.pid))
            for _ in range(20):  # What it loads with its first requests is not to be counted.
                assert web.get("/health") == 200, (tmp_path / "log").read_text()
            web.post("/accounts/login/", b"a" * 3 * MB)
            web.post(UPLOAD, b"a" * 3 * MB)
            yield web
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture
def signed_in(owner: User) -> dict[str, str]:
    client = Client()
    client.force_login(owner)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {
        "Cookie": f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={CSRF}",
        "X-CSRFToken": CSRF,
        "HX-Request": "true",
    }


def _form(*sizes: int) -> tuple[bytes, dict[str, str]]:
    body = io.BytesIO()
    for number, size in enumerate(sizes):
        words = f'--line\r\nContent-Disposition: form-data; name="files"; filename="{number}.txt"\r\n'
        body.write(words.encode() + b"Content-Type: text/plain\r\n\r\n")
        body.write((b"%031d\n" % number) * (size // 32) + b"\r\n")
    body.write(b"--line--\r\n")
    return body.getvalue(), {"Content-Type": "multipart/form-data; boundary=line"}


def _pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"a" * MB


@pytest.mark.parametrize("path", [UPLOAD, "/accounts/login/", "/nowhere"])
def test_a_large_body_without_a_session_is_refused_and_not_kept(web: Web, path: str) -> None:
    with web.watched():
        status, words = web.post(path, b"a" * 60 * MB)
    assert (status, words) == (413, "This request is too large: at most 4 MB are accepted here.\n")
    assert web.grown_by < 20 * MB
    assert web.get("/health") == 200


def test_the_refusal_comes_before_the_body(web: Web) -> None:
    with socket.create_connection(("localhost", web.port), timeout=30) as line:
        line.sendall(b"POST /documents/upload HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n")
        line.sendall(b"Content-Length: 314572800\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


@pytest.mark.parametrize("path", [UPLOAD, "/accounts/login/"])
def test_a_body_that_does_not_say_its_length_is_cut(web: Web, path: str) -> None:
    with web.watched():
        status, words = web.post(path, _pieces(60))
    assert (status, "at most 4 MB" in words) == (413, True)
    assert web.grown_by < 20 * MB


def test_who_goes_on_sending_without_end_is_cut_off(web: Web) -> None:
    sent = 0
    with socket.create_connection(("localhost", web.port), timeout=30) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        deadline = time.monotonic() + 60
        with suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() < deadline:
                line.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")
                sent += 65536
                time.sleep(0.005)
            pytest.fail("It was still listened to.")
    assert sent > 4 * MB
    assert web.get("/health") == 200


def test_a_session_opens_the_larger_limit_for_uploads_only(web: Web, signed_in: dict[str, str]) -> None:
    assert web.post("/documents/", b"a" * 5 * MB, **signed_in)[0] == 413
    assert web.post(UPLOAD, b"a" * 71 * MB, **signed_in)[0] == 413
    assert web.post("/settings/exchange/import", b"a" * 5 * MB, **signed_in)[0] not in {413, 500}
    assert web.post("/settings/exchange/export", b"a" * 5 * MB, **signed_in)[0] == 413


def test_an_upload_arrives_whole_without_filling_memory(web: Web, signed_in: dict[str, str]) -> None:
    body, kind = _form(30 * MB)
    with web.watched():
        assert web.post(UPLOAD, body, **signed_in, **kind)[0] == 200
    assert web.grown_by < 20 * MB
    assert Document.objects.get().versions.get().size == 30 * MB


def test_an_upload_in_chunks_arrives_whole(web: Web, signed_in: dict[str, str]) -> None:
    body, kind = _form(6 * MB)
    pieces = (body[start : start + 100_000] for start in range(0, len(body), 100_000))
    assert web.post(UPLOAD, pieces, **signed_in, **kind)[0] == 200
    assert Document.objects.get().versions.get().size == 6 * MB


def test_of_two_files_the_one_that_is_too_large_is_named(web: Web, signed_in: dict[str, str]) -> None:
    body, kind = _form(51 * MB, 1 * MB)
    with web.watched():
        status, page = web.post(UPLOAD, body, **signed_in, **kind)
    assert (status, "0.txt" in page) == (200, True)
    assert web.grown_by < 20 * MB
    assert Document.objects.get().name == "1.txt"


def test_nothing_of_an_upload_stays_behind(web: Web, signed_in: dict[str, str]) -> None:
    body, kind = _form(6 * MB)
    web.post(UPLOAD, body, **signed_in, **kind)
    until(lambda: list((settings.DATA_DIR / "incoming").iterdir()) == [])


def test_behind_a_proxy_the_client_is_whom_the_proxy_saw(tmp_path: Path, owner: User) -> None:
    """The last entry is the proxy's own. What stands before it is the client's word."""
    form = f"login={owner.email}&password=a+wrong+password&csrfmiddlewaretoken={CSRF}".encode()
    sent = {
        "Cookie": f"{settings.CSRF_COOKIE_NAME}={CSRF}",
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
    }
    with served(tmp_path, TRUST_PROXY="1") as web:
        assert web.post("/accounts/login/", form, **sent)[0] == 200
    assert AuditEvent.objects.get(action=Action.SIGN_IN_FAILED).address == "198.51.100.7"
