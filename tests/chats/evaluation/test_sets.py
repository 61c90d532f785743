"""Question sets and what a ranking is worth. No database."""

import json
from pathlib import Path

import pytest

from chats.evaluation import judging, plots, scoring, sets
from chats.evaluation.sets import BadSet


def jsonl(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def test_scores() -> None:
    found, grades = ["x", "a", "y", "b"], {"a": 1, "b": 1, "c": 1}
    assert scoring.first_hit(found, grades) == 2
    assert scoring.first_hit(["x"], grades) is None
    assert scoring.recall(found, grades) == pytest.approx(2 / 3)
    assert scoring.ndcg(["a", "b", "c"], grades) == 1
    assert scoring.ndcg(found, grades) == pytest.approx((1 / 1.585 + 1 / 2.3219) / (1 + 1 / 1.585 + 0.5), abs=1e-3)
    assert scoring.ndcg([], grades) == 0
    assert [scoring.percentile([3, 1, 2, 4], share) for share in (0.5, 0.95, 0)] == [2, 4, 1]


def test_a_file_of_questions(tmp_path: Path) -> None:
    one = {"question": "How high?", "expected": [{"document": "a.pdf", "page": 3}, {"document": "b.txt", "grade": 2}]}
    found = sets.read(jsonl(tmp_path / "mine.jsonl", one, {"id": "n", "question": "Why?"}), at_most=None)
    assert (found.name, found.has_library) == ("mine", False)
    assert [(q.identifier, q.expected) for q in found.questions] == [("1", {"a.pdf:p3": 1, "b.txt": 2}), ("n", {})]


def test_a_judged_folder(tmp_path: Path) -> None:
    jsonl(
        tmp_path / "corpus.jsonl", {"_id": "p1", "title": "T", "text": "One."}, {"_id": "p2", "title": "T", "text": "2"}
    )
    jsonl(tmp_path / "queries.jsonl", {"_id": "q1", "text": "One?"}, {"_id": "q2", "text": "Not judged?"})
    jsonl(tmp_path / "unanswerable.jsonl", {"text": "What else?"})
    (tmp_path / "qrels.tsv").write_text("q\tp\ts\nq1\tp1\t1\nq1\tp2\t0\n")
    found = sets.read(tmp_path, at_most=None)
    assert found.documents == {"T": [("p1", "One."), ("p2", "2")]}
    assert [(q.text, q.expected) for q in found.questions] == [("One?", {"p1": 1}), ("What else?", {})]
    assert sets.read(tmp_path, at_most=1).fingerprint != found.fingerprint
    assert sets.read(tmp_path, at_most=1) == sets.read(tmp_path, at_most=1)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{"question": ""}], 'line 1: "question" must be'),
        ([{"question": "a", "expected": "x"}], '"expected" must be a list'),
        ([{"question": "a", "expected": [{"page": 1}]}], "the page being optional"),
        ([{"question": "a", "expected": [{"document": "a", "grade": 99}]}], "the page being optional"),
        (["text"], "each line is an object"),
        ([], "has no question"),
    ],
)
def test_faults_are_told_with_their_line(tmp_path: Path, lines: list[object], words: str) -> None:
    with pytest.raises(BadSet, match=words):
        sets.read(jsonl(tmp_path / "s.jsonl", *lines), at_most=None)


def test_what_is_no_set(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none", "does not exist"), (tmp_path, "neither corpus.jsonl nor questions.jsonl")):
        with pytest.raises(BadSet, match=words):
            sets.read(path, at_most=None)
    (tmp_path / "s.jsonl").write_text("{")
    with pytest.raises(BadSet, match="line 1: this is no JSON"):
        sets.read(tmp_path / "s.jsonl", at_most=None)
    jsonl(tmp_path / "questions.jsonl", {"question": "a"})
    with pytest.raises(BadSet, match="needs a folder documents"):
        sets.read(tmp_path, at_most=None)


def test_marks_are_read_and_nothing_is_made_up() -> None:
    judgement = judging.read("Faithfulness: 8\n**relevancy**: 9.5")
    assert (judgement.faithfulness, judgement.relevancy) == (0.8, 0.95)
    for said in ("", "faithfulness: 8", "faithfulness: 80\nrelevancy: 1", "both good"):
        with pytest.raises(judging.NoJudgement):
            judging.read(said)


def test_plots_are_within_their_frame() -> None:
    plot = plots.lines("T", "w", ["a", "b", "c"], [("m", [0.0, None, 1.0])], top=1.0)
    (line,) = plot.lines
    assert [point.words for point in line.points] == ["m, a: 0", "m, c: 1"]
    assert all(0 <= point.x <= plot.width and 0 <= point.y <= plot.height for point in line.points)
    assert [plots.nice(value) for value in (0.5, 7, 130, 2100)] == [1, 10, 200, 5000]
    bar = plots.bars("T", "w", [("1", 3.0), ("2", 0.0)]).bars
    assert (bar[0].height > 100, bar[1].height) == (True, 0)
