import json
import math
from collections import Counter

import pytest
from django.db import connection
from django.db.models import F

from accounts.encryption import keys
from accounts.models import User
from documents.index import NewPassage, write_passages
from documents.models import Chunk, Document, EmbeddingSpace
from documents.retrieval import search
from documents.retrieval.scope import visible_scope
from documents.retrieval.searching import plan_for, ranked
from documents.retrieval.statement import DOCUMENT_WEIGHT, K1, VECTOR_WEIGHT, B, Weights
from documents.spaces import active_space, embed
from documents.terms import passage_terms, query_terms, query_words
from tests.retrieval.conftest import AddDocument, index, new_version

PORT = [
    "The harbour was built of granite in 1871, and its walls have stood since.",
    "Ships unload timber, salt and granite at the northern quay of the harbour.",
    "The lighthouse keeper retired to a cottage by the sea.",
    "Salt is stored in a granite house. Salt keeps. Salt sells.",
]
BAKERY = [
    "Bread is baked at four in the morning from rye and wheat.",
    "The oven was built of brick and heated with timber.",
    "Butter, sugar and salt go into the dough last.",
]


def rows(user: User, query: str, *, limit: int = 100, **weights: float):
    scope = visible_scope(user.pk)
    space = active_space()
    vector = embed(space, [query])[0]
    terms = query_terms(query_words(query, scope.languages, keys.of(user.pk).terms))
    return ranked(scope, plan_for(scope, space), terms, vector, limit=limit, weights=Weights(**weights))


def plain_bm25(user: User, query: str) -> dict[int, float]:
    """BM25 as the textbook has it, over the passages of the user's current versions."""
    passages = {}
    for chunk in Chunk.objects.filter(version__document__owner=user, version=F("version__document__current_version")):
        name = chunk.version.document.name.rpartition(".")[0]
        text = f"{chunk.content}\n{name}\n{name}\n{name}"
        passages[chunk.pk] = passage_terms(text, chunk.version.language, keys.of(user.pk).terms).frequencies
    count = len(passages)
    average = sum(sum(terms.values()) for terms in passages.values()) / count
    found = Counter(term for terms in passages.values() for term in terms)
    languages = sorted({chunk.version.language for chunk in Chunk.objects.filter(pk__in=passages)})
    scores = {}
    for pk, terms in passages.items():
        length = sum(terms.values())
        scores[pk] = sum(
            weight
            * math.log(1 + (count - found[term] + 0.5) / (found[term] + 0.5))
            * terms[term]
            * (K1 + 1)
            / (terms[term] + K1 * (1 - B + B * length / average))
            for term, weight in query_terms(query_words(query, languages, keys.of(user.pk).terms)).items()
            if term in terms
        )
    return scores


@pytest.mark.parametrize(
    "query",
    [
        "granite salt",
        "harbour",
        "Please answer with 1871s salt",
        "salt timber oven zebra",
        "Where was the lighthouse?",
        "the",
        "1871 bakery",
    ],
)
def test_keyword_scores_are_exactly_bm25(owner: User, stranger: User, add: AddDocument, query: str) -> None:
    add(owner, "port.txt", PORT)
    add(owner, "bakery.pdf", BAKERY)
    add(stranger, "port.txt", PORT * 3)

    expected = plain_bm25(owner, query)

    found = {row.chunk_id: row.keyword for row in rows(owner, query)}
    assert set(found) == set(expected)
    for pk, score in expected.items():
        assert found[pk] == pytest.approx(score, abs=1e-6)


