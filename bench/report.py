"""Where results go: one JSON file for each run, and one Markdown page for each bench, made of those files."""

import datetime as dt
import json
import math
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def machine() -> dict[str, Any]:
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1024 / 1024),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def spread(values: Sequence[float], scale: float = 1000.0) -> dict[str, float]:
    """In milliseconds, when the values are seconds."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(values, share) * scale, 1) for name, share in shares.items()}


def commit() -> str:
    """Which code was measured, and whether it was changed since. Results of other runs are no change."""
    project = RESULTS.parent.parent

    def git(*arguments: str) -> str:
        said = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=project, check=False)
        return said.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results")
    return git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def write(bench: str, name: str, result: dict[str, Any], page: Callable[[list[dict[str, Any]]], str]) -> Path:
    """Keep `result` as <bench>-<name>.json and make the bench's page anew from all its results."""
    RESULTS.mkdir(exist_ok=True)
    full = {
        "bench": bench,
        "name": name,
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "commit": commit(),
        "machine": machine(),
        **result,
    }
    path = RESULTS / f"{bench}-{name}.json"
    path.write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")
    runs = [json.loads(found.read_text(encoding="utf-8")) for found in sorted(RESULTS.glob(f"{bench}-*.json"))]
    (RESULTS / f"{bench}.md").write_text(page(runs), encoding="utf-8")
    return path


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def described(run: dict[str, Any]) -> str:
    about = run["machine"]
    return (
        f"{run['date']}, commit {run['commit']}, {about['cores']} cores of {about['cpu']}, {about['memory_gb']} GB, "
        f"{about['system']}, Python {about['python']}"
    )
