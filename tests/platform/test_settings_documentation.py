"""docs/settings.md is read by people who have nothing else: it must name what exists, and nothing else."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
READ = re.compile(r'(?:env\.\w+|_secret|_address|_one)\(\s*"([A-Z][A-Z0-9_]*)"')
READERS = ("chatsite/settings.py", "chatsite/single_sign_on.py")
ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def _read() -> set[str]:
    return {name for path in READERS for name in READ.findall((PROJECT / path).read_text(encoding="utf-8"))}


def _rows() -> list[tuple[str, str, str]]:
    return ROW.findall((PROJECT / "docs/settings.md").read_text(encoding="utf-8"))


def test_every_setting_that_is_read_is_documented() -> None:
    assert _read() - {name for name, _, _ in _rows()} == set()


def test_every_documented_setting_is_read() -> None:
    assert {name for name, _, _ in _rows()} - _read() == set()


def test_no_setting_is_documented_twice() -> None:
    names = [name for name, _, _ in _rows()]
    assert sorted(names) == sorted(set(names))


def test_defaults_in_the_documentation_are_those_in_the_code() -> None:
    source = (PROJECT / "chatsite/settings.py").read_text(encoding="utf-8")
    numbers = re.findall(r'env\.(?:integer|decimal)\(\s*"([A-Z_]+)",\s*([\d_.]+)', source)
    assert len(numbers) > 10
    documented = {name: default.strip("`") for name, default, _ in _rows()}
    for name, default in numbers:
        assert float(documented[name]) == float(default), name


def test_no_module_but_the_settings_reads_the_environment() -> None:
    """Settings read elsewhere would be neither validated nor documented."""
    allowed = {"chatsite/env.py", "chatsite/up.py", "chatsite/supervisor.py", "chatsite/console.py"}
    # Runs in a child that knows no settings, and passes on a variable of Tesseract's own.
    allowed.add("documents/reading/programs.py")
    readers = set()
    for package in ("chatsite", "accounts", "llms", "documents", "chats", "jobs"):
        for path in (PROJECT / package).rglob("*.py"):
            if re.search(
                r"os\.(getenv\(|environ\.get\(|environ\[\"[A-Z_]+\"\](?! =))", path.read_text(encoding="utf-8")
            ):
                readers.add(str(path.relative_to(PROJECT)))
    assert readers - allowed == set()
