"""Which questions without an answer the relevance threshold keeps from being answered: bench/README.md, "Unanswerable".

python -m bench.unanswerable [--corpora FOLDER] [--sets squad,clapnq] [--note TEXT] [--read] [--keep]
"""

import argparse
import asyncio
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from asgiref.sync import sync_to_async

from bench import judged, report
from bench.database import own_database
from bench.retrieval import load

if TYPE_CHECKING:
    from documents.retrieval.searching import Finding

KINDS = {"answerable": "with an answer", "near": "near, without", "strange": "of another set"}
THRESHOLDS = (0.30, 0.36, 0.42, 0.48)
# Answerable questions that may be lost.
LOSS = 0.05
_MOST = 300
# Of the five best passages, the best value of each, 0 to 1 or near it. The first is what the threshold looks at.
MEASURES = ("relevance", "lead", "cosine", "covered", "known", "together", "in_order", "meaning", "document")
Questions = dict[str, list[list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, default=judged.default_corpora())
    parser.add_argument("--sets", default="", help="only these judged sets, by folder")
    parser.add_argument("--note", default="", help="what to know about this run, for the page")
    parser.add_argument("--read", action="store_true", help="with FAST_MODEL of OLLAMA_BASE_URL reading the passages")
    parser.add_argument("--keep", action="store_true", help="write to bench/results")
    options = parser.parse_args()
    with own_database(provider="ollama" if options.read else "builtin"):
        for one in judged.judged_sets(options.corpora, most_questions=_MOST):
            wanted = options.sets.split(",") if options.sets else [one.name]
            if "," in one.name or one.judges_documents or one.name not in wanted:
                continue
            if options.read:
                shares = read(one)
                print(one.name, json.dumps(shares), flush=True)
                if options.keep:
                    result = {"model": os.environ.get("FAST_MODEL", ""), "without": shares, "note": options.note}
                    report.write("unanswerable_read", one.name, result, page_of_reading)
                continue
            questions = measured(one)
            print(one.name, json.dumps(at(questions, 0.36)), flush=True)
            # A line for each question, so that the file stays one that can be looked through.
            lines = {kind: [" ".join(map(str, row)) for row in rows] for kind, rows in questions.items()}
            result = {"measures": MEASURES, "questions": lines, "note": options.note}
            if options.keep:
                report.write("unanswerable", one.name, result, page)


def measured(one: judged.JudgedSet) -> Questions:
    """The measures of every question, by kind."""
    from accounts.models import User
    from documents.retrieval.scope import visible_scope
    from documents.retrieval.searching import find
    from documents.spaces import active_space

    owner = User.objects.create_user(f"{one.name}@example.org")
    load(owner, one)
    scope, space = visible_scope(owner.pk), active_space()
    asked = {"answerable": [text for _, text in one.questions], "near": one.unanswerable, "strange": one.strange}
    found = {kind: [_measures(find(scope, space, text, limit=20)) for text in texts] for kind, texts in asked.items()}
    owner.delete()
    return found


def read(one: judged.JudgedSet) -> dict[str, float]:
    """The share of each kind that no passage is left for, as with RAG_RERANK."""
    from accounts.models import User
    from chats.answering import reranking
    from documents.retrieval import look, settle

    async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await sync_to_async(function)(*args, **kwargs)

    def is_left_alone(question: str) -> bool:
        candidates = look(user_id=owner.pk, query=question)
        if not candidates.texts:
            return True
        reranked = asyncio.run(
            reranking.rerank(question, candidates.texts, used=candidates.top_k, beside="", in_thread=in_thread)
        )
        return not settle(candidates, reranked).passages

    owner = User.objects.create_user(f"{one.name}@example.org")
    load(owner, one)
    asked = {"answerable": [text for _, text in one.questions], "near": one.unanswerable, "strange": one.strange}
    shares = {kind: float(np.mean([is_left_alone(text) for text in texts])) for kind, texts in asked.items() if texts}
    owner.delete()
    return shares


def _measures(found: "Finding") -> list[float]:
    from documents.retrieval.choosing import relevance

    question, best = found.question, found.read[:5]
    weight = question.weight or 1.0
    relevances = sorted((relevance(each.row, question) for each in best), reverse=True) or [0.0]
    rarities = best[0].row.rarities if best else {}
    known = sum(
        value
        for word, value in zip(question.words, question.values, strict=True)
        if any(term in rarities and rarities[term].found for term in word.terms)
    )
    values = [
        relevances[0],
        relevances[0] - (sum(relevances[1:4]) / len(relevances[1:4]) if len(relevances) > 1 else 0.0),
        max((each.row.similarity for each in best), default=0.0),
        max((sum(question.values[place] for place in each.reading.found) / weight for each in best), default=0.0),
        known / weight,
        *(max((getattr(each.reading, name) for each in best), default=0.0) for name in MEASURES[5:8]),
        max((each.row.document_score / weight for each in best), default=0.0),
    ]
    return [round(value, 3) for value in values]


# --- What it is worth ---------------------------------------------------------------------------------------------


def at(questions: Questions, threshold: float) -> dict[str, float]:
    """The share of each kind that no passage is left for."""
    return {kind: _below([row[0] for row in rows], threshold) for kind, rows in questions.items() if rows}


def at_loss(scores: dict[str, Sequence[float]]) -> dict[str, float]:
    """The same at the highest threshold that loses no more than LOSS of the answerable; and that threshold."""
    threshold = float(np.quantile(scores["answerable"], LOSS))
    return {kind: _below(rows, threshold) for kind, rows in scores.items() if len(rows)} | {"threshold": threshold}


def _below(scores: Sequence[float], threshold: float) -> float:
    return float(np.mean(np.array(scores) < threshold))


def fitted(sets: Sequence[Questions]) -> Callable[[list[list[float]]], np.ndarray]:
    """A logistic combination of all measures, fitted on every second question of these sets."""
    good = [row for one in sets for row in one["answerable"][::2]]
    bad = [row for one in sets for kind in ("near", "strange") for row in one[kind][::2]]
    rows = np.array(good + bad)
    middle, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    inputs = np.c_[(rows - middle) / spread, np.ones(len(rows))]
    wanted = np.r_[np.ones(len(good)), np.zeros(len(bad))]
    # Both kinds weigh the same, however many there are.
    counts = np.r_[np.full(len(good), 1 / len(good)), np.full(len(bad), 1 / len(bad))] * len(rows) / 2
    weights, ridge = np.zeros(inputs.shape[1]), 5.0
    for _ in range(60):
        guess = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (counts * (guess - wanted)) + ridge * np.r_[weights[:-1], 0]
        bend = (inputs.T * (counts * guess * (1 - guess))) @ inputs + ridge * np.eye(len(weights))
        weights -= np.linalg.solve(bend, slope)
    return lambda asked: np.c_[(np.array(asked) - middle) / spread, np.ones(len(asked))] @ weights


def page(runs: list[dict[str, Any]]) -> str:
    sets: dict[str, Questions] = {
        run["name"]: {kind: [[*map(float, line.split())] for line in rows] for kind, rows in run["questions"].items()}
        for run in runs
    }
    everything = {kind: [row for one in sets.values() for row in one[kind]] for kind in KINDS}
    named = {**sets, "all together": everything}
    heads = ["set", *(f"{threshold:.2f}: {words}" for threshold in THRESHOLDS for words in KINDS.values())]
    curve = [
        [name, *(_percent(at(one, threshold).get(kind)) for threshold in THRESHOLDS for kind in KINDS)]
        for name, one in named.items()
    ]
    alone, combined = [], []
    learned = fitted(list(sets.values()))
    for name, one in named.items():
        # Judged on the questions it was not fitted on.
        rest = {kind: rows[1::2] for kind, rows in one.items()}
        alone.append(at_loss({kind: [row[0] for row in rows] for kind, rows in rest.items()}) | {"set": name})
        scores: dict[str, Any] = {kind: learned(rows) if rows else [] for kind, rows in rest.items()}
        combined.append(at_loss(scores))
    best = [
        [one["set"], f"{one['threshold']:.2f}"]
        + [_percent(each.get(kind)) for each in (one, other) for kind in ("near", "strange")]
        for one, other in zip(alone, combined, strict=True)
    ]
    about = "\n".join(
        f"* {run['name']}: {_counts(run)}. {report.described(run)}. {run['note']}".rstrip() for run in runs
    )
    return (
        "# Unanswerable\n\nQuestions that the relevance threshold leaves without a passage, built-in embedder. With an "
        "answer: these are lost. Near: of the same subjects, made or chosen to look answerable. "
        "Of another set: on other subjects.\n\n"
        + report.table(heads, curve)
        + f"\nEach set at the threshold of its own that loses {LOSS:.0%} of its answerable questions: by relevance, "
        "and by a logistic combination of nine measures, fitted on every second question of all sets and judged on the "
        "others.\n\n"
        + report.table(
            ["set", "threshold", "near", "of another set", "combination: near", "combination: of another set"], best
        )
        + f"\n{about}\n"
    )


def page_of_reading(runs: list[dict[str, Any]]) -> str:
    rows = [[run["name"], run["model"], *(_percent(run["without"].get(kind)) for kind in KINDS)] for run in runs]
    about = "\n".join(f"* {run['name']}: {report.described(run)}. {run['note']}".rstrip() for run in runs)
    return (
        "# Unanswerable, with a model that reads\n\nQuestions that are left without a passage where the fast model "
        "reads the best passages first (RAG_RERANK).\n\n"
        + report.table(["set", "model", *KINDS.values()], rows)
        + f"\n{about}\n"
    )


def _counts(run: dict[str, Any]) -> str:
    return ", ".join(f"{len(rows)} {KINDS[kind]}" for kind, rows in run["questions"].items() if rows)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.0f} %"


if __name__ == "__main__":
    main()
