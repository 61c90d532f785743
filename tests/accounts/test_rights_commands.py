"""What an operator can do for somebody at the command line."""

import io
import json
import stat
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.audit.models import AuditEvent
from accounts.models import User
from accounts.rights.models import DataRequest, LegalHold
from tests.accounts.test_exporting import archives, person

__all__ = ["person"]


def run(name: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def test_a_copy_goes_to_a_file_that_only_the_operator_reads(person: User, tmp_path: Path) -> None:
    target, before = tmp_path / "copy.zip", archives()
    assert "in plain" in run("export_account", person.email, "--to", str(target))
    with zipfile.ZipFile(target) as packed:
        assert json.loads(packed.read("account/profile.json"))["email"] == person.email
        assert packed.read("documents/one.txt") == b"one copper kettle"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert archives() == before
    told = list(AuditEvent.objects.filter(action__startswith="data.export").order_by("id"))
    assert [event.action for event in told] == [
        "data.export_requested",
        "data.export_made",
        "data.export_downloaded",
        "data.export_deleted",
    ]
    assert told[0].resource_id == told[2].resource_id == str(person.pk)


def test_nothing_is_written_over(person: User, tmp_path: Path) -> None:
    target = tmp_path / "copy.zip"
    target.write_text("mine")
    with pytest.raises(CommandError, match="Nothing was exported"):
        run("export_account", person.email, "--to", str(target))
    assert target.read_text() == "mine"
    assert not DataRequest.objects.exists()


def test_an_account_is_deleted(person: User, admin_user: User) -> None:
    assert "is deleted" in run("erase_account", person.email, "--no-input")
    assert not User.objects.filter(pk=person.pk).exists()
    asked = AuditEvent.objects.get(action="data.erasure_requested")
    assert (asked.user_id, asked.resource_id) == (None, str(person.pk))
    assert AuditEvent.objects.filter(action="data.erased", resource_id=str(person.pk)).exists()


def test_it_asks_first(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _words: "yes")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run("erase_account", person.email)
    assert User.objects.filter(pk=person.pk, is_active=True).exists()


def test_not_under_a_legal_hold_nor_the_last_super_admin_nor_nobody(person: User, admin_user: User) -> None:
    LegalHold.objects.create(user=person, reason="file 7")
    for email, words in (
        (person.email, "legal hold"),
        (admin_user.email, "last super admin"),
        ("nobody@example.org", "no account"),
    ):
        with pytest.raises(CommandError, match=words):
            run("erase_account", email, "--no-input")
    assert User.objects.filter(is_active=True).count() == 2
