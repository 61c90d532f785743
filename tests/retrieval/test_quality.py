"""How well passages are found, by judged questions: our own small set always, larger ones where they are at hand."""

from pathlib import Path

import pytest

from accounts.models import User
from bench import judged
from bench.retrieval import load, scores

OWN = Path(__file__).parent / "judged"
# Small enough to load within seconds, in two languages; bench/retrieval.py runs all of them.
LARGER = ["clapnq", "xquad-de"]


def figures(owner: User, one: judged.JudgedSet) -> dict[str, float]:
    found = scores(owner, one, load(owner, one))
    return {side: found[side]["ndcg"] for side in ("words", "vectors", "hybrid")}


def test_words_and_meaning_together_find_more_than_either_alone(owner: User) -> None:
    found = figures(owner, judged.read(OWN, "queries.jsonl", most_questions=100))

    assert found["hybrid"] > found["words"]
    assert found["hybrid"] > found["vectors"]
    assert found["hybrid"] > 0.9


@pytest.mark.parametrize("name", LARGER)
def test_together_they_find_more_on_the_open_sets_too(owner: User, name: str) -> None:
    folder = judged.default_corpora() / "retrieval" / name
    if not folder.exists():
        pytest.skip("The open judged sets are not here; CORPORA says where to look.")

    found = figures(owner, judged.read(folder, "queries.jsonl", most_questions=200))

    assert found["hybrid"] > max(found["words"], found["vectors"])


def test_a_perfect_ranking_is_worth_one_and_a_late_hit_less() -> None:
    grades = {"a": 1, "b": 1}

    assert judged.ndcg(["a", "b", "c"], grades) == pytest.approx(1)
    assert judged.ndcg(["c", "a"], grades) == pytest.approx(0.6309 / 1.6309, abs=1e-3)
    assert judged.ndcg(["c", "d"], grades) == 0
    assert judged.recall(["a", *"cdefghijk", "b"], grades) == 0.5
