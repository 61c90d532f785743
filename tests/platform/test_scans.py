"""The scans of CI: what fails them, what does not, and that silence is never taken for safety."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CLEAN = {"name": "django", "version": "5.2", "vulns": []}
HURT = {"name": "django", "version": "5.2", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["5.2.1"]}]}
UNKNOWN = {"name": "pillow", "skip_reason": "Dependency not found on PyPI"}


def _scan(tmp_path: Path, what: str, **answers: Any) -> subprocess.CompletedProcess[str]:
    """With a program in the place of the scanner that prints an answer, by service."""
    program = tmp_path / "scanner.py"
    program.write_text(
        f"import sys\nanswers = {answers!r}\n"
        "asked = '--vulnerability-service' in sys.argv\n"
        "service = sys.argv[sys.argv.index('--vulnerability-service') + 1] if asked else 'code'\n"
        "answer = answers.get(service)\n"
        "print(answer if answer is not None else 'no connection')\n"
    )
    return subprocess.run(
        [sys.executable, ".ci/scans.py", what, "--", sys.executable, str(program)],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60,
        env={name: value for name, value in os.environ.items() if name != "REQUIRE_AUDIT"},
    )  # fmt: skip


def _report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages})


def test_without_known_vulnerabilities_it_passes(tmp_path: Path) -> None:
    done = _scan(tmp_path, "vulnerabilities", pypi=_report(CLEAN))
    assert (done.returncode, "NOT CHECKED" in done.stdout) == (0, False), done.stderr


@pytest.mark.parametrize("packages", [[HURT], [HURT, UNKNOWN]])
def test_a_known_vulnerability_fails_it(tmp_path: Path, packages: list[dict[str, Any]]) -> None:
    done = _scan(tmp_path, "vulnerabilities", pypi=_report(*packages))
    assert done.returncode == 1
    assert "django 5.2: PYSEC-2026-1, fixed in 5.2.1" in done.stdout


@pytest.mark.parametrize("answer", [_report(UNKNOWN), None, "{}"])
def test_where_nobody_answers_it_says_so_loudly(tmp_path: Path, answer: str | None) -> None:
    done = _scan(tmp_path, "vulnerabilities", pypi=answer)
    assert done.returncode == 0
    assert "NOT CHECKED for known vulnerabilities" in done.stdout
    assert "no sign that they are safe" in done.stdout
    assert "No known vulnerability" not in done.stdout


def test_a_second_service_is_asked_where_the_first_is_silent(tmp_path: Path) -> None:
    done = _scan(tmp_path, "vulnerabilities", pypi=_report(UNKNOWN), osv=_report(HURT))
    assert done.returncode == 1
    assert "NOT CHECKED" not in done.stdout


def test_silence_can_be_made_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "silent.py"
    program.write_text("print('no connection')")
    done = subprocess.run(
        [sys.executable, ".ci/scans.py", "vulnerabilities", "--", sys.executable, str(program)],
        cwd=PROJECT, capture_output=True, text=True, check=False, env=os.environ | {"REQUIRE_AUDIT": "1"},
    )  # fmt: skip
    assert done.returncode == 1


def _finding(test: str, path: str, line: int) -> str:
    found = {"test_id": test, "filename": path, "line_number": line, "line_range": [line], "issue_text": "Risky."}
    return json.dumps({"errors": [], "results": [found]})


def test_a_finding_without_a_reason_fails_it(tmp_path: Path) -> None:
    done = _scan(tmp_path, "code", code=_finding("B602", "chatsite/env.py", 1))
    assert (done.returncode, "chatsite/env.py:1: B602 Risky." in done.stdout) == (1, True)


def test_a_finding_that_was_looked_at_passes(tmp_path: Path) -> None:
    assert _scan(tmp_path, "code", code=_finding("B603", "chatsite/carried.py", 1)).returncode == 0


def test_a_reason_on_the_line_counts(tmp_path: Path) -> None:
    lines = (PROJECT / "chatsite/addresses.py").read_text(encoding="utf-8").splitlines()
    line = next(number for number, words in enumerate(lines, start=1) if "noqa: S104" in words)
    assert _scan(tmp_path, "code", code=_finding("B104", "chatsite/addresses.py", line)).returncode == 0
    assert _scan(tmp_path, "code", code=_finding("B105", "chatsite/addresses.py", line)).returncode == 1


def test_a_file_that_could_not_be_read_fails_it(tmp_path: Path) -> None:
    report = json.dumps({"errors": [{"filename": "chats/x.py", "reason": "syntax error"}], "results": []})
    assert _scan(tmp_path, "code", code=report).returncode == 1
