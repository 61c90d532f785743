import pytest

from documents.stopwords import STOP_WORDS
from documents.terms import (
    MOST_QUERY_WORDS,
    Marker,
    guess_language,
    language_of,
    passage_terms,
    query_terms,
    query_words,
)

KEY = b"k" * 32


def looked_up(query: str, languages: list[str]) -> dict[int, float]:
    return query_terms(query_words(query, languages, KEY))


def meet(language: str, text: str, query: str) -> bool:
    """A passage in `language` is found by `query`."""
    return bool(set(passage_terms(text, language, KEY).frequencies) & set(looked_up(query, [language])))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("english", "What is the name of the house that was built on the hill by them?"),
        ("german", "Welche Stadt ist die größte und wie viele Menschen wohnen in ihr?"),
        ("spanish", "¿Cuántas personas viven en la ciudad y cuál es su nombre?"),
        ("french", "Quelle est la plus grande ville du pays et combien de gens y vivent ?"),
        ("italian", "Qual è la città più grande e quante persone ci sono nella regione?"),
        ("dutch", "Wat is de grootste stad en hoeveel mensen wonen er in het land?"),
        ("english", "3.14 2018 $577"),
        ("english", ""),
    ],
)
def test_the_language_is_guessed_from_common_words(language: str, text: str) -> None:
    assert guess_language(text) == language


def test_a_document_has_the_language_of_most_of_it() -> None:
    assert language_of(["Der Hund ist im Garten und bellt."] * 5 + ["The dog is in the garden."]) == "german"


@pytest.mark.parametrize(
    ("language", "text", "query"),
    [
        ("english", "He was running races", "runs"),
        ("german", "Die Häuser der Stadt", "Haus"),
        ("german", "Die Straßen", "Strasse"),
        ("english", "Mein Fuß", "fuss"),
        ("spanish", "Las canciones populares", "canción popular"),
        ("french", "Les chevaux mangent", "cheval"),
        ("french", "L’été à Évian", "evian"),
        ("russian", "Системы поиска документов", "система"),
        ("english", "Системы поиска документов", "система"),  # the script decides, whatever the rest is written in
        ("english", "东京是日本的首都", "首都"),
        ("english", "私は猫が好きです", "猫"),
        ("english", "หนังสือเล่มนี้ดี", "หนังสือ"),
        ("english", "한국어 문서를", "문서"),
        ("english", "Ｆｕｌｌ ｗｉｄｔｈ", "full"),
    ],
)
def test_a_question_finds_other_forms_of_a_word(language: str, text: str, query: str) -> None:
    assert meet(language, text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("net sales of $1,577.00 million", "1577.00"),
        ("revenue was 1,577", "1577"),
        ("in 2018", "FY2018"),
        ("the XR500 pump", "xr 500"),
        ("version 3.5 came", "3.5"),
    ],
)
def test_numbers_are_found_as_people_write_them(text: str, query: str) -> None:
    assert meet("english", text, query)


@pytest.mark.parametrize(("text", "query"), [("version 3.5", "35"), ("in 20189", "2018"), ("ไทย", "ยา")])
def test_what_is_another_word_is_not_found(text: str, query: str) -> None:
    assert not meet("english", text, query)


def test_common_words_of_a_question_are_left_out() -> None:
    assert looked_up("What is the granite?", ["english"]) == looked_up("granite", ["english"])


def test_a_question_of_common_words_alone_keeps_them() -> None:
    assert len(looked_up("to be or not to be", ["english"])) == 4


def test_a_question_is_stemmed_for_every_language_of_the_library() -> None:
    terms = looked_up("Häuser", ["english", "german"])
    assert set(passage_terms("Haus", "german", KEY).frequencies) <= set(terms)
    assert len(terms) == 2


def test_of_many_languages_the_most_used_and_the_question_s_own_are_tried() -> None:
    library = ["english", "german", "dutch", "danish", "finnish", "spanish", "french"]
    french = set(passage_terms("maisons", "french", KEY).frequencies)
    assert french <= set(looked_up("Où sont les maisons de la ville ?", library))
    assert len(looked_up("Häuser", library)) <= 5


def test_a_long_question_is_cut() -> None:
    assert len(looked_up(" ".join(f"word{n}" for n in range(50_000)), ["english"])) == MOST_QUERY_WORDS


@pytest.mark.parametrize("query", ["", " \n\t", "\x00", "!!! ???", "\ud800", "__--__"])
def test_a_question_without_words_has_no_terms(query: str) -> None:
    assert looked_up(query, ["english"]) == {}


def test_terms_are_signed_64_bit_numbers_that_depend_on_the_key() -> None:
    text = "one two three four five six seven eight"
    terms = set(passage_terms(text, "english", b"one key").frequencies)
    assert len(terms) == 8
    assert all(-(2**63) <= term < 2**63 for term in terms)
    assert any(term < 0 for term in terms)
    # What was hashed under the one key is not remembered.
    assert not terms & set(passage_terms(text, "english", b"another key").frequencies)


def test_the_length_counts_every_occurrence() -> None:
    passage = passage_terms("salt salt timber", "english", KEY)
    assert (passage.length, sorted(passage.frequencies.values())) == (3, [1, 2])


@pytest.mark.parametrize("language", STOP_WORDS)
def test_a_word_is_marked_where_it_stands_whatever_its_stem_begins_with(language: str) -> None:
    known = sorted(frozenset().union(*STOP_WORDS.values()))[::10]
    # What some languages put before a word, and their stemmers take away again.
    words = [before + word for before in ("", "ge", "be", "me", "di", "naj", "leg", "d", "b") for word in known]
    assert [word for word in words if not _is_marked(word.capitalize(), word, language)] == []


def _is_marked(text: str, word: str, language: str) -> bool:
    return any(Marker(query_words(word, [language], KEY), [language]).occurrences(text))
