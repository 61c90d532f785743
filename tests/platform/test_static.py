import json
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from accounts.models import User
from chatsite import static

# Through the role that owns the tables.
migrating = pytest.mark.django_db(databases=["default", "owner"])


@pytest.fixture
def own_folder(settings: LazySettings, tmp_path: Path) -> Path:
    settings.STATIC_ROOT = tmp_path / "collected"
    return settings.STATIC_ROOT


@pytest.fixture
def style(settings: LazySettings, tmp_path: Path) -> Path:
    """The only static file there is."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "style.css").write_text("a {}", encoding="utf-8")
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    static.get_finders.__globals__["get_finder"].cache_clear()
    yield folder / "style.css"
    static.get_finders.__globals__["get_finder"].cache_clear()


def test_static_files_are_collected_once(own_folder: Path, style: Path) -> None:
    assert static.collect_if_stale() is True
    assert (own_folder / "style.css").read_text(encoding="utf-8") == "a {}"
    assert static.collect_if_stale() is False


def test_a_changed_file_is_collected_again(own_folder: Path, style: Path) -> None:
    static.collect_if_stale()
    style.write_text("b {}", encoding="utf-8")
    assert static.collect_if_stale() is True
    assert (own_folder / "style.css").read_text(encoding="utf-8") == "b {}"


def test_a_folder_that_cannot_be_written_is_named(own_folder: Path, style: Path) -> None:
    own_folder.write_text("a file is in the way", encoding="utf-8")
    with pytest.raises(ImproperlyConfigured, match="static files cannot be written to"):
        static.collect_if_stale()


@migrating
def test_preparing_answers_with_a_link_while_there_is_no_administrator(
    own_folder: Path, style: Path, tmp_path: Path
) -> None:
    call_command("prepare", answer=tmp_path / "answer")
    path = json.loads((tmp_path / "answer").read_text(encoding="utf-8"))["set_up_path"]
    assert path.startswith("/set-up/")


@migrating
def test_preparing_prints_the_link_for_the_logs_of_containers(
    db: None, own_folder: Path, style: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("prepare")
    assert "/set-up/" in capsys.readouterr().out


@migrating
def test_an_administrator_needs_no_link(
    admin_user: User, own_folder: Path, style: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("prepare", answer=tmp_path / "answer")
    assert json.loads((tmp_path / "answer").read_text(encoding="utf-8")) == {"set_up_path": ""}
    call_command("prepare")
    assert "/set-up/" not in capsys.readouterr().out


@migrating
def test_settings_that_do_not_fit_together_stop_it(db: None, settings: LazySettings) -> None:
    settings.CHUNK_SIZE = settings.CHUNK_OVERLAP = 300
    with pytest.raises(SystemExit, match=r"CHUNK_OVERLAP .* good overlap"):
        call_command("prepare")


@migrating
def test_an_administrator_that_cannot_be_made_stops_it(
    db: None, own_folder: Path, style: Path, settings: LazySettings
) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "not an address", "correct horse battery"
    with pytest.raises(SystemExit, match="ADMIN_EMAIL"):
        call_command("prepare")
