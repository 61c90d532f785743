from pathlib import Path

import pytest
from django.conf import LazySettings

from chatsite import checks


def _ids(found: list) -> set[str]:
    return {message.id for message in found}


def test_settings_that_fit_together_pass() -> None:
    assert checks.check_settings() == []


def test_every_finding_says_what_to_do(settings: LazySettings) -> None:
    settings.CHUNK_SIZE, settings.CHUNK_OVERLAP = 300, 300
    settings.LLM_PROVIDER, settings.FAST_MODEL = "builtin", "llama3.2"
    settings.OLLAMA_BASE_URL = "localhost:11434"
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "a@example.org", "short"
    settings.BASE_URL = "https://chat.example.org/path"
    settings.RAG_RERANK, settings.RAG_RERANK_PATH = True, "/nowhere"
    found = checks.check_settings()
    assert _ids(found) == {
        "chatsite.E002",
        "chatsite.W003",
        "chatsite.E003",
        "chatsite.E005",
        "chatsite.E006",
        "chatsite.W009",
    }
    assert all(message.hint for message in found)


@pytest.mark.parametrize("given", ["ADMIN_EMAIL", "ADMIN_PASSWORD"])
def test_half_an_administrator_is_refused(settings: LazySettings, given: str) -> None:
    settings.ADMIN_EMAIL = settings.ADMIN_PASSWORD = ""
    setattr(settings, given, "long enough for either")
    assert _ids(checks.check_settings()) == {"chatsite.E004"}


def test_a_data_folder_inside_a_file_is_refused(settings: LazySettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    settings.DATA_DIR = tmp_path / "file" / "data"
    assert _ids(checks.check_settings()) == {"chatsite.E001"}


def test_a_data_folder_that_does_not_exist_yet_is_fine(settings: LazySettings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "not" / "yet"
    assert checks.check_settings() == []


def test_exposed_installations_are_warned(settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS, settings.HTTPS, settings.TRUST_PROXY = ["*"], True, False
    settings.RATE_LIMIT_PER_MINUTE = 0
    assert _ids(checks.check_exposure()) == {"chatsite.W001", "chatsite.W002", "chatsite.W004"}
    settings.RATE_LIMIT_PER_MINUTE = 60
    settings.ALLOWED_HOSTS, settings.TRUST_PROXY = ["chat.example.org"], True
    assert checks.check_exposure() == []


def test_mails_on_an_open_way_are_warned_of(settings: LazySettings) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mail.example.org", 25
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = False, False
    assert "chatsite.W008" in _ids(checks.check_exposure())
    settings.EMAIL_USE_SSL = True
    assert "chatsite.W008" not in _ids(checks.check_exposure())
    settings.EMAIL_HOST, settings.EMAIL_USE_SSL = "", False
    assert "chatsite.W008" not in _ids(checks.check_exposure())


def test_a_machine_that_confines_readers_less_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.confine, "examine", lambda: {"namespaces": True, "files": False, "system calls": True})
    (found,) = checks.check_confinement()
    assert "not confined by: files." in found.msg


def test_data_where_readers_of_files_look_for_libraries_are_warned_of(settings: LazySettings) -> None:
    assert "chatsite.W007" not in _ids(checks.check_confinement())
    settings.DATA_DIR = Path("/usr/local/chatsite/data")
    assert "chatsite.W007" in _ids(checks.check_confinement())
