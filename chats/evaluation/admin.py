"""Evaluations in the administration: the runs of a set over time, two to four of them side by side, and one of them."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, F, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts import audit
from accounts.admin_pages import LookingOnly
from accounts.capabilities import Capability, may
from accounts.tenancy import acting_as_system
from chats.evaluation import plots
from chats.evaluation.models import Asked, Run

_SHOWN = 40
_MOST_COMPARED = 4
_ROWS = 50
# (name in `figures`, words, whether more is better)
MEASURES = (
    ("hit_1", "Hit rate@1", True),
    ("hit_5", "Hit rate@5", True),
    ("hit_10", "Hit rate@10", True),
    ("mrr", "MRR@10", True),
    ("ndcg", "nDCG@10", True),
    ("recall", "Recall@10", True),
    ("answerable_cut", "Answerable, nothing left by the threshold", False),
    ("unanswerable_cut", "Unanswerable, nothing left by the threshold", True),
    ("faithfulness", "Faithfulness", True),
    ("relevancy", "Relevancy", True),
    ("p50_ms", "Median search, ms", False),
    ("p95_ms", "Search, 95th percentile, ms", False),
)
_PLOTTED = ("hit_5", "mrr", "ndcg", "faithfulness")
_STATES = {Run.State.DONE: "ok", Run.State.FAILED: "bad"}
_CONDITIONS = {
    "documents": "Documents",
    "passages": "Passages",
    "unit": "Expected are",
    "dimension": "Dimension",
    "top_k": "Passages for an answer",
    "threshold": "Relevance threshold",
    "chunk_size": "Passage length",
    "chunk_overlap": "Overlap",
    "vector_weight": "Weight of vectors",
    "document_weight": "Weight of the whole document",
}


@admin.register(Run)
class RunAdmin(LookingOnly):
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002 - Django's shape
        self._check(request, "")
        with acting_as_system("show evaluations"):
            sets = list(Run.objects.values("set_name").annotate(count=Count("pk"), latest=Max("started_at")))
            sets.sort(key=lambda one: one["latest"], reverse=True)
            names = [one["set_name"] for one in sets]
            name = request.GET.get("set", "") if request.GET.get("set") in names else (names or [""])[0]
            runs = list(Run.objects.filter(set_name=name).select_related("owner").order_by("-started_at")[:_SHOWN])
            context = {
                **self.admin_site.each_context(request),
                "title": "Evaluations",
                "sets": sets,
                "chosen": name,
                "runs": [_shown(run) for run in runs],
                "plots": _over_time(name, runs),
                "compared": _compared(request.GET.getlist("compare"), runs),
                "most_compared": _MOST_COMPARED,
            }
        return TemplateResponse(request, "admin/evaluation/run/overview.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's shape
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        self._check(request, object_id)
        with acting_as_system("show evaluations"):
            run = _found(object_id)
            if run is None:
                return redirect("admin:evaluation_run_changelist")
            answer = TemplateResponse(
                request,
                "admin/evaluation/run/about.html",
                {**self.admin_site.each_context(request), **_about(request, run)},
            )
            return answer.render()

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        """Nobody changes them here."""
        raise PermissionDenied

    def _check(self, request: HttpRequest, object_id: str) -> None:
        if not may(request.user, Capability.SEE_DOCUMENT_METADATA):
            raise PermissionDenied
        audit.record(audit.Action.METADATA_READ, request=request, resource=("evaluation", object_id))


def _found(object_id: str) -> Run | None:
    try:
        return Run.objects.select_related("owner").filter(pk=UUID(object_id)).first()
    except ValueError:
        return None


def _shown(run: Run) -> dict[str, Any]:
    return {
        "run": run,
        "kind": _STATES.get(Run.State(run.state), "busy"),
        "where": f"Library of {run.owner.email}" if run.owner else "Its own documents",
        "when": _moment(run),
        "values": [_value(run, name) for name in ("hit_5", "mrr", "ndcg", "p95_ms")],
    }


def _moment(run: Run) -> str:
    return f"{timezone.localtime(run.started_at):%-d %b %Y, %H:%M}"


def _value(run: Run, name: str) -> str:
    value = run.figures.get(name)
    if value is None:
        return "–"
    return f"{value:,.0f}" if name.endswith("ms") else f"{value:.3f}"


def _over_time(name: str, runs: list[Run]) -> list[plots.Plot]:
    """Left the oldest. Two plots, since shares and milliseconds have no axis in common."""
    done = [run for run in reversed(runs) if run.figures]
    if not done:
        return []
    labels = [f"{timezone.localtime(run.started_at):%-d %b, %H:%M}" for run in done]
    words = {key: said for key, said, _ in MEASURES}
    quality = [
        (words[key], [run.figures.get(key) for run in done])
        for key in _PLOTTED
        if any(run.figures.get(key) is not None for run in done)
    ]
    speed = [(words[key], [run.figures.get(key) for run in done]) for key in ("p50_ms", "p95_ms")]
    slowest = max([value for _, values in speed for value in values if value is not None] or [1])
    latest = ", ".join(f"{said} {values[-1]:.3f}" for said, values in quality if values[-1] is not None)
    return [
        plots.lines(f"How well, {name}", f"{len(done)} runs; the latest: {latest}.", labels, quality, top=1.0),
        plots.lines(
            f"How fast, {name}",
            f"Milliseconds for a search in {len(done)} runs, the slowest {slowest:.0f}.",
            labels,
            speed,
            top=plots.nice(slowest),
        ),
    ]


def _compared(wanted: list[str], runs: list[Run]) -> dict[str, Any] | None:
    chosen = [run for run in runs if str(run.pk) in wanted][:_MOST_COMPARED]
    if len(chosen) < 2:
        return None
    chosen.reverse()
    rows = []
    for name, words, more_is_better in MEASURES:
        values = [run.figures.get(name) for run in chosen]
        known = [value for value in values if value is not None]
        if not known:
            continue
        best = max(known) if more_is_better else min(known)
        differ = len(set(known)) > 1
        rows.append((words, [(_value(run, name), differ and run.figures.get(name) == best) for run in chosen]))
    facts = [("Vectors", [run.embedding_model for run in chosen]), ("Judge", [run.judge_model for run in chosen])]
    facts += [(words, [run.conditions.get(name) for run in chosen]) for name, words in _CONDITIONS.items()]
    return {
        "runs": [_shown(run) for run in chosen],
        "rows": rows,
        # What is the same in all of them explains nothing.
        "facts": [(words, values) for words, values in facts if len({str(value) for value in values}) > 1],
        "is_same_set": len({run.set_fingerprint for run in chosen}) == 1,
    }


def _about(request: HttpRequest, run: Run) -> dict[str, Any]:
    ranks = dict(
        Asked.objects.filter(run=run, is_answerable=True).values_list("first_hit").annotate(Count("pk")).order_by()
    )
    counts = [(str(rank), float(ranks.get(rank, 0))) for rank in range(1, 11)]
    later = sum(count for rank, count in ranks.items() if rank and rank > 10)
    counts += [("later", float(later)), ("not found", float(ranks.get(None, 0)))]
    asked = Asked.objects.filter(run=run).order_by(F("first_hit").desc(nulls_first=True), "number")
    first = int(counts[0][1])
    figures = [(words, _value(run, name)) for name, words, _ in MEASURES if name in run.figures]
    return {
        "title": run.set_name,
        **_shown(run),
        "figures": figures,
        "facts": _facts(run),
        "plot": plots.bars(
            "Rank of the first passage that was expected",
            f"Of {run.figures.get('answerable', 0)} questions {first} had it first.",
            counts,
        )
        if ranks
        else None,
        "counts": counts,
        "page": Paginator(asked, _ROWS).get_page(request.GET.get("p")),
    }


def _facts(run: Run) -> list[tuple[str, str]]:
    lasted = f"{(run.ended_at - run.started_at).total_seconds():.0f} s" if run.ended_at else ""
    judged = ""
    if run.judge_model:
        failures = run.figures.get("judge_failures", 0)
        judged = f"{run.judge_model}: {run.figures.get('judged', 0)} answers, failed {failures} times"
    facts = [
        ("Begun", _moment(run)),
        ("Took", lasted),
        ("Asked in", f"Library of {run.owner.email}" if run.owner else "Its own documents"),
        ("Questions", f"{run.asked} of {run.questions}"),
        ("Vectors", run.embedding_model),
        ("Answers by", run.answer_model),
        ("Judge", judged),
        ("Note", run.note),
        *((words, str(run.conditions.get(name, ""))) for name, words in _CONDITIONS.items()),
    ]
    return [(name, value) for name, value in facts if value]
