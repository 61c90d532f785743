"""Changing the embedding model: "builtin/wordllama" is the only one without a server, so the old space is made up."""

import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from documents import reindexing, spaces
from documents.index import NewPassage, active_space, write_passages
from documents.models import Chunk, Document, Embedding, EmbeddingSpace
from documents.reindexing import AlreadyRunning, Progress, reindex
from documents.retrieval import search
from documents.spaces import embed
from tests.retrieval.conftest import AddDocument, index, new_version

# Indexes are made by the role that owns the tables.
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

MODEL = "builtin/wordllama"
TEXTS = [f"Granite block number {n} stands in the harbour wall." for n in range(300)]


@pytest.fixture
def old_space(clean_after: None) -> EmbeddingSpace:
    """The active space is of a model that is gone, so that MODEL is another one."""
    return EmbeddingSpace.objects.create(model="ollama/older", dimension=3, state=EmbeddingSpace.State.ACTIVE)


@pytest.fixture
def library(owner: User, old_space: EmbeddingSpace) -> Document:
    document = Document.objects.create(owner=owner, name="wall.txt", status=Document.Status.READY)
    document.current_version = write_old(document, TEXTS, old_space)
    document.save()
    return document


def write_old(document: Document, texts: list[str], space: EmbeddingSpace):
    version = new_version(document)
    passages = [NewPassage(page, 0, text) for page, text in enumerate(texts, start=1)]
    write_passages(version, passages, [[1.0, 0.0, 0.0]] * len(texts), space=space)
    return version


def quiet(progress: Progress) -> None:
    pass


def vectors() -> dict[int, list[float]]:
    return dict(Embedding.objects.filter(space=active_space()).values_list("chunk_id", "vector"))


def assert_moved() -> None:
    space = EmbeddingSpace.objects.get()
    assert (space.model, space.dimension, space.state) == (MODEL, 256, EmbeddingSpace.State.ACTIVE)
    assert set(vectors()) == set(Chunk.objects.values_list("pk", flat=True))
    assert Embedding.objects.count() == Chunk.objects.count()


def test_every_passage_moves_and_the_old_space_goes(library: Document, old_space: EmbeddingSpace) -> None:
    reports: list[Progress] = []

    space = reindex(MODEL, report=reports.append, grace=0)

    assert_moved()
    assert space.pk != old_space.pk
    assert (reports[0], reports[-1]) == (Progress(0, 300), Progress(300, 300))
    first = Chunk.objects.order_by("pk").first()
    assert vectors()[first.pk] == pytest.approx(embed(space, [f"wall\n{TEXTS[0]}"])[0], abs=1e-3)


def test_doing_it_again_changes_nothing(library: Document) -> None:
    first = reindex(MODEL, report=quiet, grace=0)
    before = vectors()

    assert reindex(MODEL, report=quiet, grace=0) == first
    assert vectors() == before


def test_gaps_of_the_active_space_are_filled(library: Document) -> None:
    space = reindex(MODEL, report=quiet, grace=0)
    Embedding.objects.filter(chunk__index__lt=10).delete()

    assert reindex(MODEL, report=quiet, grace=0) == space
    assert_moved()


def test_an_empty_library_switches_too(old_space: EmbeddingSpace) -> None:
    reindex(MODEL, report=quiet, grace=0)

    assert active_space().model == MODEL


def test_an_earlier_version_of_a_document_stays_behind(library: Document, old_space: EmbeddingSpace) -> None:
    version = new_version(library, 2)
    write_passages(version, [NewPassage(1, 0, "Slate only.")], [[1.0, 0.0, 0.0]], space=old_space)
    library.current_version = version
    library.save()
    reports: list[Progress] = []
    reindex(MODEL, report=reports.append, grace=0)
    assert set(vectors()) == set(version.chunks.values_list("pk", flat=True))
    assert (reports[-1].done, reports[-1].total) == (1, 1)


def test_searching_and_uploading_go_on_meanwhile(library: Document, owner: User, old_space: EmbeddingSpace) -> None:
    late: list[Document] = []

    def meanwhile(progress: Progress) -> None:
        assert search(user_id=owner.pk, query="granite block").document_count >= 1
        if progress.done and not late:
            assert active_space() == old_space
            document = Document.objects.create(owner=owner, name="late.txt", status=Document.Status.READY)
            document.current_version = write_old(document, ["A late arrival of marble."], old_space)
            document.save()
            # A passage that has its new vector already gets another text.
            write_passages(
                library.current_version, [NewPassage(1, 0, "Only this is left.")], [[0.0, 1.0, 0.0]], space=old_space
            )
            late.append(document)

    reindex(MODEL, report=meanwhile, grace=0)

    assert_moved()
    left = library.current_version.chunks.get()
    assert vectors()[left.pk] == pytest.approx(embed(active_space(), ["wall\nOnly this is left."])[0], abs=1e-3)
    assert search(user_id=owner.pk, query="marble").passages[0].document_id == late[0].pk


def test_a_document_written_with_the_old_space_after_the_switch_lands_in_the_new(
    library: Document, owner: User, old_space: EmbeddingSpace
) -> None:
    reindex(MODEL, report=quiet, grace=0)
    document = Document.objects.create(owner=owner, name="late.txt")

    write_old(document, ["A late arrival of marble."], old_space)

    assert_moved()


