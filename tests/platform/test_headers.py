import re

import pytest
from django.conf import LazySettings
from django.test import Client


def _policy(client: Client) -> dict[str, str]:
    header = client.get("/health")["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


def test_pages_may_load_nothing_from_elsewhere_and_run_nothing_inline(client: Client) -> None:
    policy = _policy(client)
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "unsafe" not in " ".join(policy.values())
    assert re.fullmatch(r"'self' 'nonce-[\w-]{16,}'", policy["script-src"])


def test_every_answer_has_a_nonce_of_its_own(client: Client) -> None:
    assert _policy(client)["script-src"] != _policy(client)["script-src"]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ],
)
def test_browsers_are_told_to_be_careful(client: Client, header: str, value: str) -> None:
    assert client.get("/health")[header] == value


def test_caches_keep_fragments_and_pages_apart(client: Client) -> None:
    assert "HX-Request" in client.get("/health")["Vary"]


def test_a_forged_host_is_refused(client: Client) -> None:
    assert client.get("/accounts/login/", headers={"host": "evil.example.org"}).status_code == 400


def test_with_https_browsers_are_told_to_stay_with_it(client: Client, settings: LazySettings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    # The middleware read its settings when this client was made; a new one reads them again.
    assert Client().get("/health", secure=True)["Strict-Transport-Security"].startswith("max-age=31536000")


def test_every_answer_names_its_request(client: Client) -> None:
    first, second = (client.get("/health")["X-Request-ID"] for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first != second


def test_the_proxys_name_for_a_request_is_kept(client: Client) -> None:
    assert client.get("/health", headers={"x-request-id": "proxy-4711"})["X-Request-ID"] == "proxy-4711"


@pytest.mark.parametrize("forged", ["short", "with space", "line\nbreak", "x" * 65, '"quoted-id"'])
def test_a_name_that_could_forge_log_lines_is_replaced(client: Client, forged: str) -> None:
    assert client.get("/health", headers={"x-request-id": forged})["X-Request-ID"] != forged
