"""Known vulnerabilities of what is installed (pip-audit), and risky patterns in our own code (bandit).

    python .ci/scans.py vulnerabilities [-- PROGRAM ...]
    python .ci/scans.py code [-- PROGRAM ...]

What is accepted, and why, stands line by line in .ci/accepted.toml. A finding of bandit is also accepted where its
line carries ruff's name for the same check with a reason: `# noqa: S608 - two integers`.

Vulnerabilities are looked up by asking PyPI, else OSV. Where neither answers, as in a network without internet, nothing
is known, and that is said loudly; with REQUIRE_AUDIT=1 it is a failure.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PACKAGES = ["chatsite", "accounts", "chats", "documents", "llms", "jobs"]
REQUIREMENTS = ["requirements-dev.txt", "requirements-ldap.txt"]
RULER = "!" * 100


def accepted(kind: str) -> list[dict[str, str]]:
    with (ROOT / ".ci/accepted.toml").open("rb") as file:
        return list(tomllib.load(file).get(kind, []))


def vulnerabilities(program: list[str]) -> int:
    known = {entry["id"]: entry["why"] for entry in accepted("vulnerability")}
    found, unanswered = _ask(program, "pypi")
    if unanswered:
        more, still = _ask(program, "osv")
        if len(still) < len(unanswered):
            found, unanswered = found + more, still
    new = [line for name, line in found if name not in known]
    for line in sorted(set(new)):
        print(f"Known vulnerability: {line}")
    for name in sorted(set(known) - {name for name, _ in found}):
        print(f"{name} in .ci/accepted.toml was not found any more, or could not be asked about.")
    if unanswered:
        names = ", ".join(sorted(unanswered)[:8]) + (" …" if len(unanswered) > 8 else "")
        print(f"{RULER}\nNOT CHECKED for known vulnerabilities: {len(unanswered)} packages ({names}).")
        print("Neither PyPI nor OSV told about them. Run this again where the internet can be reached.")
        print(f"This is no sign that they are safe.\n{RULER}")
        if os.environ.get("REQUIRE_AUDIT") == "1":
            return 1
    elif not new:
        print("No known vulnerability in what is installed.")
    return 1 if new else 0


def _ask(program: list[str], service: str) -> tuple[list[tuple[str, str]], set[str]]:
    """What was found, as identifier and line, and the packages that nothing was said about."""
    files = [option for name in REQUIREMENTS if (ROOT / name).exists() for option in ("-r", name)]
    done = subprocess.run(
        [*program, "--vulnerability-service", service, "--no-deps", "--disable-pip", "--format", "json", *files],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    try:
        report = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return [], _everything(files)
    found = [
        (vulnerability["id"], _line(package, vulnerability))
        for package in report
        for vulnerability in package.get("vulns", [])
    ]
    return found, {package["name"] for package in report if "vulns" not in package}


def _everything(options: list[str]) -> set[str]:
    names = (re.match(r"[\w.-]+", line) for name in options[1::2] for line in (ROOT / name).read_text().splitlines())
    return {name[0] for name in names if name}


def _line(package: dict[str, Any], vulnerability: dict[str, Any]) -> str:
    fixed = " or ".join(vulnerability.get("fix_versions", [])) or "no version"
    return f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}"


def code(program: list[str]) -> int:
    allowed = {(entry["test"], entry["path"]) for entry in accepted("bandit")}
    done = subprocess.run(
        [*program, "--quiet", "--recursive", "--format", "json", *PACKAGES],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    report = json.loads(done.stdout)
    # A file that could not be read was not looked at.
    met: set[tuple[str, str]] = set()
    problems = [f"{error['filename']}: {error['reason']}" for error in report["errors"]]
    for finding in report["results"]:
        test, path = finding["test_id"], finding["filename"].removeprefix("./")
        place = next((place for place in ((test, path), (test, "*")) if place in allowed), None)
        if place:
            met.add(place)
        elif not _has_reason(ROOT / path, finding["line_range"], test):
            problems.append(f"{path}:{finding['line_number']}: {test} {finding['issue_text']}")
    for problem in problems:
        print(problem)
    for test, path in sorted(allowed - met):
        print(f"{test} in {path} is accepted in .ci/accepted.toml, but is found no more.")
    if not problems:
        print(f"{len(report['results'])} findings of bandit, each with its reason.")
    return 1 if problems else 0


def _has_reason(path: Path, lines: list[int], test: str) -> bool:
    """Bandit numbers its checks as ruff does: B608 is S608. A statement's mark may stand after its last line."""
    text = path.read_text(encoding="utf-8").splitlines()[min(lines) - 1 : max(lines) + 1]
    return any(re.search(rf"noqa:[ A-Z0-9,]*\bS{test[1:]}\b[ A-Z0-9,]*- \S", line) for line in text)


if __name__ == "__main__":
    what, _, *given = [*sys.argv[1:], "--"] if "--" not in sys.argv else sys.argv[1:]
    if what == "vulnerabilities":
        sys.exit(vulnerabilities(given or [str(BIN / "pip-audit")]))
    sys.exit(code(given or [str(BIN / "bandit")]))
