"""Making a part of the library anew in the space that is searched, and what the administration sees of runs."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from documents import reindexing
from documents.models import Chunk, Collection, Document, Embedding, EmbeddingSpace, Posting, Reindexing
from documents.reindexing import renew
from documents.retrieval import search
from documents.runs import Part, Progress
from llms.errors import ServerUnreachable
from tests.retrieval.conftest import AddDocument

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def quiet(progress: Progress) -> None:
    pass


def forget_index(document: Document) -> None:
    """As if it had been indexed before the index knew any word."""
    Posting.objects.filter(version=document.current_version).delete()
    Embedding.objects.filter(version=document.current_version).delete()


def is_indexed(document: Document) -> bool:
    chunks = Chunk.objects.filter(version=document.current_version).count()
    vectors = Embedding.objects.filter(version=document.current_version).count()
    return vectors == chunks > 0 and Posting.objects.filter(version=document.current_version).exists()


@pytest.fixture
def documents(clean_after: None, owner: User, stranger: User, add: AddDocument) -> dict[str, Document]:
    made = {
        "mine": add(owner, "mine.txt", ["A granite wall."]),
        "filed": add(owner, "filed.txt", ["A marble stair.", "A marble floor."]),
        "theirs": add(stranger, "theirs.txt", ["A basalt column."]),
    }
    made["filed"].collection = Collection.objects.create(owner=owner, name="Stones")
    made["filed"].save()
    for document in made.values():
        forget_index(document)
    return made


def run(**options: object) -> str:
    out = StringIO()
    call_command("reindex", stdout=out, **options)
    return out.getvalue()


def test_only_one_person_s_documents_are_made_anew(documents: dict[str, Document], owner: User) -> None:
    said = run(owner=owner.email)

    assert "3 of 3 passages (100 %)" in said
    assert [is_indexed(documents[name]) for name in ("mine", "filed", "theirs")] == [True, True, False]
    assert search(user_id=owner.pk, query="marble stair").passages[0].document_id == documents["filed"].pk


def test_only_one_collection_s_documents_are_made_anew(documents: dict[str, Document], owner: User) -> None:
    run(owner=owner.email, collection="Stones")

    assert [is_indexed(documents[name]) for name in ("mine", "filed", "theirs")] == [False, True, False]


def test_a_collection_is_known_by_its_id_too(documents: dict[str, Document]) -> None:
    run(collection=str(Collection.objects.get().pk))

    assert [is_indexed(documents[name]) for name in ("mine", "filed", "theirs")] == [False, True, False]


def test_everybody_s_documents_are_made_anew(documents: dict[str, Document]) -> None:
    run(all=True)

    assert all(is_indexed(document) for document in documents.values())


def test_passages_keep_their_ids_and_nothing_is_doubled(documents: dict[str, Document]) -> None:
    before = list(Chunk.objects.order_by("pk").values_list("pk", "index", "version"))
    run(all=True)
    run(all=True)

    assert list(Chunk.objects.order_by("pk").values_list("pk", "index", "version")) == before
    assert Embedding.objects.count() == len(before)


def test_an_interrupted_run_goes_on_with_what_it_had_not_done(
    documents: dict[str, Document], owner: User, monkeypatch
) -> None:
    real, done = reindexing.index_again, []

    def dies_at_the_second(document_id: object) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(document_id)
        real(document_id)

    monkeypatch.setattr(reindexing, "index_again", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        renew(Part(owner.pk), report=quiet)
    begun = Reindexing.objects.get()
    assert begun.state == Reindexing.State.RUNNING

    monkeypatch.setattr(reindexing, "index_again", lambda pk: (done.append(pk), real(pk)))
    assert renew(Part(owner.pk), report=quiet) == 0

    assert sorted(done) == sorted([documents["mine"].pk, documents["filed"].pk])
    ended = Reindexing.objects.get()
    assert (ended.pk, ended.state, ended.starts, ended.done, ended.total) == (begun.pk, "done", 2, 3, 3)


def test_a_run_that_is_to_begin_afresh_and_one_of_long_ago_do_everything(
    documents: dict[str, Document], owner: User, monkeypatch
) -> None:
    monkeypatch.setattr(reindexing, "ROUNDS", 0)
    assert renew(Part(owner.pk), report=quiet) == 2
    Reindexing.objects.update(state="running", started_at=timezone.now() - timedelta(days=30))
    monkeypatch.undo()

    # All documents were indexed since: the run that is gone on with has nothing to do.
    renew(Part(owner.pk), report=quiet)
    assert not is_indexed(documents["mine"])
    Reindexing.objects.update(state="running")
    renew(Part(owner.pk), report=quiet, afresh=True)
    assert is_indexed(documents["mine"])
    forget_index(documents["mine"])
    Reindexing.objects.update(
        state="running", started_at=timezone.now() - timedelta(days=30), seen_at=timezone.now() - timedelta(days=8)
    )
    renew(Part(owner.pk), report=quiet)
    assert is_indexed(documents["mine"])


def test_a_model_that_is_away_costs_nothing_that_was_done(
    documents: dict[str, Document], owner: User, monkeypatch
) -> None:
    def away(_document_id: object) -> None:
        raise ServerUnreachable

    monkeypatch.setattr(reindexing, "index_again", away)
    with pytest.raises(CommandError, match="What was done so far is kept"):
        run(owner=owner.email)
    failed = Reindexing.objects.get()
    assert (failed.state, failed.error_code) == ("failed", ServerUnreachable.code)
    assert failed.ended_at is not None


def test_whoever_changes_a_document_all_the_time_is_told(
    documents: dict[str, Document], owner: User, monkeypatch
) -> None:
    monkeypatch.setattr(reindexing, "index_again", lambda _document_id: None)
    with pytest.raises(CommandError, match="2 of the documents were being changed all the time"):
        run(owner=owner.email)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"owner": "nobody@example.org"}, "no account with the address nobody@example.org"),
        ({"owner": "owner@example.org", "collection": "Woods"}, "has no collection “Woods”"),
        ({"collection": "Stones"}, "add --owner EMAIL"),
        ({"collection": "1a7b4b26-0a5e-4a43-a9a5-17f4a1a7b0de"}, "no collection with this id"),
        ({"owner": "owner@example.org", "all": True}, "leave out --all"),
        ({"owner": "owner@example.org", "model": "ollama/other"}, "give --model alone"),
        ({"afresh": True}, "add --owner, --collection or --all"),
    ],
)
def test_wrong_arguments_say_what_to_do(documents: dict[str, Document], options: dict[str, object], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(**options)
    assert not Reindexing.objects.exists()


def test_a_stranger_s_collection_is_not_the_owner_s(documents: dict[str, Document], stranger: User) -> None:
    with pytest.raises(CommandError, match="has no collection"):
        run(owner=stranger.email, collection="Stones")


class TestAdministration:
    address = "/admin/documents/embeddingspace/"

    @pytest.fixture
    def admin_client(self, admin_user: User) -> Client:
        client = Client()
        client.force_login(admin_user)
        return client

    def test_spaces_and_runs_are_shown_without_names(
        self, documents: dict[str, Document], owner: User, admin_client: Client
    ) -> None:
        run(owner=owner.email, collection="Stones")
        page = admin_client.get(self.address).content.decode()
        assert "builtin/wordllama" in page
        assert "2 of 4 (50 %)" in page
        assert "Exact scan" in page
        assert "A collection of owner@example.org" in page
        assert "Stones" not in page

    def test_a_killed_run_is_not_taken_for_one_that_is_alive(
        self, documents: dict[str, Document], admin_client: Client
    ) -> None:
        Reindexing.objects.create(kind="model", model="builtin/wordllama", done=1, total=4)
        page = admin_client.get(self.address).content.decode()
        assert "Interrupted" in page
        with reindexing._alone():
            page = admin_client.get(self.address).content.decode()
        assert "Interrupted" not in page
        assert "Running" in page

    def test_who_may_not_see_metadata_sees_nothing(self, clean_after: None, owner: User) -> None:
        client = Client()
        client.force_login(owner)
        assert client.get(self.address).status_code in {302, 403, 404}

    def test_the_cost_does_not_grow_with_the_runs(
        self, documents: dict[str, Document], owner: User, admin_client: Client
    ) -> None:
        admin_client.get(self.address)  # what is asked once for a process is known then
        counts = []
        for _ in range(2):
            Reindexing.objects.bulk_create(Reindexing(kind="model", model="m", owner=owner) for _ in range(5))
            with CaptureQueriesContext(connection) as queries:
                assert admin_client.get(self.address).status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]


def test_passages_of_a_replaced_version_get_no_vectors(
    documents: dict[str, Document], owner: User, add: AddDocument
) -> None:
    old = documents["mine"].current_version
    documents["mine"].current_version = None
    documents["mine"].save()
    newer = add(owner, "newer.txt", ["A newer wall."])
    version = newer.current_version
    type(version).objects.filter(pk=old.pk).update(document=newer, number=2)
    EmbeddingSpace.objects.update(model="ollama/older", dimension=3)
    Embedding.objects.all().delete()

    reindexing.reindex("builtin/wordllama", report=quiet, grace=0)

    assert not Embedding.objects.filter(version=old).exists()
    assert Embedding.objects.filter(version=version).count() == 1
