"""kill -9 at any moment of an ingestion leaves what an ingestion without it leaves: bench/kills.py, in small."""

import random
import time
from datetime import timedelta
from functools import partial

import pytest
from django.core.files.base import ContentFile
from django.db.models.functions import Now

from accounts.models import User
from bench import indexed, mixed
from documents import library, tasks
from documents.ingestion import ingest_next
from documents.models import Document
from documents.retrieval import search
from tests.files import samples
from tests.ingestion.test_recovery import kill, worker
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = 3


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.ingest_document, "delay", lambda _id: None)


def take_in(owner: User) -> None:
    """One file of every kind, through the library's own door."""
    files = mixed.files(len(mixed.KINDS), seed=3)
    uploads = library.upload(owner, [_file(name, content) for name, content in files.items()])
    assert uploads.refusals == []


def _file(name: str, content: bytes) -> "ContentFile[bytes]":
    return ContentFile(content, name)


def _is_begun(document: Document) -> bool:
    return not Document.objects.filter(pk=document.pk, status=Document.Status.QUEUED).exists()


def test_nothing_is_lost_doubled_or_orphaned_and_searches_go_on(someone: User) -> None:
    calm = User.objects.create_user("calm@example.org", role="user")
    take_in(calm)
    while ingest_next():
        pass
    take_in(someone)
    chance = random.Random(1)
    for _ in range(KILLS):
        document = chance.choice(list(Document.objects.filter(owner=someone, status=Document.Status.QUEUED)))
        with worker(document) as process:
            until(partial(_is_begun, document))
            time.sleep(chance.uniform(0, 0.4))
            kill(process)
        found = search(user_id=calm.pk, query=samples.fact(7))
        assert any(samples.fact(7) in " ".join(passage.text.split()) for passage in found.passages)
        # As fifteen seconds later.
        Document.objects.filter(lease_until__isnull=False).update(lease_until=Now() - timedelta(seconds=1))
    while ingest_next():
        pass
    assert indexed.digests(someone) == indexed.digests(calm)
    assert set(Document.objects.values_list("status", flat=True)) == {Document.Status.READY}
    assert indexed.forbidden() == []
