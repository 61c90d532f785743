"""Settings that are wrong stop every command with one sentence, before anything is touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PLAIN = {"PATH": os.environ["PATH"], "SECRET_KEY": "s" * 50, "ENCRYPTION_KEY": "e" * 50}


def _load(tmp_path: Path, *names: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = (
        f"import json, chatsite.settings as s; print(json.dumps([getattr(s, n) for n in {list(names)!r}], default=str))"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**PLAIN, "DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _values(tmp_path: Path, *names: str, **environment: str) -> list:
    loaded = _load(tmp_path, *names, **environment)
    assert loaded.returncode == 0, loaded.stderr
    return json.loads(loaded.stdout)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"SECRET_KEY": "short"}, "SECRET_KEY is shorter than 32 characters"),
        ({"DATABASE_URL": "mysql://host/name"}, "DATABASE_URL must look like postgresql://"),
        ({"DATABASE_URL": "postgresql://host"}, "DATABASE_URL must look like postgresql://"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL must begin with one of: redis://"),
        ({"LLM_PROVIDER": "olama"}, "it must be one of: auto, ollama, builtin"),
        ({"PORT": "0"}, "PORT is 0; it must be at least 1"),
        ({"TIME_ZONE": "Mars/North"}, "TIME_ZONE is 'Mars/North'"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL is 'LOUD'"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence(tmp_path: Path, environment: dict[str, str], sentence: str) -> None:
    loaded = _load(tmp_path, **environment)
    assert loaded.returncode == 1
    assert sentence in loaded.stderr.splitlines()[-1]


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    carried = _values(tmp_path, "CARRIES_DATABASE", "CARRIES_REDIS", "LLM_PROVIDER", "BASE_URL", "DEBUG")
    assert carried == [True, True, "auto", "http://localhost:8000", False]


@pytest.mark.parametrize(
    ("environment", "backend"),
    [
        ({}, "dummy"),
        ({"DEBUG": "true"}, "console"),
        ({"EMAIL_HOST": "mail.example.org"}, "smtp"),
        ({"EMAIL_HOST": "mail.example.org", "DEBUG": "true"}, "smtp"),
    ],
)
def test_links_in_mails_never_go_to_the_log_of_an_installation(
    tmp_path: Path, environment: dict[str, str], backend: str
) -> None:
    (chosen,) = _values(tmp_path, "EMAIL_BACKEND", **environment)
    assert chosen == f"django.core.mail.backends.{backend}.EmailBackend"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"SIGN_UP": "open", "EMAIL_HOST": "mail.example.org"}, "mandatory"),
        ({"SIGN_UP": "open"}, "optional"),
        ({"EMAIL_HOST": "mail.example.org"}, "optional"),
    ],
    ids=str,
)
def test_who_signs_up_confirms_the_address_where_a_mail_can_ask(
    tmp_path: Path, environment: dict[str, str], wanted: str
) -> None:
    assert _values(tmp_path, "ACCOUNT_EMAIL_VERIFICATION", **environment) == [wanted]


@pytest.mark.parametrize(("port", "tls", "ssl"), [("587", True, False), ("465", False, True), ("25", False, False)])
def test_the_port_of_the_mail_server_says_how_it_is_encrypted(tmp_path: Path, port: str, tls: bool, ssl: bool) -> None:
    assert _values(tmp_path, "EMAIL_USE_TLS", "EMAIL_USE_SSL", EMAIL_PORT=port) == [tls, ssl]


def test_generated_secrets_stay_the_same_and_are_private(tmp_path: Path) -> None:
    environment = {"SECRET_KEY": "", "ENCRYPTION_KEY": ""}
    first = _values(tmp_path, "SECRET_KEY", "ENCRYPTION_KEY", **environment)
    assert _values(tmp_path, "SECRET_KEY", "ENCRYPTION_KEY", **environment) == first
    assert len(set(first)) == 2
    assert all(len(secret) >= 50 for secret in first)
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "secrets").iterdir())


def test_servers_of_ones_own_switch_the_carried_ones_off(tmp_path: Path) -> None:
    database = "postgresql://us%40er:p%2Fw@db.example.org:6543/chat?sslmode=require"
    names = ["CARRIES_DATABASE", "CARRIES_REDIS", "DATABASES", "CELERY_BROKER_URL"]
    values = _values(tmp_path, *names, DATABASE_URL=database, REDIS_URL="unix:///run/redis.sock?db=3")
    assert values[:2] == [False, False]
    found = values[2]["default"]
    assert [found[key] for key in ("HOST", "PORT", "NAME", "USER", "PASSWORD")] == [
        "db.example.org",
        "6543",
        "chat",
        "us@er",
        "p/w",
    ]
    assert found["OPTIONS"]["sslmode"] == "require"
    assert values[3] == "redis+socket:///run/redis.sock?db=3"


def test_https_makes_cookies_secure(tmp_path: Path) -> None:
    names = ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "ALLOWED_HOSTS"]
    values = _values(tmp_path, *names, BASE_URL="https://chat.example.org/")
    assert values[:3] == [True, True, True]
    assert "chat.example.org" in values[3]


def test_a_server_for_the_whole_network_knows_the_machines_own_addresses(tmp_path: Path) -> None:
    here, everywhere = (_values(tmp_path, "ALLOWED_HOSTS", HOST=host)[0] for host in ("127.0.0.1", "0.0.0.0"))
    assert set(here) == {"localhost", "127.0.0.1", "[::1]"}
    assert set(here) < set(everywhere)
    assert "*" not in everywhere


def test_with_https_no_neighbour_can_plant_a_cookie(tmp_path: Path) -> None:
    names = ["SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME"]
    assert _values(tmp_path, *names, BASE_URL="https://chat.example.org") == ["__Host-sessionid", "__Host-csrftoken"]
    assert _values(tmp_path, *names) == ["sessionid", "csrftoken"]
