"""What something costs now, against an earlier commit: both in turns on the same machine, so that only ratios count.

    git worktree add /tmp/before <commit>
    python -m bench.against /tmp/before ingestion --rounds 5
    python -m bench.against /tmp/before opening --rounds 5

Of each figure the least of all rounds is compared: what else the machine did can only add to it.
"""

import argparse
import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
Figures = dict[str, float]


def ingestion(tree: Path) -> Figures:
    """Seconds from claiming a generated PDF of 200 pages to ready."""
    said = _run(tree, "bench.ingest", "--only", "speed", "--pages", "200", "--corpora", "/nowhere")
    row = next(ast.literal_eval(line) for line in said.splitlines() if line.startswith("{'file'"))
    return {"seconds": row["seconds"], "parser and embedder alone": row["parse_alone"] + row["embed_alone"]}


def opening(tree: Path) -> Figures:
    """The page of a conversation of 1,000 messages, over HTTP: milliseconds, and those of the processor."""
    found = _result(tree, "bench.long_conversation")["messages"]["1000"]
    used = found["cpu_ms"]
    return {"p50": found["ms"]["p50"], "web CPU": used["web"], "database CPU": used["database"]}


def first_word(tree: Path) -> Figures:
    """Milliseconds by which the first token comes later than the model server's own."""
    added = _result(tree, "bench.streaming", "--single")["first_token_added_ms"]
    return {"p50": added["p50"], "p95": added["p95"]}


def streams(tree: Path) -> Figures:
    """A hundred answers at once: milliseconds, and those of the processor."""
    found = _result(tree, "bench.streaming", "--streams", "100")
    return {
        "CPU per token": found["cpu_ms_per_token"],
        "CPU per question": found["cpu_ms_per_question"],
        "first token added, p95": found["first_token_added_ms"]["p95"],
        "gap, p99": found["gap_ms"]["p99"],
    }


BENCHES: dict[str, Callable[[Path], Figures]] = {
    "ingestion": ingestion,
    "opening": opening,
    "first_word": first_word,
    "streams": streams,
}


def _result(tree: Path, *module: str) -> Any:
    said = _run(tree, *module)
    return json.loads(said[said.index("{") :])


def _run(tree: Path, *module: str) -> str:
    done = subprocess.run([sys.executable, "-m", *module], cwd=tree, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="a worktree of the earlier commit")
    parser.add_argument("bench", choices=sorted(BENCHES))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    trees = {"before": options.before.resolve(), "now": PROJECT}
    measured: dict[str, list[Figures]] = {name: [] for name in trees}
    for turn in range(options.rounds):
        for name in list(trees)[:: 1 if turn % 2 else -1]:
            measured[name].append(BENCHES[options.bench](trees[name]))
            print(name, measured[name][-1], flush=True)
    for figure in measured["now"][0]:
        before, now = (min(round_[figure] for round_ in measured[name]) for name in trees)
        print(f"{figure}: {before:g} before, {now:g} now, {now / before:.2f}")


if __name__ == "__main__":
    main()
