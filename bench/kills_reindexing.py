"""kill -9 at random moments of re-indexing, searched all the time: bench/README.md, "Kills".

python -m bench.kills_reindexing [--kills 25] [--seed 1] [--documents 60] [--note TEXT] [--keep]

By turns the whole library moves to another model and a person's part is made anew. Each run is killed and begun again
until it ends by itself; after each kill the rows are looked through.
"""

import argparse
import json
import multiprocessing
import random
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from bench import report
from bench.database import own_database
from bench.synthetic import Author

if TYPE_CHECKING:
    from uuid import UUID

MODEL, OLDER = "builtin/wordllama", "builtin/wordllama, as it was"
PASSAGES = 20
NEEDLE = "The lighthouse keeper of Quonsetville paints pelicans."

# What must never be, by query: the words are for the page.
FORBIDDEN = {
    "lost: no vector where it is searched": """
        SELECT count(*) FROM documents_chunk AS chunk
        JOIN documents_document AS document ON document.current_version_id = chunk.version_id
        WHERE NOT EXISTS (
            SELECT FROM documents_embedding JOIN documents_embeddingspace AS space ON space.id = space_id
            WHERE chunk_id = chunk.id AND space.state = 'active'
        )""",
    "lost: a version without postings": """
        SELECT count(*) FROM documents_document AS document
        WHERE NOT EXISTS (SELECT FROM documents_posting WHERE version_id = document.current_version_id)""",
    "doubled: two vectors in one space": """
        SELECT count(*) FROM (
            SELECT FROM documents_embedding GROUP BY space_id, chunk_id HAVING count(*) > 1
        ) AS twice""",
    "doubled: more than one active space": """
        SELECT greatest(count(*) - 1, 0) FROM documents_embeddingspace WHERE state = 'active'""",
    "orphaned: a vector without passage, version or space": """
        SELECT count(*) FROM documents_embedding AS embedding
        WHERE NOT EXISTS (SELECT FROM documents_chunk WHERE id = chunk_id AND version_id = embedding.version_id)
            OR NOT EXISTS (SELECT FROM documents_embeddingspace WHERE id = space_id)""",
    "orphaned: postings without version": """
        SELECT count(*) FROM documents_posting
        WHERE NOT EXISTS (SELECT FROM documents_documentversion WHERE id = version_id)""",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--documents", type=int, default=60, help=f"of {PASSAGES} passages each")
    parser.add_argument("--note", default="", help="what to know about this run, for the page")
    parser.add_argument("--keep", action="store_true", help="write to bench/results")
    options = parser.parse_args()
    with own_database():
        result = {**killing(options), "note": options.note}
    print(json.dumps(result, indent=2))
    if options.keep:
        report.write("kills_reindexing", "reindexing", result, _page)
    if result["forbidden"] or result["search"]["failed"] or result["changed"]:
        sys.exit("Something was lost, see above.")


def killing(options: argparse.Namespace) -> dict[str, Any]:
    owner_id = _library(options.documents)
    before, chance = _digest(), random.Random(options.seed)
    # Each run is a fork of a process that has loaded everything and holds no connection.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["bench.loaded"])
    lasts = {kind: _undisturbed(processes, kind, owner_id) for kind in ("model", "part")}
    kills: list[dict[str, Any]] = []
    forbidden: dict[str, int] = {}
    runs = 0
    begun = time.monotonic()
    with _Searching(owner_id) as searching:
        while len(kills) < options.kills:
            kind = ("model", "part")[runs % 2]
            runs += 1
            if kind == "model":
                _age()
            ended = False
            while not ended and len(kills) < options.kills:
                ended, kill = _killed(processes, kind, owner_id, chance.uniform(0, lasts[kind]))
                if kill is not None:
                    kills.append(kill)
                    _add(forbidden, _forbidden())
        for kind in ("model", "part"):
            _undisturbed(processes, kind, owner_id, age=False)
        _add(forbidden, _forbidden())
    return {
        "kills": kills,
        "seed": options.seed,
        "seconds": round(time.monotonic() - begun),
        "passages": options.documents * PASSAGES + 1,
        "undisturbed_seconds": {kind: round(each, 2) for kind, each in lasts.items()},
        "runs": runs,
        "forbidden": forbidden,
        "changed": _digest() != before,
        "search": searching.figures(),
    }


def _library(documents: int) -> "UUID":
    from accounts.models import User
    from bench.retrieval import add_document

    author, owner = Author(), User.objects.create_user("kills@example.org")
    for number in range(documents):
        add_document(owner, f"report {number}.txt", author.document(PASSAGES))
    add_document(owner, "lighthouse.txt", [NEEDLE])
    return owner.pk


def _age() -> None:
    """The active space is now of a model that is to be left. Searching it takes the same vectors."""
    from documents.models import EmbeddingSpace

    EmbeddingSpace.objects.filter(state="active").update(model=OLDER)


def _work(kind: str, owner_id: "UUID", pipe: Any) -> None:
    """One run, in a process of its own."""
    from documents import reindexing
    from documents.runs import Part

    def told(progress: Any) -> None:
        pipe.send(progress.done)

    reindexing.BATCH, reindexing.PATIENT_WITH_THE_DEAD = 32, 30.0
    if kind == "model":
        reindexing.reindex(MODEL, report=told, grace=0.5)
    else:
        reindexing.renew(Part(owner_id), report=told)


def _started(processes: Any, kind: str, owner_id: "UUID") -> tuple[Any, Any]:
    """The process, and where it tells its progress; it has begun to work."""
    ours, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=_work, args=(kind, owner_id, theirs))
    process.start()
    theirs.close()
    ours.recv()
    return process, ours


