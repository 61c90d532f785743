import hashlib
import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import InMemoryStorage, Storage

from accounts.encryption import keys
from accounts.encryption.errors import Forged
from documents import blobs
from documents.errors import TooLarge
from tests.library.conftest import files_on_disk

OWNER = uuid.uuid4()


class Breaking(File):
    """A file whose source breaks after its first part."""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"the first part"
        raise ConnectionError


def test_what_is_stored_can_be_read_and_is_described() -> None:
    content = b"0123456789" * 100_000
    blob = blobs.store(ContentFile(content), owner_id=OWNER)
    with blobs.open_blob(blob.key, owner_id=OWNER) as file:
        assert file.read() == content
    assert blob.size == len(content)


def test_nothing_of_a_file_lies_on_disk_in_plain() -> None:
    before = files_on_disk()
    blobs.store(ContentFile(b"a recognisable sentence. " * 10_000), owner_id=OWNER)
    (path,) = files_on_disk() - before
    assert b"recognisable" not in path.read_bytes()


def test_equal_files_of_one_person_have_one_fingerprint_which_others_cannot_compute() -> None:
    first, second = (blobs.store(ContentFile(b"same"), owner_id=OWNER) for _ in range(2))
    others = blobs.store(ContentFile(b"same"), owner_id=uuid.uuid4())
    assert first.fingerprint == second.fingerprint
    assert len({first.fingerprint, others.fingerprint, hashlib.sha256(b"same").hexdigest()}) == 3


def test_a_file_belongs_to_its_owner_and_its_key() -> None:
    first, second = (blobs.store(ContentFile(content), owner_id=OWNER) for content in (b"first", b"second"))
    stranger = uuid.uuid4()
    keys.data_key(stranger)
    with pytest.raises(Forged):
        blobs.open_blob(first.key, owner_id=stranger)
    root = Path(settings.STORAGES["default"]["OPTIONS"]["location"])
    (root / first.key).write_bytes((root / second.key).read_bytes())
    with pytest.raises(Forged):
        blobs.open_blob(first.key, owner_id=OWNER)


def test_a_copy_in_memory_can_be_read_by_others_and_changed_by_nobody() -> None:
    blob = blobs.store(ContentFile(b"fixed"), owner_id=OWNER)
    with blobs.in_memory(blob.key, owner_id=OWNER) as path:
        assert path.read_bytes() == b"fixed"
        with pytest.raises(PermissionError), path.open("r+b", buffering=0) as file:
            file.write(b"x")


def test_a_plain_binary_file_can_be_stored_too() -> None:
    blob = blobs.store(io.BytesIO(b"plain"), owner_id=OWNER)
    with blobs.in_memory(blob.key, owner_id=OWNER) as path:
        assert path.read_bytes() == b"plain"


def test_a_key_holds_nothing_of_the_name_and_differs_each_time() -> None:
    first = blobs.store(ContentFile(b"same", name="../../secret-plans.pdf"), owner_id=OWNER)
    second = blobs.store(ContentFile(b"same", name="../../secret-plans.pdf"), owner_id=OWNER)
    assert first.key != second.key
    assert "secret" not in first.key
    assert ".." not in first.key


def test_a_file_is_readable_by_its_owner_only() -> None:
    before = files_on_disk()
    blobs.store(ContentFile(b"private"), owner_id=OWNER)
    (path,) = files_on_disk() - before
    assert path.stat().st_mode & 0o077 == 0


def test_a_source_that_breaks_leaves_nothing_behind() -> None:
    before = files_on_disk()
    with pytest.raises(ConnectionError):
        blobs.store(Breaking(io.BytesIO()), owner_id=OWNER)
    assert files_on_disk() == before


def test_a_file_over_the_limit_is_stopped_and_leaves_nothing_behind() -> None:
    before = files_on_disk()
    with pytest.raises(TooLarge):
        blobs.store(ContentFile(b"x" * 11), owner_id=OWNER, at_most=10)
    assert files_on_disk() == before
    assert blobs.store(ContentFile(b"x" * 10), owner_id=OWNER, at_most=10).size == 10


def test_nothing_is_seen_under_its_key_before_it_is_whole() -> None:
    seen_while_writing: list[Path] = []
    before = files_on_disk()

    class Watching(File):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            yield b"half"
            seen_while_writing.extend(files_on_disk() - before)
            yield b"whole"

    blob = blobs.store(Watching(io.BytesIO()), owner_id=OWNER)
    assert [path.parent.name for path in seen_while_writing] == [".incoming"]
    (path,) = files_on_disk() - before
    assert str(path).endswith(blob.key)


def test_deleting_twice_is_no_error() -> None:
    blob = blobs.store(ContentFile(b"gone"), owner_id=OWNER)
    blobs.delete(blob.key)
    blobs.delete(blob.key)
    with pytest.raises(FileNotFoundError):
        blobs.open_blob(blob.key, owner_id=OWNER)
    with pytest.raises(FileNotFoundError), blobs.in_memory(blob.key, owner_id=OWNER):
        pass


def test_a_folder_of_derived_blobs_goes_as_one() -> None:
    blobs.put("pages/ab/abc/1.png", b"one", owner_id=OWNER)
    blobs.put("pages/ab/abc/2.png", b"two", owner_id=OWNER)
    blobs.put("pages/ab/other/1.png", b"kept", owner_id=OWNER)
    blobs.delete_folder("pages/ab/abc")
    blobs.delete_folder("pages/ab/abc")
    with pytest.raises(FileNotFoundError):
        blobs.open_blob("pages/ab/abc/1.png", owner_id=OWNER)
    with blobs.open_blob("pages/ab/other/1.png", owner_id=OWNER) as file:
        assert file.read() == b"kept"


def test_a_storage_elsewhere_works_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Remote(Storage):
        """Like S3: it opens, saves and deletes, and has no paths."""

        def __init__(self) -> None:
            self.inner = InMemoryStorage()
            self._open, self._save, self.delete = self.inner._open, self.inner._save, self.inner.delete
            self.exists = self.inner.exists

    monkeypatch.setattr(blobs, "default_storage", Remote())
    blob = blobs.store(ContentFile(b"far away"), owner_id=OWNER)
    with blobs.in_memory(blob.key, owner_id=OWNER) as path:
        assert path.read_bytes() == b"far away"
    blobs.delete(blob.key)
    with pytest.raises(FileNotFoundError):
        blobs.open_blob(blob.key, owner_id=OWNER)
