"""`manage.py up`: the whole product on one machine, under one supervisor.

Runs outside Django, so that the process which lives longest stays small; only the settings are read.
"""

import argparse
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from chatsite import addresses, carried, programs
from chatsite.carried import CannotStart
from chatsite.console import Console
from chatsite.supervisor import Part, Stopped, Supervisor

_PYTHON_PART = {
    "PYTHONUNBUFFERED": "1",
    # Threads share two heaps of the C library instead of eight per core: less memory, no measurable cost here.
    "MALLOC_ARENA_MAX": "2",
}


def main(arguments: Sequence[str]) -> int:
    """0: ran and was stopped. 1: could not start, and said why. 2: wrong arguments."""
    options = _parse(arguments)
    console = Console()
    if console.is_terminal:
        os.environ.setdefault("LOG_FORMAT", "text")
    try:
        from django.conf import settings

        _ = settings.DATA_DIR  # reads and validates them all
        with _data_folder(settings.DATA_DIR), _listen(settings) as listener, Supervisor(console) as supervisor:
            _run(settings, supervisor, console, listener, open_browser=not options.no_open)
    except Stopped:
        pass
    except (CannotStart, ImproperlyConfigured) as reason:
        console.say(f"Cannot start. {reason}")
        return 1
    console.say("Stopped.")
    return 0


def become(arguments: Sequence[str]) -> int:
    """`manage.py start <part>`: become one part, as containers and systemd units do."""
    parser = argparse.ArgumentParser(prog="manage.py start", description="Run one part of Chatsite.")
    parser.add_argument("part", choices=sorted(programs.PROGRAMS))
    options = parser.parse_args(arguments)
    from django.conf import settings

    try:
        command = programs.PROGRAMS[options.part](settings)
        os.environ.update(_PYTHON_PART)
        os.execv(command[0], command)  # noqa: S606 - our own program, no shell
    except ImproperlyConfigured as reason:
        Console().say(f"Cannot start. {reason}")
    return 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run", description="Run Chatsite on this machine.")
    parser.add_argument("--host", help="the address to listen on (127.0.0.1; 0.0.0.0 for every address)")
    parser.add_argument("--port", help="the port to listen on (8000)")
    parser.add_argument("--data-dir", help="where everything is kept (the folder `data`)")
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    options = parser.parse_args(arguments)
    # The parts read their settings themselves: what is given here reaches them through the environment.
    for name, value in {"HOST": options.host, "PORT": options.port, "DATA_DIR": options.data_dir}.items():
        if value is not None:
            os.environ[name] = value if name != "DATA_DIR" else str(Path(value).expanduser().resolve())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    return options


@contextmanager
def _data_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder for this instance alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(
            f"The data folder {folder} cannot be written: {error.strerror}. Choose another with --data-dir."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(lock, 20).decode("ascii", "replace").strip()
        raise CannotStart(
            f"The data folder {folder} is in use by another Chatsite (process {holder or 'unknown'}). "
            "Stop that one, or choose another folder with --data-dir."
        ) from error
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(lock)


@contextmanager
def _listen(settings: Any) -> Iterator[socket.socket | None]:
    """The web process's listening socket, kept open here: while web restarts, connections wait instead of failing.

    None where web must bind for itself: Daphne cannot adopt an IPv6 socket.
    """
    host, port = settings.LISTEN_HOST, settings.LISTEN_PORT
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(511)
    except socket.gaierror as error:
        raise CannotStart(f"HOST is {host!r}, which is no address of this machine.") from error
    except PermissionError as error:
        raise CannotStart(f"Port {port} needs more rights than this user has. Choose one above 1023.") from error
    except OSError as error:
        raise CannotStart(
            f"Cannot listen on {host} port {port}: {_reason(error)}. Choose another with --port (or --host)."
        ) from error
    with listener:
        if family == socket.AF_INET:
            yield listener
            return
    yield None


def _reason(error: OSError) -> str:
    return "another program uses it" if error.errno == 98 else (error.strerror or "it is refused").lower()


def _run(
    settings: Any, supervisor: Supervisor, console: Console, listener: socket.socket | None, *, open_browser: bool
) -> None:
    data = settings.DATA_DIR
    console.say(f"Starting, with the data in {data}.")
    if settings.CARRIES_REDIS:
        # It says this much with every start, as warnings, and asks for a setting for saves that it never makes.
        chatter = "Configuration loaded|Server initialized|overcommit|Redis is starting|Redis version"
        supervisor.start(Part("redis", carried.redis_command(data), wave=1, unremarkable=chatter))
    if settings.CARRIES_DATABASE:
        if not carried.postgres_data(data).exists():
            console.say("Making the database. This happens once.")
        carried.prepare_postgres(data)
        # SIGINT ends sessions and closes the files cleanly; SIGTERM would wait for every session.
        database = Part("database", carried.postgres_command(data), stop_with=signal.SIGINT, stop_within=20, wave=0)
        supervisor.start(database, ready=lambda: carried.postgres_is_up(data))
    path = _prepare(supervisor)
    fd = None if listener is None else listener.fileno()
    fds = () if fd is None else (fd,)
    web = Part("web", programs.web(settings, fd=fd), _PYTHON_PART, wave=2, stop_within=6, pass_fds=fds)
    # First the pages; what is asked there waits in its row for the workers.
    supervisor.start(web, ready=lambda: _answers(settings))
    supervisor.start(Part("answers", programs.answers(settings), _PYTHON_PART, wave=3, stop_within=8))
    supervisor.start(Part("documents", programs.documents_with_beat(settings), _PYTHON_PART, wave=3, stop_within=8))
    url = str(settings.BASE_URL)
    lines = [f"Chatsite runs at {url}"]
    if path:
        lines += ["", "Create the first administrator with this link (once, within a day):", f"{url}{path}"]
    console.frame([*lines, "", "Ctrl-C stops it."])
    if open_browser:
        _open_browser(f"{url}{path}", console)
    supervisor.watch()


def _prepare(supervisor: Supervisor) -> str:
    """Bring the database and the static files up to date. The path of the set-up link, if one is needed."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as answer:
        command = [sys.executable, "manage.py", "prepare", "--answer", answer.name]
        supervisor.run_to_end(Part("chatsite", command, _PYTHON_PART))
        return str(json.load(answer)["set_up_path"])


def _answers(settings: Any) -> bool:
    """Whether the web process speaks HTTP. Its port is open all the time."""
    host = addresses.reachable(settings.LISTEN_HOST)
    with suppress(OSError), socket.create_connection((host, settings.LISTEN_PORT), timeout=0.5) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return connection.recv(5) == b"HTTP/"
    return False


def _open_browser(url: str, console: Console) -> None:
    display = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not display or not console.is_terminal:
        return
    quiet = subprocess.DEVNULL
    subprocess.Popen(
        [sys.executable, "-m", "webbrowser", url], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