def _undisturbed(processes: Any, kind: str, owner_id: "UUID", *, age: bool = True) -> float:
    if kind == "model" and age:
        _age()
    process, pipe = _started(processes, kind, owner_id)
    begun = time.monotonic()
    _drained(pipe)
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"An undisturbed run of {kind} ended with {process.exitcode}.")
    return time.monotonic() - begun


def _killed(processes: Any, kind: str, owner_id: "UUID", after: float) -> tuple[bool, dict[str, Any] | None]:
    """Whether the run ended by itself, and otherwise what was killed when."""
    process, pipe = _started(processes, kind, owner_id)
    process.join(after)
    if process.exitcode is not None:
        return process.exitcode == 0, None
    process.kill()
    process.join()
    return False, {"kind": kind, "after": round(after, 3), "passages": _drained(pipe), "left": _states()}


def _drained(pipe: Any) -> int:
    """What was told last."""
    last = 0
    try:
        while True:
            last = pipe.recv()
    except EOFError:
        return last


def _states() -> dict[str, int]:
    """Vectors by the state of their space, as the kill left them."""
    return dict(
        _rows(
            """SELECT space.state, (SELECT count(*) FROM documents_embedding WHERE space_id = space.id)
            FROM documents_embeddingspace AS space ORDER BY space.id"""
        )
    )


def _forbidden() -> dict[str, int]:
    found = {words: _rows(sql)[0][0] for words, sql in FORBIDDEN.items()}
    return {words: count for words, count in found.items() if count}


def _add(to: dict[str, int], found: dict[str, int]) -> None:
    for words, count in found.items():
        to[words] = to.get(words, 0) + count


def _digest() -> list[Any]:
    """All passages and postings, and nothing of when they were written."""
    return _rows(
        """SELECT (SELECT md5(string_agg(concat(id, version_id, index, length), ',' ORDER BY id)) FROM documents_chunk),
            (SELECT md5(string_agg(concat(term, version_id, passages), ',' ORDER BY term, version_id))
                FROM documents_posting)"""
    )


def _rows(sql: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


class _Searching:
    """Somebody asks for one passage all the time, by words and by vectors."""

    def __init__(self, owner_id: "UUID") -> None:
        self._owner_id = owner_id
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._search)
        self._times: list[float] = []
        self._failed: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _search(self) -> None:
        from django.db import connection

        from accounts.tenancy import acting_as
        from documents.retrieval import search, searching

        real = searching.embed_query
        searching.embed_query = lambda key, text: real(MODEL if key == OLDER else key, text)
        with acting_as(self._owner_id):
            while not self._stop.is_set():
                begun = time.perf_counter()
                try:
                    found = search(user_id=self._owner_id, query="Who paints pelicans in the lighthouse?")
                    if not found.passages or NEEDLE not in found.passages[0].text:
                        self._failed.append("another passage, or none")
                    elif found.trace["by_words_alone"] or found.trace["passages"][0]["similarity"] < 0.1:
                        self._failed.append("without vectors")
                except Exception as error:  # noqa: BLE001 - whatever it is, the search was not answered
                    self._failed.append(type(error).__name__)
                self._times.append(time.perf_counter() - begun)
                time.sleep(0.02)
        connection.close()

    def figures(self) -> dict[str, Any]:
        return {
            "searches": len(self._times),
            "failed": len(self._failed),
            "why": sorted(set(self._failed)),
            "median_ms": round(1000 * statistics.median(self._times)),
            "longest_ms": round(1000 * max(self._times)),
        }


def _page(runs: list[dict[str, Any]]) -> str:
    parts = ["# Kills of re-indexing\n"]
    for run in runs:
        kinds = [kill["kind"] for kill in run["kills"]]
        states = [set(kill["left"]) for kill in run["kills"]]
        rows = [
            ["kills", f"{len(kinds)}: moving to a model {kinds.count('model')}, a part anew {kinds.count('part')}"],
            ["a second space half built", sum("building" in state for state in states)],
            ["after the switch, the old not removed yet", sum("retired" in state for state in states)],
            ["passages", run["passages"]],
            ["undisturbed, s", ", ".join(f"{kind} {each}" for kind, each in run["undisturbed_seconds"].items())],
            ["lost, doubled, orphaned", json.dumps(run["forbidden"]) if run["forbidden"] else "none"],
            ["passages and postings at the end", "changed" if run["changed"] else "as before"],
            ["searches meanwhile", f"{run['search']['searches']}, failed {run['search']['failed']}"],
            ["median, longest search, ms", f"{run['search']['median_ms']}, {run['search']['longest_ms']}"],
        ]
        parts.append(f"## {run['name'].capitalize()}\n\n{report.described(run)}. {run['note']}\n")
        parts.append(report.table(["seed " + str(run["seed"]), f"{run['seconds']} s"], rows))
    return "\n".join(parts)


if __name__ == "__main__":
    main()