def test_what_is_near_and_has_few_of_the_words_is_scored_by_them_all_the_same(
    owner: User, add: AddDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of both sides only the best three are candidates: by words those that repeat one, by meaning others."""
    monkeypatch.setattr("documents.retrieval.statement.CANDIDATES", 3)
    for number in range(9):
        add(owner, f"list {number}.txt", ["harbour " * (12 - number) + f"item {number} of a list"])
    lamp = "The keeper of the lighthouse looked after the lamp at night"
    for number in range(3):
        add(
            owner,
            f"light {number}.txt",
            [f"{lamp}, {number} years. The harbour was far away, behind the hills and moors."],
        )
    scope, space = visible_scope(owner.pk), active_space()
    terms = query_terms(query_words("harbour", scope.languages, keys.of(owner.pk).terms))

    found = ranked(scope, plan_for(scope, space), terms, embed(space, [lamp])[0], limit=100)

    expected = plain_bm25(owner, "harbour")
    by_words = sorted(expected, key=lambda pk: (-expected[pk], pk))[:3]
    near = [row for row in found if row.document_name.startswith("light")]
    assert len(near) == 3
    assert {row.chunk_id for row in found} == {*by_words, *(row.chunk_id for row in near)}
    assert not {*by_words} & {row.chunk_id for row in near}
    for row in found:
        assert row.keyword == pytest.approx(expected[row.chunk_id], abs=1e-6)


def test_similarity_is_the_cosine(owner: User, add: AddDocument) -> None:
    document = add(owner, "port.txt", PORT)
    query = "Who looked after the light?"
    mine = embed(active_space(), [query])[0]

    for row in rows(owner, query):
        chunk = document.current_version.chunks.get(pk=row.chunk_id)
        theirs = embed(active_space(), [f"port\n{chunk.content}"])[0]
        assert row.similarity == pytest.approx(sum(a * b for a, b in zip(mine, theirs, strict=True)), abs=2e-3)


def test_fusion_is_the_weighted_sum_of_normalised_scores(owner: User, add: AddDocument) -> None:
    add(owner, "port.txt", PORT)
    add(owner, "bakery.pdf", BAKERY)

    found = rows(owner, "salt in the granite house")

    def normal(value: float, values: list[float]) -> float:
        return (value - min(values)) / (max(values) - min(values))

    words = [row.keyword + DOCUMENT_WEIGHT * row.document_score for row in found]
    similarities = [row.similarity for row in found]
    for row, own in zip(found, words, strict=True):
        expected = (1 - VECTOR_WEIGHT) * normal(own, words) + VECTOR_WEIGHT * normal(row.similarity, similarities)
        assert row.rank_score == pytest.approx(expected, abs=1e-9)
    assert [row.rank_score for row in found] == sorted((row.rank_score for row in found), reverse=True)


def test_a_document_full_of_a_word_lends_weight_to_each_of_its_passages(owner: User, add: AddDocument) -> None:
    dull = "The total is shown in thousands."
    about = add(owner, "first.txt", [*(f"Timber of the year {n} was sold." for n in range(12)), dull])
    other = add(owner, "second.txt", [*(f"Bread of the year {n} was sold." for n in range(12)), dull])

    found = {row.version_id: row for row in rows(owner, "total of timber") if row.content == dull}

    idf = next(rarity for rarity in rows(owner, "timber")[0].rarities.values()).idf
    mine, theirs = found[about.current_version_id], found[other.current_version_id]
    assert mine.keyword == pytest.approx(theirs.keyword)
    assert mine.document_score - theirs.document_score == pytest.approx(idf * 12 / (13 + 10))
    assert mine.rank_score > theirs.rank_score


def test_words_with_which_a_page_opens_find_its_later_passages(owner: User) -> None:
    version = new_version(Document.objects.create(owner=owner, name="report.pdf"))
    passages = [
        NewPassage(7, 0, "Consolidated balance sheet, in millions"),
        NewPassage(7, 900, "Accounts payable 1,204 1,177"),
        NewPassage(8, 0, "Accounts receivable 77 99"),
    ]
    write_passages(version, passages, [[1.0] + [0.0] * 255] * 3, space=active_space())
    Document.objects.update(current_version=version)

    found = {row.content: row.keyword for row in rows(owner, "balance sheet", vector=0)}

    assert found[passages[1].content] > 0
    assert found.get(passages[2].content, 0) == 0


def test_each_side_alone_orders_by_its_own_score(owner: User, add: AddDocument) -> None:
    add(owner, "port.txt", PORT)
    add(owner, "bakery.pdf", BAKERY)

    by_words = [row.keyword for row in rows(owner, "salt and granite", vector=0, document=0)]
    by_meaning = [row.similarity for row in rows(owner, "salt and granite", vector=1)]

    assert by_words == sorted(by_words, reverse=True)
    assert by_meaning == sorted(by_meaning, reverse=True)


def test_the_best_passage_comes_first_with_all_a_citation_needs(owner: User, add: AddDocument) -> None:
    document = add(owner, "port.txt", PORT, headings=["History > Walls", "", "", ""])

    retrieval = search(user_id=owner.pk, query="What was the harbour built of in 1871?")

    best = retrieval.passages[0]
    assert best.text == PORT[0]
    assert (best.document_id, best.version_id) == (document.pk, document.current_version_id)
    assert (best.document_name, best.page, best.heading) == ("port.txt", 1, "History > Walls")
    assert best.boxes == [[1, 1.0, 2.0, 3.0, 4.0]]
    assert 0.3 < best.score <= 1
    assert retrieval.document_count == 1


def test_a_word_only_in_the_name_or_the_heading_finds_the_passage(owner: User, add: AddDocument) -> None:
    add(owner, "Lisbon travel notes.txt", [PORT[2]])
    add(owner, "other.txt", [PORT[0]], headings=["Masonry"])

    assert search(user_id=owner.pk, query="Lisbon").passages[0].document_name == "Lisbon travel notes.txt"
    assert search(user_id=owner.pk, query="masonry").passages[0].heading == "Masonry"


def test_a_strangers_passages_never_appear_even_when_they_are_identical(
    owner: User, stranger: User, add: AddDocument
) -> None:
    mine = add(owner, "port.txt", PORT)
    theirs = add(stranger, "port.txt", PORT)

    for user, own in ((owner, mine), (stranger, theirs)):
        for query in ("granite", "lighthouse keeper", "nothing of the kind"):
            found = rows(user, query)
            assert {row.document_id for row in found} == {own.pk}
            assert {row.chunk_id for row in found} == set(own.current_version.chunks.values_list("pk", flat=True))


def test_who_has_no_documents_finds_nothing(owner: User, stranger: User, add: AddDocument) -> None:
    add(owner, "port.txt", PORT)

    retrieval = search(user_id=stranger.pk, query="granite")

    assert (retrieval.passages, retrieval.document_count) == ([], 0)


def test_only_the_current_version_is_searched(owner: User, add: AddDocument) -> None:
    document = add(owner, "port.txt", PORT)
    newer = new_version(document, number=2)
    index(newer, ["The pier was built of concrete."])

    assert {row.version_id for row in rows(owner, "granite pier")} == {document.current_version_id}

    document.current_version = newer
    document.save()
    assert {row.version_id for row in rows(owner, "granite pier")} == {newer.pk}
    assert search(user_id=owner.pk, query="granite").trace["searched"] == 1


def test_a_document_that_is_not_indexed_yet_is_not_searched(owner: User, add: AddDocument) -> None:
    add(owner, "port.txt", PORT)
    waiting = Document.objects.create(owner=owner, name="waiting.txt")
    index(new_version(waiting), ["granite granite"])

    retrieval = search(user_id=owner.pk, query="granite")

    assert retrieval.document_count == 1
    assert {passage.document_name for passage in retrieval.passages} == {"port.txt"}


@pytest.mark.parametrize(
    ("texts", "query", "best"),
    [
        (["Die Häuser am Hafen sind alt.", "Das Brot ist frisch und warm."], "Welches Haus ist alt?", 0),
        (["El puerto fue construido en piedra.", "Los panes se venden."], "¿De qué son los puertos?", 0),
        (["Le port est construit en granit.", "Les maisons sont en bois."], "De quoi est faite la maison ?", 1),
        (["Гавань построена из гранита.", "Хлеб пекут рано утром."], "Из чего построили гавани?", 0),
        (["港口由花岗岩建成。", "面包在清晨烘烤。"], "面包什么时候烤?", 1),
        (["港は花崗岩で造られた。", "パンは早朝に焼かれる。"], "パンはいつ焼きますか", 1),
    ],
    ids=["german", "spanish", "french", "russian", "chinese", "japanese"],
)
def test_other_languages_are_found(
    owner: User, add: AddDocument, settings, texts: list[str], query: str, best: int
) -> None:
    settings.RAG_RELEVANCE_THRESHOLD = 0.0
    add(owner, "a.txt", texts)
    add(owner, "english.txt", PORT)

    assert rows(owner, query, vector=0)[0].content == texts[best]
    assert search(user_id=owner.pk, query=query).passages[0].text == texts[best]


@pytest.mark.parametrize(
    "query",
    [
        "granite " * 12_500,
        " ".join(f"word{n}" for n in range(12_000)),
        "gran\x00ite harbour",
        "the of and to be",
        "'; DROP TABLE documents_chunk; -- %s %(x)s",
        "!!! ??? …",
        "\ud800\udfff",
        "🪨🏠",
    ],
    ids=["long", "long and varied", "nul", "common words", "sql", "punctuation", "surrogates", "emoji"],
)
def test_no_question_breaks_the_search(owner: User, add: AddDocument, query: str) -> None:
    add(owner, "port.txt", PORT)

    retrieval = search(user_id=owner.pk, query=query)

    assert len(retrieval.passages) <= 4
    assert all(0 <= passage.score <= 1 for passage in retrieval.passages)
    json.dumps(retrieval.trace)
    assert Chunk.objects.count() == 4


@pytest.mark.parametrize("query", ["", "   \n", "\x00"])
def test_an_empty_question_finds_nothing(owner: User, add: AddDocument, query: str) -> None:
    add(owner, "port.txt", PORT)

    retrieval = search(user_id=owner.pk, query=query)

    assert (retrieval.passages, retrieval.document_count) == ([], 1)


def test_the_number_of_passages_is_bounded(owner: User, add: AddDocument, settings) -> None:
    add(owner, "many.txt", [f"granite number {n}" for n in range(30)])
    settings.RAG_TOP_K = 7

    assert len(search(user_id=owner.pk, query="granite").passages) == 7
    assert len(search(user_id=owner.pk, query="granite", top_k=2).passages) == 2
    assert search(user_id=owner.pk, query="granite", top_k=0).passages == []


def test_the_same_text_is_used_once_and_the_trace_says_so(owner: User, add: AddDocument) -> None:
    add(owner, "port.txt", PORT)
    add(owner, "copy of port.txt", [text.upper() for text in PORT])

    retrieval = search(user_id=owner.pk, query="granite harbour walls")

    texts = [passage.text.casefold() for passage in retrieval.passages]
    assert len(texts) == len(set(texts))
    cut = [entry for entry in retrieval.trace["passages"] if not entry["used"]]
    assert "the same text as a passage above" in {entry["cut"] for entry in cut}
    assert len(retrieval.trace["passages"]) == len(cut) + len(retrieval.passages)


def test_what_is_not_relevant_enough_is_cut(owner: User, add: AddDocument, settings) -> None:
    add(owner, "port.txt", PORT)
    everything = search(user_id=owner.pk, query="granite walls of the harbour 1871").passages
    settings.RAG_RELEVANCE_THRESHOLD = everything[0].score - 0.01

    retrieval = search(user_id=owner.pk, query="granite walls of the harbour 1871")

    assert [passage.text for passage in retrieval.passages] == [everything[0].text]
    assert {entry["cut"] for entry in retrieval.trace["passages"][1:]} == {"below the relevance asked for"}


def test_relevance_tells_an_answer_from_a_stray_match(owner: User, add: AddDocument, settings) -> None:
    settings.RAG_RELEVANCE_THRESHOLD = 0.0
    add(owner, "port.txt", PORT)
    add(owner, "bakery.pdf", BAKERY)

    answer = search(user_id=owner.pk, query="When is bread baked?").passages[0]
    stray = search(user_id=owner.pk, query="Which morning did the senate vote on the budget amendment?").passages[0]

    assert answer.score > 0.6 > 0.36 > stray.score


def test_a_question_on_another_subject_is_left_without_a_passage(owner: User, add: AddDocument) -> None:
    add(owner, "port.txt", PORT)
    add(owner, "bakery.pdf", BAKERY)

    stray = search(user_id=owner.pk, query="Which morning did the senate vote on the budget amendment?")

    assert stray.passages == []
    assert {entry["cut"] for entry in stray.trace["passages"]} == {"below the relevance asked for"}
    assert search(user_id=owner.pk, query="When is bread baked?").passages


def test_without_the_embedding_model_words_alone_decide(owner: User, add: AddDocument, settings) -> None:
    settings.OLLAMA_BASE_URL = "http://127.0.0.1:9"
    add(owner, "port.txt", PORT)
    EmbeddingSpace.objects.update(model="ollama/away")

    retrieval = search(user_id=owner.pk, query="lighthouse")

    assert [passage.text for passage in retrieval.passages] == [PORT[2]]
    assert retrieval.trace["by_words_alone"] is True


def test_a_passage_without_a_vector_is_found_by_its_words(owner: User, add: AddDocument) -> None:
    document = add(owner, "port.txt", PORT)
    document.current_version.embeddings.filter(chunk__index=2).delete()

    assert search(user_id=owner.pk, query="lighthouse keeper").passages[0].text == PORT[2]


def test_searching_takes_a_fixed_number_of_queries(owner: User, add: AddDocument, django_assert_num_queries) -> None:
    add(owner, "port.txt", PORT)
    search(user_id=owner.pk, query="granite")

    # What is shared with them, the scope's counts, the active space, savepoint in and out, the session's parameters,
    # the search itself.
    with django_assert_num_queries(7):
        search(user_id=owner.pk, query="granite harbour")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_the_index_of_a_large_space_is_used_and_agrees_with_the_exact_scan(
    clean_after, owner: User, stranger: User, add: AddDocument, monkeypatch
) -> None:
    from documents import spaces
    from documents.retrieval import searching

    add(owner, "many.txt", [f"{text} Number {n}." for n in range(60) for text in PORT])
    add(stranger, "theirs.txt", [f"{text} Page {n}." for n in range(10) for text in PORT])
    exact = [row.chunk_id for row in rows(owner, "lighthouse by the sea", vector=1, limit=10)]
    monkeypatch.setattr(spaces, "SLOW", 0.01)
    monkeypatch.setattr(searching, "_WADING", 0.0001)
    assert spaces.indexed_vectors(active_space()) is None

    assert spaces.index_if_large(active_space())

    assert spaces.indexed_vectors(active_space()) == 280
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    found = rows(owner, "lighthouse by the sea", vector=1, limit=10)
    assert len(set(exact) & {row.chunk_id for row in found}) >= 9
    assert {row.document_name for row in found} == {"many.txt"}
    assert search(user_id=owner.pk, query="lighthouse").trace["approximate"] is True
    # For forty passages among 280 the index would wade through too many others: scanned exactly.
    assert search(user_id=stranger.pk, query="lighthouse").trace["approximate"] is False
