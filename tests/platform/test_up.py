"""What stops `manage.py up` before it starts anything, and what it says."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatsite import carried

PROJECT = Path(__file__).resolve().parents[2]


def _up(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # Servers are named, so that none is carried: these starts must fail before they would be used.
    servers = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    plain = {"PATH": os.environ["PATH"], **servers, **environment}
    command = [sys.executable, PROJECT / "manage.py", "up", "--no-open", *arguments]
    return subprocess.run(command, env=plain, capture_output=True, text=True, timeout=60, check=False)


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named(tmp_path: Path, taken_port: int) -> None:
    done = _up("--port", str(taken_port), "--data-dir", tmp_path)
    assert done.returncode == 1
    sentence = f"Cannot listen on 127.0.0.1 port {taken_port}: another program uses it. Choose another with --port"
    assert sentence in done.stdout


def test_a_data_folder_in_use_is_named_with_its_user(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = _up("--data-dir", tmp_path)
    assert done.returncode == 1
    assert f"The data folder {tmp_path} is in use by another Chatsite (process 4711)." in done.stdout


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = _up("--data-dir", tmp_path / "file" / "data")
    assert done.returncode == 1
    assert "cannot be written" in done.stdout
    assert "--data-dir" in done.stdout


def test_a_host_that_is_not_here_is_named(tmp_path: Path) -> None:
    done = _up("--host", "no.such.host.invalid", "--data-dir", tmp_path)
    assert done.returncode == 1
    assert "HOST is 'no.such.host.invalid', which is no address of this machine." in done.stdout


def test_wrong_settings_are_told_in_one_sentence(tmp_path: Path) -> None:
    done = _up("--port", "many", "--data-dir", tmp_path)
    assert done.returncode == 1
    assert done.stdout.strip().endswith("Cannot start. PORT is 'many'; it must be a whole number.")
    assert done.stderr == ""


def test_settings_that_do_not_fit_together_are_told_before_the_database_is_touched(tmp_path: Path) -> None:
    done = _up("--port", _free_port(), "--data-dir", tmp_path, CHUNK_SIZE="300", CHUNK_OVERLAP="300")
    assert done.returncode == 1
    assert "Cannot start. CHUNK_OVERLAP (300) is not smaller than CHUNK_SIZE (300)." in done.stdout


def test_unknown_arguments_are_refused(tmp_path: Path) -> None:
    done = _up("--prot", "8000", "--data-dir", tmp_path)
    assert done.returncode == 2
    assert "--prot" in done.stderr


def test_an_unknown_part_is_answered_with_the_known_ones() -> None:
    done = subprocess.run(
        [sys.executable, PROJECT / "manage.py", "start", "wbe"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert all(part in done.stderr for part in ("answers", "beat", "documents", "web"))


@pytest.mark.parametrize(("command", "word"), [("up", "--prot"), ("start", "wbe")])
def test_both_commands_are_known_to_django_too(tmp_path: Path, command: str, word: str) -> None:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "chatsite.settings"}
    done = subprocess.run(
        [sys.executable, "-m", "django", command, word],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert word in done.stderr


def test_a_database_of_another_major_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n", encoding="ascii")
    with pytest.raises(carried.CannotStart, match=r"was written by PostgreSQL 16, this is PostgreSQL 18"):
        carried.prepare_postgres(tmp_path)


def test_a_folder_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(carried.CannotStart, match="is not a PostgreSQL data folder"):
        carried.prepare_postgres(tmp_path)


def test_the_lock_of_a_dead_server_is_removed_and_that_of_another_program_too(tmp_path: Path) -> None:
    cluster = tmp_path / "postgres"
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text(carried.POSTGRES_MAJOR, encoding="ascii")
    (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    carried.prepare_postgres(tmp_path)
    assert not (cluster / "postmaster.pid").exists()


def test_sockets_of_a_deep_data_folder_move_to_a_short_path(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20)
    assert len(str(carried.socket_dir(deep))) < 90
    assert carried.socket_dir(deep) == carried.socket_dir(deep)
    assert carried.socket_dir(deep) != carried.socket_dir(deep / "er")


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(carried.CannotStart, match="belongs to somebody else"):
        carried.make_socket_dir(tmp_path)
