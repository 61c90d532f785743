"""The deployment files, as far as they can be judged without a container engine."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from django.urls import reverse

PROJECT = Path(__file__).resolve().parents[2]
OURS = ["prepare", "web", "answers", "documents", "beat"]


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))


def test_every_part_is_there(compose: dict) -> None:
    assert set(compose["services"]) == {*OURS, "caddy", "postgres", "redis", "ollama"}


@pytest.mark.parametrize("name", ["caddy", "web", "answers", "documents", "postgres", "redis", "ollama"])
def test_what_can_fail_silently_has_a_health_check(compose: dict, name: str) -> None:
    assert compose["services"][name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", OURS)
def test_our_own_containers_can_do_little(compose: dict, name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ulimits"] == {"core": 0}
    assert "user" not in service
    assert "privileged" not in service


def test_only_the_proxy_is_reachable_from_outside(compose: dict) -> None:
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["caddy"]
    assert compose["networks"]["backend"]["internal"] is True
    assert [compose["services"][name]["networks"] for name in ("postgres", "redis")] == [["backend"], ["backend"]]


def test_no_secret_is_written_down(compose: dict) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN", name):
                assert str(value).startswith("${"), name
    assert re.fullmatch(
        r"postgresql://chatsite:\$\{DATABASE_PASSWORD:\?[^}]+\}@postgres:5432/chatsite",
        compose["services"]["web"]["environment"]["DATABASE_URL"],
    )
    assert re.fullmatch(
        r"redis://:\$\{REDIS_PASSWORD:\?[^}]+\}@redis:6379/0", compose["services"]["web"]["environment"]["REDIS_URL"]
    )
    example = (PROJECT / "deploy/env.example").read_text(encoding="utf-8")
    assert re.findall(r"^(\w*PASSWORD)=(.*)$", example, re.MULTILINE) == [
        ("POSTGRES_PASSWORD", ""),
        ("DATABASE_OWNER_PASSWORD", ""),
        ("DATABASE_PASSWORD", ""),
        ("REDIS_PASSWORD", ""),
        ("ADMIN_PASSWORD", ""),
    ]


def test_redis_wants_its_password_and_the_health_check_knows_it(compose: dict, tmp_path: Path) -> None:
    service = compose["services"]["redis"]
    assert service["environment"]["REDISCLI_AUTH"].startswith("${REDIS_PASSWORD:?")
    # The shell does with it what is meant, whoever plays the server.
    server = tmp_path / "redis-server"
    server.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\ncat\n', encoding="utf-8")
    server.chmod(0o755)
    command = [part.replace("$$", "$") for part in service["command"]]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDISCLI_AUTH": "0123abcd"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30).stdout
    assert said.splitlines()[:3] == ["-", "--save", ""]
    assert said.splitlines()[-1] == "requirepass 0123abcd"
    assert "0123abcd" not in " ".join(command)


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("/chats/5", "/chats/5"),
        ("/invitation/secret", "/invitation/-"),
        ("/set-up/secret?next=/", "/set-up/-"),
        ("/accounts/password/reset/key/1-secret/", "/accounts/password/reset/key/-"),
        ("/accounts/sso/oidc/callback?code=secret&state=secret", "/accounts/sso/oidc/callback?-"),
        ("/?q=secret", "/?-"),
    ],
)
def test_the_access_log_holds_nothing_that_opens_an_account(address: str, written: str) -> None:
    caddyfile = (PROJECT / "deploy/Caddyfile").read_text(encoding="utf-8")
    found = re.search(r'request>uri regexp `(.+)` "(.+)"$', caddyfile, re.MULTILINE)
    assert found is not None
    assert re.sub(found[1], found[2].replace("${1}", r"\1"), address) == written
    assert "request>headers>Referer delete" in caddyfile
    # Every log there is.
    assert caddyfile.count("import discreet") == len(re.findall(r"^\s*log\b", caddyfile, re.MULTILINE)) == 2
    assert caddyfile.count("format ") == 1


def test_the_addresses_that_are_kept_out_of_it_are_those_there_are() -> None:
    caddyfile = (PROJECT / "deploy/Caddyfile").read_text(encoding="utf-8")
    for name, values in (
        ("invitations:accept", ["token"]),
        ("accounts:set_up", ["token"]),
        ("account_reset_password_from_key", ["uid", "key"]),
    ):
        address = reverse(name, args=values)
        assert f"|{address.split(values[0])[0]}" in caddyfile.replace("(/", "|/"), address


def test_only_what_must_change_tables_knows_the_role_that_owns_them(compose: dict) -> None:
    knowing = [name for name, one in compose["services"].items() if "DATABASE_OWNER_URL" in one.get("environment", {})]
    assert knowing == ["prepare", "documents"]


def test_every_setting_in_it_exists(compose: dict) -> None:
    documented = (PROJECT / "docs/settings.md").read_text(encoding="utf-8")
    missing = [name for name in compose["services"]["web"]["environment"] if f"| `{name}` |" not in documented]
    assert missing == []


def test_nothing_starts_before_the_database_is_up_to_date(compose: dict) -> None:
    for name in ("web", "answers", "documents", "beat"):
        assert compose["services"][name]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"


def test_every_mounted_file_exists(compose: dict) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert len(files) == 2
    assert all((PROJECT / file).is_file() for file in files)
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith("./")}
    assert named == set(compose["volumes"])


def test_a_graphics_card_is_an_addition() -> None:
    addition = yaml.safe_load((PROJECT / "deploy/compose.gpu.yaml").read_text(encoding="utf-8"))
    devices = addition["services"]["ollama"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]


def test_the_image_is_built_in_stages_and_does_not_run_as_root() -> None:
    lines = (PROJECT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("FROM ") for line in lines) == 2
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["chatsite"]
    assert lines.index("USER chatsite") < next(i for i, line in enumerate(lines) if line.startswith("CMD "))
    assert not any(re.search("SECRET_KEY|ENCRYPTION_KEY|PASSWORD", line) for line in lines)


def test_the_health_check_and_the_workers_speak_of_the_same_key() -> None:
    from chatsite import workers
    from deploy import alive

    assert alive.KEY == workers.KEY
    assert alive.WITHIN > workers.BEAT_EVERY
