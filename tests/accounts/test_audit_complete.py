"""Whatever the product records, some test has seen: found in the source, and none of it listed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.audit import Action

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ("accounts", "chats", "chatsite", "documents", "jobs", "llms")

# Nothing records these, and why they are there.
WITHOUT_A_VERB = {
    "KEY_CREATED": "keys for programs",
    "KEY_USED": "the same",
    "KEY_REFUSED": "the same",
    "KEY_REVOKED": "the same",
    "CONFIGURED": "settings come from the environment",
    "MODEL_CHANGED": "the same",
}


def named(path: Path, *, written: bool) -> Iterator[str]:
    """Members of Action that a file names. `written=False`: without those that it only hands to `record`."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    calls = [node for node in nodes if isinstance(node, ast.Call) and _last(node.func) in {"record", "values"}]
    recorded = set() if written else {id(argument) for call in calls for argument in call.args}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in Action.__members__ and _last(node.value) == "Action":
            if id(node) not in recorded:
                yield node.attr
        elif isinstance(node, ast.Constant) and node.value in Action.values:
            yield Action(node.value).name


def _last(node: ast.expr) -> str:
    """Of `audit.Action` it is "Action"."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def members(*folders: str, written: bool) -> set[str]:
    found = set[str]()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            if path != Path(__file__).resolve() and path.parts[-2:] != ("audit", "actions.py"):
                found.update(named(path, written=written))
    return found


@pytest.fixture(scope="module")
def emitted() -> set[str]:
    return members(*SOURCE, written=True)


def test_what_the_source_records_was_found(emitted: set[str]) -> None:
    assert {"SIGNED_IN", "DOCUMENT_TAGGED", "FOLDER_CREATED", "AUDIT_PRUNED"} <= emitted


def test_every_action_is_recorded_somewhere(emitted: set[str]) -> None:
    assert set(Action.__members__) - emitted == set(WITHOUT_A_VERB)


def test_some_test_sees_each(emitted: set[str]) -> None:
    unseen = emitted - members("tests", written=False)
    assert not unseen, f"No test looks for these in the audit log: {', '.join(sorted(unseen))}"


def test_a_test_that_only_records_sees_nothing(tmp_path: Path) -> None:
    path = tmp_path / "test_it.py"
    path.write_text("audit.record(audit.Action.SIGNED_IN)\nthe(Action.SIGNED_OUT)\n'session.revoked'\n")
    assert set(named(path, written=False)) == {"SIGNED_OUT", "SESSION_REVOKED"}