def test_documents_that_never_stop_arriving_do_not_prevent_the_switch(
    library: Document, owner: User, old_space: EmbeddingSpace, monkeypatch
) -> None:
    monkeypatch.setattr(reindexing, "PATIENCE", 2)
    fill = reindexing._fill

    def fill_and_upload(space: EmbeddingSpace, report) -> None:
        fill(space, report)
        document = Document.objects.create(owner=owner, name="more.txt")
        document.current_version = write_old(document, ["One more."], old_space)
        document.save()

    monkeypatch.setattr(reindexing, "_fill", fill_and_upload)

    reindex(MODEL, report=quiet, grace=0)

    assert_moved()
    assert Document.objects.count() == 4


def test_a_space_begun_for_another_model_is_given_up(library: Document) -> None:
    begun = EmbeddingSpace.objects.create(model="ollama/never-finished", dimension=3)

    reindex(MODEL, report=quiet, grace=0)

    assert not EmbeddingSpace.objects.filter(pk=begun.pk).exists()
    assert_moved()


def test_a_large_space_has_its_index_before_it_is_searched(library: Document, owner: User, monkeypatch) -> None:
    from documents.retrieval import searching

    monkeypatch.setattr(spaces, "SLOW", 0.01)
    monkeypatch.setattr(searching, "_WADING", 0.0001)

    space = reindex(MODEL, report=quiet, grace=0)

    assert spaces.indexed_vectors(space) == 300
    assert search(user_id=owner.pk, query="granite block").trace["approximate"] is True


def test_only_one_runs_at_a_time(library: Document) -> None:
    import psycopg

    options = connection.get_connection_params()
    with psycopg.connect(**{key: options[key] for key in ("dbname", "user", "host") if options.get(key)}) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [reindexing._LOCK])

        with pytest.raises(AlreadyRunning):
            reindex(MODEL, report=quiet, grace=0)
        with pytest.raises(CommandError, match="Another reindex"):
            call_command("reindex", model=MODEL)


def test_the_command_shows_progress(library: Document, monkeypatch) -> None:
    monkeypatch.setattr(reindexing, "GRACE", 0)
    out = StringIO()

    call_command("reindex", model=MODEL, stdout=out)

    assert "0 of 300 passages (0 %)" in out.getvalue()
    assert "300 of 300 passages (100 %)" in out.getvalue()
    assert "builtin/wordllama (256)" in out.getvalue()


def test_an_unknown_model_is_refused_in_plain_words_and_nothing_changes(
    library: Document, old_space: EmbeddingSpace
) -> None:
    with pytest.raises(CommandError, match="not known"):
        call_command("reindex", model="nonsense")

    assert EmbeddingSpace.objects.get() == old_space


SLOWLY = """
import django, time
django.setup()
from documents import reindexing
embed = reindexing.embed
def slowly(space, texts):
    time.sleep(0.2)
    return embed(space, texts)
reindexing.embed, reindexing.BATCH = slowly, 20
reindexing.reindex("builtin/wordllama", report=lambda progress: print(progress.done, flush=True))
"""


def test_a_killed_run_goes_on_where_it_stopped(library: Document, owner: User, old_space: EmbeddingSpace) -> None:
    options = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{options['USER']}@/{options['NAME']}?host={options['HOST']}",
        "DJANGO_SETTINGS_MODULE": "chatsite.settings",
    }
    running = subprocess.Popen(
        [sys.executable, "-c", SLOWLY],
        env=environment,
        cwd=Path(django_settings.BASE_DIR),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout
        for line in running.stdout:
            if int(line) >= 60:
                break
        running.send_signal(signal.SIGKILL)
    finally:
        running.kill()
        running.wait()
    begun = EmbeddingSpace.objects.get(model=MODEL)
    kept = dict(begun.embeddings.values_list("chunk_id", "vector"))
    assert begun.state == EmbeddingSpace.State.BUILDING
    assert 60 <= len(kept) < 300
    assert active_space() == old_space
    assert search(user_id=owner.pk, query="granite block 7").passages

    _until_lock_is_free()
    reports: list[Progress] = []
    space = reindex(MODEL, report=reports.append, grace=0)

    assert space == begun
    assert reports[0].done == len(kept)
    assert_moved()
    assert {chunk: vectors()[chunk] for chunk in kept} == kept


def _until_lock_is_free() -> None:
    """The server notices a killed client when it next writes to it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", [reindexing._LOCK]
            )
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.05)
    raise AssertionError("The killed process still holds its lock.")


def test_a_run_killed_after_the_switch_is_tidied_up_by_the_next(library: Document, owner: User) -> None:
    reindex(MODEL, report=quiet, grace=0)
    retired = EmbeddingSpace.objects.create(model="ollama/older", dimension=3, state=EmbeddingSpace.State.RETIRED)
    Embedding.objects.bulk_create(
        Embedding(space=retired, chunk=chunk, version=chunk.version, vector=[1.0, 0.0, 0.0])
        for chunk in Chunk.objects.select_related("version")[:50]
    )

    reindex(MODEL, report=quiet, grace=0)

    assert_moved()


def test_a_new_upload_uses_the_new_space(library: Document, owner: User, add: AddDocument) -> None:
    space = reindex(MODEL, report=quiet, grace=0)

    document = add(owner, "new.txt", ["Basalt columns."])
    index(document.current_version, ["Basalt columns."])

    assert set(document.current_version.embeddings.values_list("space", flat=True)) == {space.pk}
