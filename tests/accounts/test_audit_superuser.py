"""A superuser changes rows by hand, where no trigger and no policy can forbid it: verifying names the first one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatsite import carried
from tests.waiting import until

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parent.parent.parent
RECORD = """
from accounts import audit
from accounts.audit import sealing
for number in range(5):
    audit.record(audit.Action.CHAT_ASKED, number=number)
    sealing.seal_pending()
"""


@contextmanager
def running(data_dir: Path) -> Iterator[None]:
    server = subprocess.Popen(carried.postgres_command(data_dir), stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: carried.postgres_is_up(data_dir), 60)
        yield
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)


def manage(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "DATABASE_OWNER_URL"}
    }
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(
        command,
        env={**environment, "DATA_DIR": str(data_dir)},
        cwd=data_dir,
        capture_output=True,
        text=True,
        check=False,
    )


def as_superuser(data_dir: Path, *statements: str) -> None:
    cluster = carried.postgres_data(data_dir)
    command = [*carried._unprivileged(cluster), str(carried._postgres_bin("postgres")), "--single", "-D", str(cluster)]
    lines = "\n".join(["SET session_replication_role = replica;", *statements, ""])
    done = subprocess.run([*command, "chatsite"], input=lines, capture_output=True, text=True, check=True)
    assert "ERROR:" not in done.stderr


def verified(data_dir: Path) -> tuple[int, str]:
    with running(data_dir):
        done = manage(data_dir, "verify_audit")
    return done.returncode, done.stdout + done.stderr


def test_what_a_superuser_does_by_hand_is_found(tmp_path: Path) -> None:
    carried.prepare_postgres(tmp_path)
    with running(tmp_path):
        for arguments in (["migrate"], ["shell", "-c", RECORD]):
            done = manage(tmp_path, *arguments)
            assert done.returncode == 0, done.stderr
    code, words = verified(tmp_path)
    assert code == 0, words
    chosen = "(SELECT id FROM audit_event WHERE action = 'chat.asked' AND seal = {})"
    as_superuser(tmp_path, f"UPDATE audit_event SET details = '{{}}' WHERE id = {chosen.format(4)};")
    code, words = verified(tmp_path)
    assert code == 1
    assert "was changed." in words
    as_superuser(tmp_path, f"DELETE FROM audit_event WHERE id = {chosen.format(2)};")
    code, words = verified(tmp_path)
    assert code == 1
    assert "of seal 2 was deleted." in words
