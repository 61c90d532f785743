"""A question that leans on the one before is searched with that one's words, too."""

import pytest

from accounts.models import User
from documents.retrieval import search
from documents.retrieval.following import leans_back
from documents.terms import query_words
from tests.retrieval.conftest import AddDocument

REVENUE = [
    "Revenue of the harbour company was 12 million in 2018, mostly from timber.",
    "Revenue of the harbour company was 14 million in 2019, mostly from salt.",
    "The lighthouse was painted white in 2019 by a crew of four.",
]
EARLIER = "What was the revenue of the harbour company in 2018?"


@pytest.mark.parametrize("question", ["And in 2019?", "What about 2019?", "How much was it in the year 2019?"])
def test_a_follow_up_is_searched_with_the_words_of_the_question_before(
    owner: User, add: AddDocument, question: str
) -> None:
    add(owner, "report.txt", REVENUE)

    found = search(user_id=owner.pk, query=question, earlier=EARLIER)

    assert found.passages[0].text == REVENUE[1]
    assert found.trace["follow_up"] is True


def test_a_question_that_says_all_it_means_is_searched_alone(owner: User, add: AddDocument) -> None:
    add(owner, "report.txt", REVENUE)
    question = "Which colour did the crew paint the old lighthouse with?"

    found = search(user_id=owner.pk, query=question, earlier=EARLIER)

    assert found.trace["follow_up"] is False
    assert found.passages == search(user_id=owner.pk, query=question).passages


def test_the_first_question_of_a_conversation_leans_on_nothing(owner: User, add: AddDocument) -> None:
    add(owner, "report.txt", REVENUE)

    assert search(user_id=owner.pk, query="Revenue 2019").trace["follow_up"] is False


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("And the year after?", True),
        ("Und im Jahr 2019?", True),
        ("¿Y en el año 2019?", True),
        ("Et en 2019 ?", True),
        ("Where were they made and sold before the second war began?", True),
        ("Wie hoch ist der Umsatz der Hafengesellschaft im Jahr 2019 gewesen?", False),
        ("Which harbour company sold granite and timber in 2019?", False),
    ],
)
def test_what_leans_on_an_earlier_question(question: str, expected: bool) -> None:
    assert leans_back(question, query_words(question, ["english", "german"], b"k")) is expected
