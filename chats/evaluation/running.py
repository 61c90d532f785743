"""A run: its library, its questions one by one, its figures. What was asked is kept, also by a run that is killed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from accounts.models import User
from accounts.tenancy import acting_as, acting_as_system
from chats.answering import sources
from chats.answering.records import Source
from chats.evaluation import judging, libraries, scoring
from chats.evaluation.models import Asked, Run
from chats.evaluation.sets import Question, QuestionSet, page_name
from documents import retrieval
from documents.models import Collection
from documents.retrieval import Filters
from documents.retrieval.statement import DOCUMENT_WEIGHT, VECTOR_WEIGHT, Ranked
from documents.spaces import active_space
from llms.errors import ModelError

_LOCK = 0xE7A1
# Rows that are written together.
_TOGETHER = 25
# A judge that failed so often without a break is not asked again in this run.
_MOST_FAILURES = 5

Names = Callable[[Ranked], tuple[str, ...]]


class Busy(Exception):
    """Another evaluation is running."""


@dataclass(frozen=True)
class Judge:
    """`model` marks the answers that `answerer` writes to the first `questions` questions."""

    model: str = ""
    answerer: str = ""
    questions: int = 0


@dataclass(frozen=True)
class Where:
    """A person's library, or a part of it. Without an owner, one is made of the set's documents."""

    owner: User | None = None
    collection: Collection | None = None


@dataclass
class Told:
    """How far it is, for the operator."""

    stage: str = ""
    done: int = 0
    total: int = 0


@dataclass
class _Judged:
    failures: int = 0
    in_a_row: int = 0
    count: int = 0
    reasons: set[str] = field(default_factory=set)

    @property
    def gave_up(self) -> bool:
        return self.in_a_row >= _MOST_FAILURES


def evaluate(questions: QuestionSet, where: Where, judge: Judge, *, note: str, report: Callable[[Told], None]) -> Run:
    """Raises Busy, and ModelError or DocumentError where the library could not be made; the run has failed then."""
    with acting_as_system("evaluate"), _alone():
        libraries.remove_left()
        Run.objects.filter(state=Run.State.RUNNING).update(state=Run.State.FAILED, ended_at=Now())
        run = _begun(questions, where, judge, note)
        try:
            _evaluate(run, questions, where, judge, report)
        except BaseException:
            Run.objects.filter(pk=run.pk).update(state=Run.State.FAILED, ended_at=Now())
            raise
        finally:
            run.refresh_from_db()
            if run.made_owner:
                libraries.remove(run.made_owner)
                Run.objects.filter(pk=run.pk).update(made_owner=None)
        run.refresh_from_db()
        return run


def _begun(questions: QuestionSet, where: Where, judge: Judge, note: str) -> Run:
    space = active_space()
    return Run.objects.create(
        owner=where.owner,
        set_name=questions.name,
        set_fingerprint=questions.fingerprint,
        note=note[:200],
        embedding_model=space.model,
        answer_model=judge.answerer if judge.model else "",
        judge_model=judge.model,
        questions=len(questions.questions),
        conditions={
            "unit": questions.unit,
            "dimension": space.dimension,
            "top_k": settings.RAG_TOP_K,
            "threshold": settings.RAG_RELEVANCE_THRESHOLD,
            "chunk_size": settings.CHUNK_SIZE,
            "chunk_overlap": settings.CHUNK_OVERLAP,
            "vector_weight": VECTOR_WEIGHT,
            "document_weight": DOCUMENT_WEIGHT,
        },
    )


def _evaluate(run: Run, questions: QuestionSet, where: Where, judge: Judge, report: Callable[[Told], None]) -> None:
    owner, names = where.owner, _by_place
    if owner is None:
        owner = libraries.make()
        Run.objects.filter(pk=run.pk).update(made_owner=owner.pk)
        with acting_as(owner):
            by_id = libraries.fill(owner, questions, lambda done, total: report(Told("documents", done, total)))
        names = lambda row: by_id.get(row.chunk_id, ("",))  # noqa: E731 - the other one is a function, too
    filters = Filters(collections=[where.collection.pk]) if where.collection else Filters(only_own=True)
    judged, rows, scope = _Judged(), [], (0, 0)
    for number, question in enumerate(questions.questions, start=1):
        with acting_as(owner):
            row, scope = _ask(question, owner.pk, filters, names, judge, judged, number)
        row.run, row.number = run, number
        row.text = question.text if where.owner is None else ""
        rows.append(row)
        if len(rows) % _TOGETHER == 0 or number == len(questions.questions):
            Asked.objects.bulk_create(rows[-(len(rows) % _TOGETHER or _TOGETHER) :])
            Run.objects.filter(pk=run.pk).update(asked=number)
            report(Told("questions", number, len(questions.questions)))
    sizes = {"documents": scope[0], "passages": scope[1]}
    Run.objects.filter(pk=run.pk).update(
        state=Run.State.DONE,
        ended_at=Now(),
        conditions=run.conditions | sizes,
        figures=_figures(rows, judged),
    )


def _ask(
    question: Question, owner_id: UUID, filters: Filters, names: Names, judge: Judge, judged: _Judged, number: int
) -> tuple[Asked, tuple[int, int]]:
    begun = time.perf_counter()
    candidates = retrieval.look(user_id=owner_id, query=question.text, filters=filters)
    kept = retrieval.settle(candidates)
    milliseconds = 1000 * (time.perf_counter() - begun)
    ranked = [each.row for each in candidates.finding.read] if candidates.finding else []
    found = list(dict.fromkeys(_name(names(row), question) for row in ranked))
    row = Asked(
        identifier=question.identifier,
        is_answerable=question.is_answerable,
        kept=bool(kept.passages),
        milliseconds=milliseconds,
    )
    if question.is_answerable:
        row.first_hit = scoring.first_hit(found, question.expected)
        row.ndcg = scoring.ndcg(found, question.expected)
        row.recall = scoring.recall(found, question.expected)
    if judge.model and number <= judge.questions and not judged.gave_up:
        _judge(row, question, sources.settle(candidates).sources, judge, judged)
    return row, (candidates.scope.documents, candidates.scope.passages)


def _name(names: tuple[str, ...], question: Question) -> str:
    return next((name for name in names if name in question.expected), names[0])


def _by_place(row: Ranked) -> tuple[str, ...]:
    return page_name(row.document_name, row.page), row.document_name


def _judge(row: Asked, question: Question, found: list[Source], judge: Judge, judged: _Judged) -> None:
    """A judge that fails never costs the run."""
    try:
        judgement = judging.judge(question.text, found, answerer=judge.answerer, by=judge.model)
    except (ModelError, TimeoutError, judging.NoJudgement) as error:
        judged.failures += 1
        judged.in_a_row += 1
        judged.reasons.add(type(error).__name__)
    else:
        judged.in_a_row = 0
        judged.count += 1
        row.faithfulness, row.relevancy = judgement.faithfulness, judgement.relevancy


def _figures(rows: Sequence[Asked], judged: _Judged) -> dict[str, float | int]:
    answerable = [row for row in rows if row.is_answerable]
    others = [row for row in rows if not row.is_answerable]
    times = [row.milliseconds for row in rows]
    figures: dict[str, float | int] = {
        "answerable": len(answerable),
        "unanswerable": len(others),
        "p50_ms": round(scoring.percentile(times, 0.5), 1),
        "p95_ms": round(scoring.percentile(times, 0.95), 1),
    }
    if answerable:
        for at in (1, 5, 10):
            figures[f"hit_{at}"] = _mean([float((row.first_hit or at + 1) <= at) for row in answerable])
        ranks = [row.first_hit for row in answerable]
        figures["mrr"] = _mean([1 / rank if rank and rank <= scoring.AT else 0.0 for rank in ranks])
        figures["ndcg"] = _mean([row.ndcg or 0.0 for row in answerable])
        figures["recall"] = _mean([row.recall or 0.0 for row in answerable])
        figures["answerable_cut"] = _mean([float(not row.kept) for row in answerable])
    if others:
        figures["unanswerable_cut"] = _mean([float(not row.kept) for row in others])
    if judged.count or judged.failures:
        figures |= {"judged": judged.count, "judge_failures": judged.failures}
    marked = [row for row in rows if row.faithfulness is not None]
    if marked:
        figures["faithfulness"] = _mean([row.faithfulness or 0.0 for row in marked])
        figures["relevancy"] = _mean([row.relevancy or 0.0 for row in marked])
    return figures


def _mean(values: Sequence[float]) -> float:
    return round(fmean(values), 4)


@contextmanager
def _alone() -> Iterator[None]:
    """The lock ends with the process, however that ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if cursor.fetchone() != (True,):
            raise Busy
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
