"""Files without a row go, after a day; nothing else does."""

import io
import os
import time
import uuid

from django.core.files.storage import default_storage

from documents import blobs, page_images, tasks
from documents.models import Document
from tests.library.conftest import MakeDocument


def aged(key: str) -> str:
    long_ago = time.time() - 25 * 3600
    os.utime(default_storage.path(key), (long_ago, long_ago))
    return key


def orphan() -> str:
    return blobs.store(io.BytesIO(b"Nobody's."), owner_id=uuid.uuid4()).key


def picture(version: uuid.UUID) -> str:
    key = f"{page_images._folder(version)}/1-1.png"
    blobs.put(key, b"PNG", owner_id=uuid.uuid4())
    return aged(key)


def test_only_old_files_without_a_row_go(make_document: MakeDocument) -> None:
    version = make_document().current_version
    kept = [aged(version.blob), picture(version.pk), orphan()]
    blobs.put(".incoming/" + "a" * 32, b"half", owner_id=uuid.uuid4())
    gone = [aged(orphan()), picture(uuid.uuid4()), aged(".incoming/" + "a" * 32)]
    tasks.sweep_blobs()
    assert [default_storage.exists(key) for key in kept] == [True] * 3
    assert [default_storage.exists(key) for key in gone] == [False] * 3


def test_a_database_without_documents_costs_no_file(db: None) -> None:
    key = aged(orphan())
    assert not Document.objects.exists()
    tasks.sweep_blobs()
    assert default_storage.exists(key)
