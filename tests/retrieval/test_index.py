import pytest
from django.db import connection

from accounts.models import User
from documents.index import NewPassage, active_space, searchable_text, write_passages
from documents.models import Chunk, Document, DocumentVersion, Embedding, EmbeddingSpace, Posting
from documents.spaces import embed
from tests.retrieval.conftest import AddDocument, index, new_version

TEXTS = ["The harbour was built of granite.", "Ships unload timber and salt.", "The lighthouse keeper retired."]


def rows(version: DocumentVersion) -> tuple[list, list, list]:
    chunks = [
        (chunk.pk, chunk.index, chunk.page, chunk.start, chunk.content, chunk.heading, chunk.boxes, chunk.length)
        for chunk in version.chunks.order_by("pk")
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM documents_posting WHERE version_id = %s ORDER BY term", [version.pk])
        postings = cursor.fetchall()
        cursor.execute("SELECT * FROM documents_embedding WHERE version_id = %s ORDER BY chunk_id", [version.pk])
        return chunks, postings, cursor.fetchall()


def test_writing_twice_leaves_the_same_rows(owner: User, add: AddDocument) -> None:
    version = add(owner, "port.txt", TEXTS).current_version
    before = rows(version)
    assert [len(kind) for kind in before] == [3, len({row[0] for row in before[1]}), 3]

    index(version, TEXTS)

    assert rows(version) == before


def test_fewer_passages_replace_more(owner: User, add: AddDocument) -> None:
    version = add(owner, "port.txt", TEXTS).current_version

    index(version, TEXTS[:1])

    assert [chunk.content for chunk in version.chunks.all()] == TEXTS[:1]
    assert version.embeddings.count() == 1
    assert {number >> 24 for posting in version.postings.all() for number in posting.passages} == {
        version.chunks.get().pk
    }


def test_nothing_can_replace_something(owner: User, add: AddDocument) -> None:
    version = add(owner, "port.txt", TEXTS).current_version

    write_passages(version, [], [], space=active_space())

    version.refresh_from_db()
    assert (version.chunks.count(), version.postings.count(), version.embeddings.count()) == (0, 0, 0)
    assert (version.passage_count, version.term_count) == (0, 0)


def test_the_version_knows_its_counts_and_language(owner: User, add: AddDocument) -> None:
    version = add(owner, "hafen.txt", ["Der Hafen ist aus Granit gebaut und sehr alt.", "Die Schiffe bringen Holz."])

    version = version.current_version
    version.refresh_from_db()
    assert version.passage_count == 2
    assert version.term_count == sum(version.chunks.values_list("length", flat=True))
    assert version.language == "german"
    assert version.indexed_at is not None


def test_passages_keep_what_citations_need(owner: User, add: AddDocument) -> None:
    version = add(owner, "port.txt", TEXTS, headings=["Port > Walls", "", ""]).current_version

    first = version.chunks.get(index=0)
    assert (first.page, first.start, first.content, first.heading) == (1, 0, TEXTS[0], "Port > Walls")
    assert first.boxes == [[1, 1.0, 2.0, 3.0, 4.0]]


def test_deleting_a_document_deletes_everything_about_it(owner: User, add: AddDocument) -> None:
    document = add(owner, "port.txt", TEXTS)
    kept = add(owner, "other.txt", TEXTS)

    document.delete()

    for model in (Chunk, Posting, Embedding):
        assert set(model.objects.values_list("version_id", flat=True)) == {kept.current_version_id}


def test_text_that_postgresql_cannot_store_is_cleaned(owner: User, add: AddDocument) -> None:
    version = add(owner, "odd.txt", ["before\x00after \ud800 end"]).current_version

    assert version.chunks.get().content == "beforeafter ? end"


def test_a_vector_of_another_size_is_refused_and_nothing_is_written(owner: User) -> None:
    version = new_version(Document.objects.create(owner=owner, name="a.txt"))

    with pytest.raises(ValueError, match="256"):
        write_passages(version, [NewPassage(1, 0, "text")], [[1.0, 0.0]], space=active_space())

    assert Chunk.objects.count() == 0


def test_passages_without_vectors_are_refused(owner: User) -> None:
    version = new_version(Document.objects.create(owner=owner, name="a.txt"))

    with pytest.raises(ValueError, match="1 passages"):
        write_passages(version, [NewPassage(1, 0, "text")], [], space=active_space())


def test_vectors_for_a_space_that_was_replaced_are_made_again(owner: User) -> None:
    version = new_version(Document.objects.create(owner=owner, name="a.txt"))
    old = EmbeddingSpace.objects.create(model="gone", dimension=2, state=EmbeddingSpace.State.RETIRED)

    write_passages(version, [NewPassage(1, 0, "Ships unload timber.")], [[1.0, 0.0]], space=old)

    embedding = Embedding.objects.get()
    assert embedding.space == active_space()
    expected = embed(active_space(), [searchable_text("a.txt", "", "Ships unload timber.")])[0]
    assert embedding.vector == pytest.approx(expected, abs=1e-3)


def test_the_active_space_is_made_once(db: None) -> None:
    assert active_space() == active_space()
    assert EmbeddingSpace.objects.count() == 1
    assert (active_space().model, active_space().dimension) == ("builtin/wordllama", 256)


def test_the_name_is_searched_without_its_extension() -> None:
    assert searchable_text("3M_2018_10K.pdf", "Notes", "Text") == "3M_2018_10K\nNotes\nText"
    assert searchable_text("Q3 vs. Q4 results", "", "Text") == "Q3 vs. Q4 results\nText"


def test_no_word_stands_in_the_index(owner: User, add: AddDocument) -> None:
    version = add(owner, "port.txt", TEXTS).current_version

    assert {type(posting.term) for posting in version.postings.all()} == {int}
    with connection.cursor() as cursor:
        cursor.execute("SELECT documents_posting::text FROM documents_posting")
        text = " ".join(row[0] for row in cursor.fetchall())
    assert "granit" not in text
