"""Keys of people and of the installation: made once, wrapped, rotated, erased."""

import io
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.encryption import keys
from accounts.encryption.errors import KeyErased, KeyMissing, KeyUnreadable
from accounts.models import User
from chatsite.management.commands import prepare

FIRST = "the first root key, which is long enough"
SECOND = "another root key, which is long enough too"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    settings.KEYS_DIR = tmp_path / "keys"
    settings.ENCRYPTION_KEY = FIRST
    settings.ENCRYPTION_KEY_PREVIOUS = []
    keys.forget_cached()
    yield settings.KEYS_DIR
    keys.forget_cached()


def restarted() -> None:
    """As a process that has just begun."""
    keys.forget_cached()


def test_a_key_is_made_once_and_found_again() -> None:
    person = uuid.uuid4()
    made = keys.data_key(person)
    restarted()
    assert keys.data_key(person) == made
    assert len(made) == 32
    assert keys.data_key(uuid.uuid4()) != made


def test_who_comes_at_the_same_time_gets_the_same_key(folder: Path) -> None:
    person = uuid.uuid4()

    def fresh(_: int) -> bytes:
        keys._cached.clear()
        return keys.data_key(person)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(fresh, range(40)))) == 1
    assert [path.name for path in folder.iterdir()] == [str(person)]


def test_reading_makes_no_key(folder: Path) -> None:
    with pytest.raises(KeyMissing):
        keys.of(uuid.uuid4())
    assert list(folder.iterdir()) == []


def test_a_key_file_is_its_owners_alone_and_holds_no_key(folder: Path) -> None:
    person = uuid.uuid4()
    key = keys.data_key(person)
    path = folder / str(person)
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert key not in path.read_bytes()
    assert key.hex() not in path.read_text()


def test_an_erased_key_stays_erased(folder: Path) -> None:
    person = uuid.uuid4()
    key = keys.data_key(person)
    wrapped = json.loads((folder / str(person)).read_text())["key"]
    keys.destroy(person)
    keys.destroy(person)
    for make in (False, True):
        with pytest.raises(KeyErased):
            keys.of(person, make=make)
    assert wrapped not in (folder / str(person)).read_text()
    assert len(key) == 32


def test_another_process_loses_an_erased_key_within_a_minute(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    person = uuid.uuid4()
    keys.data_key(person)
    (folder / str(person)).write_text('{"version": 1, "erased": true}')  # as another process does
    keys.data_key(person)
    later = time.monotonic() + keys.CACHED_FOR + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with pytest.raises(KeyErased):
        keys.data_key(person)


def test_a_wrong_root_key_is_said_in_a_sentence(settings: Settings) -> None:
    person = uuid.uuid4()
    keys.data_key(person)
    restarted()
    settings.ENCRYPTION_KEY = SECOND
    with pytest.raises(KeyUnreadable, match="ENCRYPTION_KEY is not the one"):
        keys.data_key(person)


def test_a_key_under_another_name_is_refused(folder: Path) -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    keys.data_key(one)
    (folder / str(other)).write_bytes((folder / str(one)).read_bytes())
    with pytest.raises(KeyUnreadable, match="damaged"):
        keys.data_key(other)


def test_a_damaged_key_is_named(folder: Path) -> None:
    person = uuid.uuid4()
    keys.data_key(person)
    (folder / str(person)).write_text("half of a fi")
    restarted()
    with pytest.raises(KeyUnreadable, match=str(person)):
        keys.data_key(person)


def test_the_installation_has_a_key_for_each_purpose() -> None:
    assert not keys.is_installed()
    audit = keys.installation_key("audit")
    assert keys.is_installed()
    restarted()
    assert keys.installation_key("audit") == audit
    assert keys.installation_key("live") != audit


@pytest.mark.django_db  # the audit log is told
def test_rotation_wraps_all_keys_and_changes_none(settings: Settings) -> None:
    people = [uuid.uuid4() for _ in range(5)]
    before = [keys.data_key(person) for person in people]
    installation = keys.installation_key("audit")
    keys.destroy(people[4])
    settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEY_PREVIOUS = SECOND, [FIRST]
    restarted()
    assert keys.data_key(people[0]) == before[0]  # while it goes on, both are read
    said = io.StringIO()
    call_command("rotate_keys", stdout=said)
    assert "6 of 6 keys" in said.getvalue()
    assert "5 keys were wrapped anew" in said.getvalue()
    assert keys.rewrap_all(lambda *_: None) == 0
    settings.ENCRYPTION_KEY_PREVIOUS = []
    restarted()
    assert [keys.data_key(person) for person in people[:4]] == before[:4]
    assert keys.installation_key("audit") == installation
    with pytest.raises(KeyErased):
        keys.data_key(people[4])


def test_an_interrupted_rotation_goes_on(settings: Settings) -> None:
    people = [uuid.uuid4() for _ in range(5)]
    before = {person: keys.data_key(person) for person in people}
    settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEY_PREVIOUS = SECOND, [FIRST]

    def interrupt(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keys.rewrap_all(interrupt)
    restarted()
    assert {person: keys.data_key(person) for person in people} == before
    assert keys.rewrap_all(lambda *_: None) == 3


def test_rotation_without_the_previous_key_says_so(settings: Settings) -> None:
    keys.data_key(uuid.uuid4())
    settings.ENCRYPTION_KEY = SECOND
    with pytest.raises(CommandError, match="ENCRYPTION_KEY_PREVIOUS"):
        call_command("rotate_keys")


def test_a_draft_left_by_a_kill_is_no_key(folder: Path) -> None:
    keys.data_key(uuid.uuid4())
    (folder / ".draft-left").write_text("half")
    assert keys.rewrap_all(lambda *_: None) == 0


def test_keys_are_not_shown_by_accident() -> None:
    person = uuid.uuid4()
    assert "data_key" not in repr(keys.of(person, make=True))


def test_a_child_can_read_sealed_files_without_django() -> None:
    code = "import sys, accounts.encryption.files; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_start_refuses_another_root_key_in_a_sentence(db: None, settings: Settings) -> None:
    prepare._check_keys()
    restarted()
    settings.ENCRYPTION_KEY = SECOND
    with pytest.raises(SystemExit, match="ENCRYPTION_KEY is not the one"):
        prepare._check_keys()


def test_the_start_makes_no_new_keys_beside_old_data(owner: User, folder: Path) -> None:
    with pytest.raises(SystemExit, match="is empty, but the database is in use"):
        prepare._check_keys()
    assert list(folder.iterdir()) == []
