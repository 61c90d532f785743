"""Question sets: docs/commands.md, "evaluate". Reading is bounded, and a fault is told with its line."""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from documents.sources.files import TooMany, find

_LONGEST_FILE = 512 * 1024 * 1024
_MOST_QUESTIONS = 100_000
_MOST_FILES = 10_000
_LONGEST_QUESTION = 4_000


class BadSet(Exception):
    """Not a question set. The text is a sentence for the operator."""


@dataclass(frozen=True)
class Question:
    """`expected` are names of passages, pages or documents with their grades; none: nothing answers it."""

    identifier: str
    text: str
    expected: dict[str, int]

    @property
    def is_answerable(self) -> bool:
        return bool(self.expected)


@dataclass(frozen=True)
class QuestionSet:
    """`documents` are titles with their passages (name, text), `files` what is to be read as an upload is; without
    either, the questions are for a library that is there. `unit` is what is expected: passage, page or document."""

    name: str
    unit: str
    questions: list[Question]
    documents: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    # Public sets name a report without its extension.
    by_stem: bool = False

    @property
    def has_library(self) -> bool:
        return bool(self.documents or self.files)

    @property
    def fingerprint(self) -> str:
        """Two runs can be compared if this is the same."""
        told = [(q.identifier, q.text, sorted(q.expected.items())) for q in self.questions]
        return hashlib.sha256(json.dumps([self.unit, told]).encode()).hexdigest()


def read(path: Path, *, at_most: int | None) -> QuestionSet:
    """`at_most` questions, chosen by chance and always the same ones. Raises BadSet."""
    try:
        if path.is_dir() and (path / "corpus.jsonl").is_file():
            found = _judged(path)
        elif path.is_dir() and (path / "questions.jsonl").is_file():
            found = QuestionSet(
                path.resolve().name[:100], "page", list(_questions(path / "questions.jsonl")), files=_files(path)
            )
        elif path.is_file():
            found = QuestionSet(path.stem[:100], "page", list(_questions(path)))
        elif path.is_dir():
            raise BadSet(f"{path} has neither corpus.jsonl nor questions.jsonl, so it is no question set.")
        else:
            raise BadSet(f"{path} does not exist.")
    except OSError as error:
        raise BadSet(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadSet(f"{path} is not written in UTF-8.") from error
    if not found.questions:
        raise BadSet(f"{path} has no question.")
    if at_most is not None and len(found.questions) > at_most:
        chosen = random.Random(7).sample(found.questions, at_most)  # noqa: S311 # nosec - the same ones each time
        found = QuestionSet(found.name, found.unit, chosen, found.documents, found.files, found.by_stem)
    return found


def _files(folder: Path) -> list[Path]:
    try:
        found = find(folder / "documents", at_most=_MOST_FILES).files
    except (TooMany, FileNotFoundError):
        found = []
    if not found:
        raise BadSet(f"{folder} needs a folder documents with 1 to {_MOST_FILES:,} files to be asked about.")
    return found


def page_name(document: str, page: int) -> str:
    return f"{document}:p{page}"


def _questions(path: Path) -> Iterator[Question]:
    for number, line in _lines(path):
        text, expected = line.get("question"), line.get("expected", [])
        if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST_QUESTION:
            raise BadSet(
                f'{path.name}, line {number}: "question" must be a text of up to {_LONGEST_QUESTION} characters.'
            )
        if not isinstance(expected, list):
            raise BadSet(f'{path.name}, line {number}: "expected" must be a list.')
        grades: dict[str, int] = {}
        for one in expected:
            grades |= _expected(one, f"{path.name}, line {number}")
        yield Question(str(line.get("id", number))[:100], text, grades)


def _expected(one: Any, where: str) -> dict[str, int]:
    document = one.get("document") if isinstance(one, dict) else None
    page, grade = (one.get("page"), one.get("grade", 1)) if isinstance(one, dict) else (None, 1)
    whole = isinstance(page, int | None) and isinstance(grade, int) and 1 <= grade <= 10
    if not isinstance(document, str) or not document or not whole:
        raise BadSet(f'{where}: each of "expected" is {{"document": "name", "page": 3}}, the page being optional.')
    return {document if page is None else page_name(document, page): grade}


def _judged(folder: Path) -> QuestionSet:
    """The layout of public retrieval sets: corpus.jsonl, queries.jsonl, qrels.tsv or doc-qrels.tsv."""
    files = sorted((folder / "pdfs").glob("*.pdf"))
    by_document = not (folder / "qrels.tsv").is_file()
    grades = _grades(folder / ("doc-qrels.tsv" if by_document else "qrels.tsv"))
    documents: dict[str, list[tuple[str, str]]] = {}
    if not files:
        for _, line in _lines(folder / "corpus.jsonl"):
            documents.setdefault(str(line["title"]), []).append((str(line["_id"]), str(line["text"])))
    asked = [(str(line["_id"]), str(line["text"])) for _, line in _lines(folder / "queries.jsonl")]
    questions = [Question(name, text, grades[name]) for name, text in asked if name in grades]
    if (folder / "unanswerable.jsonl").is_file():
        for _, line in _lines(folder / "unanswerable.jsonl"):
            questions.append(Question(str(line.get("_id", ""))[:100], str(line["text"]), {}))
    unit = "document" if by_document else "page" if files else "passage"
    return QuestionSet(folder.resolve().name[:100], unit, questions, documents, files, by_stem=True)


def _grades(path: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], start=2):
        try:
            question, judged, grade = line.split("\t")
            if int(grade) > 0:
                grades.setdefault(question, {})[judged.removesuffix(".pdf")] = int(grade)
        except ValueError:
            raise BadSet(f"{path.name}, line {number}: a question, a passage and a grade with tabs between.") from None
    return grades


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.stat().st_size > _LONGEST_FILE:
        raise BadSet(f"{path.name} is larger than {_LONGEST_FILE // 1024 // 1024} MB.")
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            if number > _MOST_QUESTIONS:
                raise BadSet(f"{path.name} has more than {_MOST_QUESTIONS:,} lines.")
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                raise BadSet(f"{path.name}, line {number}: this is no JSON.") from None
            if not isinstance(line, dict):
                raise BadSet(f"{path.name}, line {number}: each line is an object.")
            yield number, line
