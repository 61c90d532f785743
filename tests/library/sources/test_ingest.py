"""`manage.py ingest`: a folder into a library, as often as one likes."""

import os
from pathlib import Path

import pytest

from accounts.audit.models import AuditEvent
from accounts.models import User
from accounts.tenancy import acting_as
from documents import library
from documents.models import Collection, Document
from documents.sources import files, taking
from documents.sources.models import Source
from tests.library.conftest import text_file
from tests.library.sources.conftest import Command

pytestmark = pytest.mark.django_db

run = Command("ingest")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "papers"
    (root / "deep" / "deeper").mkdir(parents=True)
    (root / "a.txt").write_text("The first paper speaks of granite.")
    (root / "deep" / "b.txt").write_text("The second paper speaks of marble.")
    (root / "deep" / "deeper" / "c.txt").write_text("The third paper speaks of basalt.")
    return root


def names(user: User) -> list[str]:
    return sorted(document.name for document in Document.objects.filter(owner=user))


def test_a_folder_and_the_folders_in_it_are_taken_in_and_queued(folder: Path, owner: User, stranger: User) -> None:
    said = run(folder, owner)

    assert "3 added, 0 changed, 0 unchanged, 0 duplicates, 0 refused." in said
    assert names(owner) == ["a.txt", "b.txt", "c.txt"]
    assert set(Document.objects.values_list("status", flat=True)) == {Document.QUEUED}
    with acting_as(stranger):
        assert not Document.objects.exists()
        assert not Source.objects.exists()


def test_again_takes_only_what_is_new_or_changed(folder: Path, owner: User) -> None:
    run(folder, owner)
    (folder / "a.txt").write_text("The first paper speaks of slate by now.")
    (folder / "new.txt").write_text("A new paper.")

    assert "1 added, 1 changed, 2 unchanged, 0 duplicates" in run(folder, owner)

    changed = next(document for document in Document.objects.all() if document.name == "a.txt")
    assert changed.versions.count() == 2
    assert "0 added, 0 changed, 4 unchanged" in run(folder, owner)


def test_a_single_file_and_its_folder_later_are_the_same_file(folder: Path, owner: User) -> None:
    run(folder / "a.txt", owner)
    (folder / "a.txt").write_text("The first paper speaks of slate by now.")

    assert "2 added, 1 changed, 0 unchanged" in run(folder, owner)


def test_copies_are_counted_and_not_taken(folder: Path, owner: User) -> None:
    (folder / "z copy of a.txt").write_text((folder / "a.txt").read_text())

    assert "3 added, 0 changed, 0 unchanged, 1 duplicates" in run(folder, owner)
    assert "3 unchanged, 1 duplicates" in run(folder, owner)
    assert len(names(owner)) == 3


def test_a_file_that_was_moved_stays_the_same_document(folder: Path, owner: User) -> None:
    run(folder, owner)
    (folder / "a.txt").rename(folder / "deep" / "moved.txt")
    run(folder, owner)
    (folder / "deep" / "moved.txt").write_text("Moved, and then changed.")

    assert "0 added, 1 changed" in run(folder, owner)
    assert len(names(owner)) == 3


def test_what_was_uploaded_in_the_browser_is_known_again(folder: Path, owner: User) -> None:
    with acting_as(owner):
        library.add(owner, text_file("a.txt", (folder / "a.txt").read_bytes()))

    assert "2 added, 0 changed, 0 unchanged, 1 duplicates" in run(folder, owner)
    (folder / "a.txt").write_text("Changed.")
    assert "0 added, 1 changed, 2 unchanged" in run(folder, owner)


def test_everything_is_put_into_the_collection_also_what_was_there(folder: Path, owner: User) -> None:
    run(folder, owner)
    run(folder, owner, collection="Stones")
    run(folder, owner, collection="  stones ")

    collection = Collection.objects.get()
    assert (collection.name, collection.documents.count()) == ("Stones", 3)


