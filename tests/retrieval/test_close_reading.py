"""The second look: whether a question's words stand together in one sentence, in its order, with its meaning."""

import uuid

import pytest

from accounts.models import User
from documents.retrieval import search
from documents.retrieval.close_reading import Question, Read, read_closely
from documents.retrieval.statement import Ranked, Rarity
from documents.spaces import active_space
from documents.terms import query_terms, query_words
from llms.embeddings import embed_query
from tests.retrieval.conftest import AddDocument

KEY = b"k" * 32
OWNER = uuid.UUID(int=7)


def row(content: str, *, number: int = 1, name: str = "a.txt", heading: str = "", rank: float = 0.5) -> Ranked:
    return Ranked(
        owner_id=OWNER,
        chunk_id=number,
        version_id=uuid.uuid4(),
        document_id=uuid.uuid4(),
        document_name=name,
        index=0,
        page=1,
        heading=heading,
        content=content,
        boxes=[],
        language="english",
        keyword=1.0,
        similarity=0.5,
        document_score=0.0,
        rank_score=rank,
        rarities={},
    )


def question(text: str, *, nowhere: str = "") -> Question:
    """Every word as rare as the others; those of `nowhere` stand in no passage."""
    words = query_words(text, ["english"], KEY)
    missing = query_terms(query_words(nowhere, ["english"], KEY)) if nowhere else {}
    return Question.of(words, {term: Rarity(1.0, 0 if term in missing else 3) for term in query_terms(words)})


def read(text: str, *rows: Ranked, vector: list[float] | None = None) -> list[Read]:
    space = active_space()
    return read_closely(rows, question(text), vector, space, {OWNER: KEY})


pytestmark = pytest.mark.django_db


def test_words_in_one_sentence_come_before_words_scattered_over_a_passage() -> None:
    scattered = row("The quay is old. Salt is dear. Timber is wet.", number=1)
    together = row("Timber lies beside salt on the quay. Nothing else is there.", number=2)

    first, second = read("timber salt quay", scattered, together)

    assert (first.row.chunk_id, first.reading.together) == (2, 1.0)
    assert (second.row.chunk_id, second.reading.together) == (1, pytest.approx(1 / 3))


def test_words_in_the_order_of_the_question_come_before_others() -> None:
    turned = row("Gates stand here, iron was sold.", number=1)
    ordered = row("The gates stand here, of iron; iron gates rust.", number=2)

    first, second = read("iron gates", turned, ordered)

    assert (first.row.chunk_id, first.reading.in_order) == (2, 1.0)
    assert second.reading.in_order == 0.0


def test_what_the_documents_name_and_the_headings_say_need_not_be_said_again() -> None:
    [found] = read(
        "payable of Boeing in the balance sheet", row("Payable: 12", name="Boeing.pdf", heading="Balance sheet")
    )

    assert found.reading.together == 1.0


def test_the_nearest_sentence_counts_for_its_meaning() -> None:
    vector = embed_query(active_space().model, "When do the bakers begin?")
    stray = row("The ship leaves. The quay is old. Rain fell.", number=1)
    near = row("The ship leaves. Bakers start their work at four in the morning. Rain fell.", number=2)

    first, second = read("begin", stray, near, vector=vector)

    assert first.row.chunk_id == 2
    assert first.reading.meaning > second.reading.meaning > 0


def test_without_a_vector_words_alone_are_read() -> None:
    [found] = read("timber", row("Timber is wet."))

    assert (found.reading.together, found.reading.meaning) == (1.0, 0.0)


def test_a_word_counts_once_however_many_languages_the_library_has() -> None:
    words = query_words("running", ["english", "german"], KEY)
    several = Question.of(
        words, {term: Rarity(5.0, 0) for term in query_terms(words)} | {words[0].terms[0]: Rarity(2.0, 4)}
    )

    assert len(words[0].terms) == 2
    assert several.weight == 2.0


def test_a_part_of_a_word_that_stands_nowhere_is_no_loss() -> None:
    whole = question("revenue in FY2018")
    without = question("revenue in FY2018", nowhere="fy2018 fy")

    assert whole.weight == 4.0
    assert without.weight == 2.0


@pytest.mark.parametrize("content", ["", "   \n\n ", "…", "。。", "no end of a sentence " * 500])
def test_no_passage_breaks_the_reading(content: str) -> None:
    [found] = read("timber salt", row(content), vector=embed_query(active_space().model, "timber"))

    assert 0 <= found.reading.together <= 1
    assert 0 <= found.reading.meaning <= 1


def test_the_trace_tells_what_was_seen(owner: User, add: AddDocument) -> None:
    add(owner, "port.txt", ["Timber lies beside salt on the quay.", "Bread is baked at four."])

    trace = search(user_id=owner.pk, query="salt on the quay").trace

    assert trace["passages"][0]["together"] == 1.0
    assert trace["passages"][0]["meaning"] > trace["passages"][1]["meaning"]
    assert set(trace["milliseconds"]) == {"embedding", "searching", "reading"}
