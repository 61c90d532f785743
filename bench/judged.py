"""Judged sets: passages, questions, and which passages answer them. And what a ranking is worth against them.

A set is a folder with corpus.jsonl (_id, title, text), queries.jsonl (_id, text) and qrels.tsv (question, passage,
grade; first line a heading), or doc-qrels.tsv where whole documents are judged.
"""

import json
import math
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Whose questions are asked of a set as strange ones; of the others those of squad.
_STRANGERS = {"squad": "cranfield", "xquad-de": "xquad-es", "xquad-es": "xquad-de"}
_MOST_WITHOUT_ANSWER = 200

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class JudgedSet:
    """`documents` are titles with their passages (id, text); `grades` are by question, then by passage or document.

    `files` are what the passages are the pages of, where the set has them: passages are then named "file:p1".
    """

    name: str
    documents: dict[str, list[tuple[str, str]]]
    questions: list[tuple[str, str]]
    grades: dict[str, dict[str, int]]
    judges_documents: bool
    files: list[Path] = field(default_factory=list)
    # Questions that nothing in the set answers though it speaks of the like, and questions of another set.
    unanswerable: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)


def default_corpora() -> Path:
    return Path(os.environ.get("CORPORA", PROJECT.parent / "shared" / "corpora"))


def judged_sets(corpora: Path, *, most_questions: int) -> Iterator[JudgedSet]:
    for folder in sorted((corpora / "retrieval").glob("*")):
        if (folder / "corpus.jsonl").exists():
            yield read(folder, "queries.jsonl", most_questions=most_questions)
        if (folder / "queries-en.jsonl").exists():
            yield read(folder, "queries-en.jsonl", most_questions=most_questions)


def read(folder: Path, questions_file: str, *, most_questions: int) -> JudgedSet:
    documents: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for line in _jsonl(folder / "corpus.jsonl"):
        documents[line["title"]].append((line["_id"], line["text"]))
    judges_documents = not (folder / "qrels.tsv").exists()
    grades = _grades(folder / ("doc-qrels.tsv" if judges_documents else "qrels.tsv"))
    questions = [(line["_id"], line["text"]) for line in _jsonl(folder / questions_file) if line["_id"] in grades]
    if len(questions) > most_questions:
        questions = random.Random(7).sample(questions, most_questions)
    files = sorted((folder / "pdfs").glob("*.pdf"))
    suffix = "" if questions_file == "queries.jsonl" else ", asked in English"
    return JudgedSet(
        folder.name + suffix, dict(documents), questions, grades, judges_documents, files, *_without_answer(folder)
    )


def _without_answer(folder: Path) -> tuple[list[str], list[str]]:
    other = folder.parent / _STRANGERS.get(folder.name, "squad")
    return tuple(  # type: ignore[return-value]  # two paths, two lists
        random.Random(7).sample(texts, min(_MOST_WITHOUT_ANSWER, len(texts)))
        for path in (folder / "unanswerable.jsonl", other / "queries.jsonl")
        for texts in [[line["text"] for line in _jsonl(path)] if path.exists() else []]
    )


def ndcg(found: Sequence[str], grades: dict[str, int], *, at: int = 10) -> float:
    gained = sum(_gain(grades.get(one, 0), place) for place, one in enumerate(found[:at]))
    best = sum(_gain(grade, place) for place, grade in enumerate(sorted(grades.values(), reverse=True)[:at]))
    return gained / best


def recall(found: Sequence[str], grades: dict[str, int], *, at: int = 10) -> float:
    return len(set(found[:at]) & set(grades)) / len(grades)


def _gain(grade: int, place: int) -> float:
    return (2**grade - 1) / math.log2(place + 2)


def _jsonl(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _grades(path: Path) -> dict[str, dict[str, int]]:
    grades: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        question, judged, grade = line.split("\t")
        if int(grade) > 0:
            grades[question][judged.removesuffix(".pdf")] = int(grade)
    return dict(grades)