def test_hidden_files_and_links_are_passed_over_and_counted(folder: Path, owner: User, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("Not in the folder.")
    (folder / ".env").write_text("KEY=1")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    (folder / "link.txt").symlink_to(secret)
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe")

    said = run(folder, owner)

    assert "3 added" in said
    assert "Passed over: 2 hidden, 2 links, 1 that are no files." in said


def test_a_link_put_in_the_place_of_a_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    found = files.find(folder, at_most=10)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.txt").write_text("Not in the folder.")
    (folder / "deep").rename(tmp_path / "was")
    (folder / "deep").symlink_to(elsewhere)

    with pytest.raises(files.NotThere), files.opened(folder / "deep" / "b.txt"):
        pass
    assert folder / "deep" / "b.txt" in found.files


def test_a_refused_file_costs_no_other_and_the_end_says_so(folder: Path, owner: User) -> None:
    (folder / "b empty.txt").write_bytes(b"")
    (folder / "program.exe").write_bytes(b"MZ" + bytes(100))

    said, code = run.fails(folder, owner)

    assert code == 3
    assert "3 added" in said
    assert "2 refused" in said
    assert "b empty.txt: This file is empty" in said
    assert AuditEvent.objects.filter(action="document.refused").count() == 2


def test_a_full_account_is_said(folder: Path, owner: User, monkeypatch) -> None:
    from accounts.limits import quotas

    def full(_user: User, size: int) -> None:
        raise quotas.QuotaReached("Your storage is full.")

    monkeypatch.setattr(quotas, "check_storage", full)
    said, code = run.fails(folder, owner)

    assert (code, "3 refused" in said, "raise the quota" in said) == (3, True, True)
    assert not Document.objects.exists()


def test_wrong_arguments_say_what_to_do_and_nothing_is_done(folder: Path, owner: User, tmp_path: Path) -> None:
    viewer = User.objects.create_user("viewer@example.org", role="viewer")
    empty = tmp_path / "empty"
    empty.mkdir()
    nobody = User(email="nobody@example.org")
    for said, words in (
        (run.fails(tmp_path / "none", owner), "does not exist"),
        (run.fails(empty, owner), "no file to take in"),
        (run.fails(folder, nobody), "no account with the address"),
        (run.fails(folder, viewer), "may not add documents"),
        (run.fails(folder, owner, most=2), "has more than 2 files"),
        (run.fails(folder, owner, most=0), "at least 1"),
        (run.fails(folder, owner, collection="x" * 81), "shorten it"),
    ):
        assert words in said[0]
        assert said[1] == 1
    assert not Document.objects.exists()


def test_two_runs_for_one_person_do_not_meet(folder: Path, owner: User, monkeypatch) -> None:
    monkeypatch.setattr(taking, "_locked", lambda _key: False)
    assert "at this moment" in run.fails(folder, owner)[0]


def test_a_killed_run_is_given_again(folder: Path, owner: User, monkeypatch) -> None:
    real = library.add

    def dies(user: User, file: object, **options: object) -> Document:
        if "b.txt" in str(file):
            raise KeyboardInterrupt
        return real(user, file, **options)

    monkeypatch.setattr(library, "add", dies)
    with pytest.raises(KeyboardInterrupt):
        run(folder, owner, collection="Stones")
    monkeypatch.undo()

    assert "2 added, 0 changed, 1 unchanged" in run(folder, owner, collection="Stones")
    assert Collection.objects.get().documents.count() == 3


class TestWaiting:
    def test_it_follows_the_reading_to_its_end(self, folder: Path, owner: User, monkeypatch) -> None:
        from documents.sources import waiting

        looks: list[int] = []

        def read_one(_seconds: float) -> None:
            document = Document.objects.filter(status=Document.QUEUED).order_by("pk").first()
            if document is not None:
                looks.append(1)
                last = Document.objects.filter(status=Document.QUEUED).count() == 1
                sealed = Document.sealed(document.pk, owner_id=owner.pk, error_text="It is damaged.")
                Document.objects.filter(pk=document.pk).update(status="failed" if last else "ready", **sealed)

        monkeypatch.setattr(waiting.time, "sleep", read_one)
        said, code = run.fails(folder, owner, wait=0.0)

        assert (len(looks), code) == (3, 3)
        assert "Read 2 of 3, 1 could not be read" in said
        assert "It is damaged." in said

    def test_it_waits_no_longer_than_it_is_told_to(self, folder: Path, owner: User) -> None:
        said, code = run.fails(folder, owner, wait=0.01)
        assert ("3 are still being read" in said, code) == (True, 3)
