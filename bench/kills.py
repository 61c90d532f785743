"""kill -9 at random moments, and nothing is lost, doubled or orphaned: bench/README.md, "Kills".

python -m bench.kills [--kills 25] [--seed 1] [--files 45] [--note TEXT] [--keep]

The documents worker of the whole product is killed while it takes in files of nine kinds: the worker, or one process
of its pool. The same files are then taken in undisturbed by somebody else, and what became of both is compared.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench import report
from bench.stack import PROJECT, Stack

_BUSY = "SELECT count(*) FROM documents_document WHERE status IN ('queued', 'parsing', 'embedding')"
_IN_WORK = "SELECT status FROM documents_document WHERE status IN ('parsing', 'embedding') AND progress_total > 0"
# Seconds between a document being in work and the kill, at most.
_SPREAD = 1.5
CALM, KILLED, READER = "calm@example.org", "killed@example.org", "reader@example.org"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=45, help="of one batch; there are as many as it takes")
    parser.add_argument("--note", default="", help="what to know about this run, for the page")
    parser.add_argument("--keep", action="store_true", help="write to bench/results")
    options = parser.parse_args()
    with Stack(model_url="http://127.0.0.1:9", LLM_PROVIDER="builtin") as stack:
        result = ingestion(stack, options)
    print(json.dumps(result, indent=2))
    if options.keep:
        report.write("kills", "ingestion", {**result, "note": options.note}, _page)
    if result["forbidden"] or result["differing"] or result["search"]["failed"]:
        sys.exit("Something was lost, see above.")


def ingestion(stack: Stack, options: argparse.Namespace) -> dict[str, Any]:
    # What is searched all the time.
    _upload(stack, READER, 1, 0)
    _wait(stack)
    begun = time.monotonic()
    with _searching(stack) as searched:
        kills, batches, retried = _kill(stack, options)
        lasted = time.monotonic() - begun
    forbidden = json.loads(stack.run("bench.indexed", "forbidden"))
    for seed in range(1, batches + 1):
        _upload(stack, CALM, options.files, seed)
    _wait(stack)
    calm, killed = (json.loads(stack.run("bench.indexed", "digests", address)) for address in (CALM, KILLED))
    return {
        "kills": kills,
        "seed": options.seed,
        "seconds": round(lasted),
        "documents": len(killed),
        "retried_by_hand": retried,
        "search": searched,
        "forbidden": forbidden + json.loads(stack.run("bench.indexed", "forbidden")),
        "differing": sorted(name for name in calm.keys() | killed.keys() if calm.get(name) != killed.get(name)),
    }


def _kill(stack: Stack, options: argparse.Namespace) -> tuple[list[dict[str, Any]], int, int]:
    """(what was killed when, how many batches there were, how many documents a person had to try again)"""
    chance, kills, batches, retried = random.Random(options.seed), [], 0, 0
    while len(kills) < options.kills:
        if stack.rows(_BUSY) == [(0,)]:
            batches += 1
            _upload(stack, KILLED, options.files, batches)
        stack.wait_until(lambda: stack.rows(_IN_WORK), 90, "Nobody reads.", every=0.01)
        time.sleep(chance.uniform(0, _SPREAD))
        in_work = sorted(status for (status,) in stack.rows(_IN_WORK))
        what = chance.choice(["worker", "process"])
        with suppress(KeyError, ProcessLookupError):  # the last one is not back yet
            _end(stack, what, chance)
            kills.append({"what": what, "in_work": in_work})
    # A file that had its worker killed over it again and again waits for a person to try again.
    while _wait(stack) and (again := int(stack.run("bench.indexed", "retry", KILLED))):
        retried += again
    return kills, batches, retried


def _end(stack: Stack, what: str, chance: random.Random) -> None:
    worker = stack.leaders()["documents"]
    pool = [pid for pid in stack.processes()["documents"] if _parent(pid) == worker]
    os.kill(chance.choice(sorted(pool)) if what == "process" and pool else worker, signal.SIGKILL)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])


def _upload(stack: Stack, address: str, count: int, seed: int) -> None:
    stack.run("bench.indexed", "upload", address, str(count), str(seed))


def _wait(stack: Stack) -> bool:
    return bool(stack.wait_until(lambda: stack.rows(_BUSY) == [(0,)], 600, "It does not end.", every=0.2))


@contextmanager
def _searching(stack: Stack) -> Iterator[dict[str, Any]]:
    """Somebody searches all the time; how that went is in the mapping afterwards."""
    command = [sys.executable, "-m", "bench.indexed", "search", READER]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=stack.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, Any] = {}
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
        yield result
        said, _ = process.communicate(timeout=60)
        result |= json.loads(said)
    finally:
        process.kill()
        process.wait()


def _page(runs: list[dict[str, Any]]) -> str:
    parts = ["# Kills\n"]
    for run in runs:
        killed = [kill["what"] for kill in run["kills"]]
        at = [status for kill in run["kills"] for status in kill["in_work"]]
        rows = [
            [
                "kills",
                f"{len(killed)}: the worker {killed.count('worker')}, one of its processes {killed.count('process')}",
            ],
            ["in the middle of", f"reading {at.count('parsing')}, indexing {at.count('embedding')} documents"],
            ["documents", run["documents"]],
            ["tried again by hand", run["retried_by_hand"]],
            ["other than without kills", ", ".join(run["differing"]) or "none"],
            ["lost, doubled, orphaned", ", ".join(run["forbidden"]) or "none"],
            ["searches meanwhile", f"{run['search']['searches']}, failed {run['search']['failed']}"],
            ["longest search, ms", run["search"]["longest_ms"]],
        ]
        parts.append(f"## {run['name'].capitalize()}\n\n{report.described(run)}. {run['note']}\n")
        parts.append(report.table(["seed " + str(run["seed"]), f"{run['seconds']} s"], rows))
    return "\n".join(parts)


if __name__ == "__main__":
    main()
