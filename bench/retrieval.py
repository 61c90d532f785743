"""How well and how fast passages are found: bench/README.md, "Retrieval".

python -m bench.retrieval [--only quality|latency] [--corpora FOLDER] [--sizes 1000,10000,100000] [--note TEXT] [--keep]
"""

import argparse
import datetime as dt
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import judged, report
from bench.database import own_database
from bench.synthetic import WORDS, Author

if TYPE_CHECKING:
    from accounts.models import User
    from documents.models import Document
    from documents.retrieval import Filters
    from documents.retrieval.searching import Finding

OWNERS = 10
DOCUMENT_SIZES = (5, 10, 20, 50, 100, 200, 300)
KINDS = ("rare", "middling", "common")
SIDES = ("words", "vectors", "hybrid")
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["quality", "latency"])
    parser.add_argument("--corpora", type=Path, default=judged.default_corpora())
    parser.add_argument("--sets", default="", help="only these judged sets, by folder")
    parser.add_argument("--questions", type=int, default=1000, help="at most, of each set")
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--repeats", type=int, default=60, help="questions of each kind")
    parser.add_argument("--note", default="", help="what to know about this run, for the page")
    parser.add_argument("--keep", action="store_true", help="write to bench/results")
    options = parser.parse_args()
    with own_database():
        for name in ("quality", "latency"):
            if options.only in {None, name}:
                result = quality(options) if name == "quality" else latency(options)
                result["note"] = options.note
                print(json.dumps(result, indent=2))
                if options.keep:
                    report.write("retrieval", name, result, _page)


def add_document(owner: "User", name: str, texts: Sequence[str]) -> "Document":
    """Through the product's own door, one passage for each text."""
    from documents.index import NewPassage, active_space, searchable_text, write_passages
    from documents.models import Document, DocumentVersion
    from documents.spaces import embed

    document = Document.objects.create(owner=owner, name=name[:255], status=Document.Status.READY)
    version = DocumentVersion.objects.create(
        document=document, number=1, blob="", fingerprint="", size=1, media_type="text/plain"
    )
    passages = [
        NewPassage(page, 0, text, searchable=searchable_text(document.name, "", text))
        for page, text in enumerate(texts, start=1)
    ]
    space = active_space()
    write_passages(version, passages, embed(space, [passage.searchable for passage in passages]), space=space)
    document.current_version = version
    document.save()
    return document


# --- How well -----------------------------------------------------------------------------------------------------


def quality(options: argparse.Namespace) -> dict[str, Any]:
    from accounts.models import User

    sets: dict[str, Any] = {}
    for one in judged.judged_sets(options.corpora, most_questions=options.questions):
        if options.sets and one.name.partition(",")[0] not in options.sets.split(","):
            continue
        owner = User.objects.create_user(f"{len(sets)}@example.org")
        ids = load(owner, one)
        sets[one.name] = scores(owner, one, ids)
        print(one.name, sets[one.name], flush=True)
        owner.delete()
    return {"sets": sets}


def load(owner: "User", one: judged.JudgedSet) -> dict[int, str]:
    """The set's names by chunk id. Files are taken in as the worker does; of texts each is one passage."""
    if one.files:
        return _ingested(owner, one)
    ids: dict[int, str] = {}
    for title, passages in one.documents.items():
        document = add_document(owner, title, [text for _, text in passages])
        chunks = document.current_version.chunks.order_by("index").values_list("pk", flat=True)
        names = [title] * len(passages) if one.judges_documents else [name for name, _ in passages]
        ids.update(zip(chunks, names, strict=True))
    return ids


def _ingested(owner: "User", one: judged.JudgedSet) -> dict[int, str]:
    from bench.ingest import upload
    from documents.ingestion import ingest

    ids: dict[int, str] = {}
    for path in one.files:
        document = upload(owner, path.read_bytes(), path.name)
        ingest(document.pk)
        document.refresh_from_db()
        for chunk, page in document.current_version.chunks.values_list("pk", "page"):
            ids[chunk] = path.stem if one.judges_documents else f"{path.stem}:p{page}"
    return ids


def scores(owner: "User", one: judged.JudgedSet, ids: dict[int, str]) -> dict[str, Any]:
    from accounts.encryption import keys
    from documents.retrieval.scope import visible_scope
    from documents.retrieval.searching import find, plan_for, ranked
    from documents.retrieval.statement import Weights
    from documents.spaces import active_space
    from documents.terms import query_terms, query_words
    from llms.embeddings import embed_query

    scope, space, key = visible_scope(owner.pk), active_space(), keys.of(owner.pk).terms
    plan = plan_for(scope, space)
    alone = {"words": Weights(vector=0, document=0), "vectors": Weights(vector=1)}
    # Several passages of a file may stand on one page.
    limit = 60 if one.files else 20
    figures: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for question, text in one.questions:
        terms, vector = query_terms(query_words(text, scope.languages, key)), embed_query(space.model, text)
        orders = {
            side: [row.chunk_id for row in ranked(scope, plan, terms, vector, limit=limit, weights=weights)]
            for side, weights in alone.items()
        }
        orders["hybrid"] = [each.row.chunk_id for each in find(scope, space, text, limit=limit).read]
        grades = one.grades[question]
        for side, order in orders.items():
            found = list(dict.fromkeys(ids[chunk] for chunk in order))
            if not one.judges_documents:
                figures[side]["ndcg"].append(judged.ndcg(found, grades))
            figures[side]["recall"].append(judged.recall(found, grades))
    cut = _cut(lambda text: find(scope, space, text, limit=20), one)
    means = {side: {key: round(statistics.fmean(x), 3) for key, x in of.items()} for side, of in figures.items()}
    return {"passages": len(ids), "questions": len(one.questions), **means, "cut": cut}


def _cut(find: Callable[[str], "Finding"], one: judged.JudgedSet) -> dict[str, float]:
    """The share of questions for which the relevance threshold leaves no passage."""
    from django.conf import settings

    from documents.retrieval.choosing import choose

    def share(texts: Sequence[str]) -> float:
        counts = [
            not choose(found.read, found.question, top_k=5, threshold=settings.RAG_RELEVANCE_THRESHOLD).passages
            for found in map(find, texts)
        ]
        return round(statistics.fmean(counts), 3)

    asked = {
        "answerable": [text for _, text in one.questions[:200]],
        "unanswerable": one.unanswerable,
        "strange": one.strange,
    }
    return {kind: share(texts) for kind, texts in asked.items() if texts}


# --- How fast -----------------------------------------------------------------------------------------------------


def latency(options: argparse.Namespace) -> dict[str, Any]:
    from accounts.models import User
    from documents.spaces import active_space, index_if_large

    author = Author()
    owners = [User.objects.create_user(f"owner{number}@example.org") for number in range(OWNERS)]
    alone = User.objects.create_user("alone@example.org")
    rows, loading, many, one = [], {}, dict.fromkeys(owners, 0), {alone: 0}
    for size in sorted(int(size) for size in options.sizes.split(",")):
        started = time.perf_counter()
        added = fill(author, many, size // OWNERS)
        loading[size] = {"passages_per_second": round(added / (time.perf_counter() - started))}
        _analyze()
        library = f"{size // OWNERS:,} of {size:,}"
        rows += measured(author, owners[3], size, library, options.repeats)
        for named, filters in narrowing(owners[3]).items():
            rows += measured(author, owners[3], size, f"{library}, {named}", options.repeats, filters)
        # One person who has as many passages as all the others together.
        fill(author, one, size)
        _analyze()
        rows += measured(author, alone, size, f"{size:,} of {2 * size:,}", options.repeats)
        started = time.perf_counter()
        if index_if_large(active_space()):
            loading[size]["hnsw_seconds"] = round(time.perf_counter() - started)
            _analyze()
            rows += measured(author, alone, size, f"{size:,} of {2 * size:,}, HNSW", options.repeats)
        loading[size]["megabytes"] = _megabytes()
    return {"words_per_passage": WORDS, "loading": loading, "rows": rows}


def fill(author: Author, held: dict["User", int], each: int) -> int:
    added = 0
    while min(held.values()) < each:
        owner = min(held, key=held.__getitem__)
        size = min(author.random.choice(DOCUMENT_SIZES), each - held[owner])
        name = f"{author.words[author.random.randrange(9_000)]} report {author.random.randrange(2000, 2030)}.pdf"
        add_document(owner, name, author.document(size))
        held[owner] += size
        added += size
    return added


def narrowing(owner: "User") -> dict[str, "Filters"]:
    """Has every second document published and every fifth say of itself that it is about stone."""
    from documents.models import Document
    from documents.retrieval import Filters
    from documents.sources.labels import label_hash
    from documents.sources.models import Label, Publication

    Publication.objects.filter(owner=owner).delete()
    Label.objects.filter(owner=owner).delete()
    documents = list(Document.objects.filter(owner=owner).order_by("pk"))
    day = dt.date(2020, 1, 1)
    Publication.objects.bulk_create(
        Publication(document=document, owner=owner, published_on=day + dt.timedelta(number))
        for number, document in enumerate(documents[::2])
    )
    named, hashed = {"kind": Label.Kind.TAG, "name": "stone"}, label_hash(owner.pk, "stone")
    Label.objects.bulk_create(
        Label(document=document, owner=owner, position=0, name_hash=hashed, **named) for document in documents[::5]
    )
    _analyze()
    middle = day + dt.timedelta(len(documents) // 4)
    return {
        "by tag": Filters(tag="stone"),
        "by day": Filters(until=middle),
        "by both": Filters(tag="stone", until=middle),
    }


def measured(
    author: Author, owner: "User", size: int, library: str, repeats: int, filters: "Filters | None" = None
) -> list[dict[str, Any]]:
    from documents.retrieval import Filters, search

    rows = []
    for kind in KINDS:
        questions = [author.question(kind) for _ in range(repeats + 10)]
        times: list[float] = []
        for number, question in enumerate(questions):
            if number == 10:  # the first ones warm the caches
                cpu = _server_cpu_ms()
            started = time.perf_counter()
            found = search(user_id=owner.pk, query=question, filters=filters or Filters())
            times.append(time.perf_counter() - started)
        spread = report.spread(times[10:])
        row = {"size": size, "library": library, "words": kind, **spread}
        row |= {"server_cpu": round((_server_cpu_ms() - cpu) / repeats, 1), "approximate": found.trace["approximate"]}
        rows.append(row)
        print(row, flush=True)
    return rows


def _server_cpu_ms() -> float:
    """Of the one server process that answers this connection."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_MS


def _analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _megabytes() -> dict[str, int]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT relname, pg_total_relation_size(oid) / 1000000 FROM pg_class
            WHERE relname IN ('documents_posting', 'documents_embedding', 'documents_chunk')"""
        )
        return {name.removeprefix("documents_"): int(size) for name, size in cursor.fetchall()}


# --- The page -----------------------------------------------------------------------------------------------------


def _page(runs: list[dict[str, Any]]) -> str:
    parts = ["# Retrieval\n"]
    for run in sorted(runs, key=lambda run: run["name"], reverse=True):
        parts.append(f"## {run['name'].capitalize()}\n\n{report.described(run)}. {run['note']}\n")
        parts.append(_quality_page(run) if run["name"] == "quality" else _latency_page(run))
    return "\n".join(parts)


def _quality_page(run: dict[str, Any]) -> str:
    def cell(of: dict[str, float]) -> str:
        return f"{of['ndcg']:.3f} / {of['recall']:.3f}" if "ndcg" in of else f"– / {of['recall']:.3f}"

    def share(of: dict[str, float], kind: str) -> str:
        return f"{of[kind] * 100:.0f} %" if kind in of else "–"

    kinds = ("answerable", "unanswerable", "strange")
    rows = [
        [name, one["passages"], one["questions"], *(cell(one[side]) for side in SIDES)]
        for name, one in run["sets"].items()
    ]
    cut = [[name, *(share(one.get("cut", {}), kind) for kind in kinds)] for name, one in run["sets"].items()]
    heads = ["set", "passages", "questions", "BM25 alone", "vectors alone", "hybrid"]
    return (
        "nDCG@10 / recall@10 with the built-in embedder. Where whole documents are judged: recall of documents.\n\n"
        + report.table(heads, rows)
        + "\nQuestions that the relevance threshold leaves without a passage: those with an answer (lost), those "
        "of the same subjects without one, and those of another set.\n\n"
        + report.table(["set", "with an answer", "without an answer", "of another set"], cut)
    )


def _latency_page(run: dict[str, Any]) -> str:
    rows = [
        [row["library"], row["words"], row["p50"], row["p95"], row["max"], row["server_cpu"]] for row in run["rows"]
    ]
    loads = [
        [f"{int(size):,}", one["passages_per_second"], one.get("hnsw_seconds", "–"), *one["megabytes"].values()]
        for size, one in run["loading"].items()
    ]
    sizes = next(iter(run["loading"].values()))["megabytes"]
    return (
        f"One search with everything it does, the question's embedding included, in milliseconds. Load of the machine "
        f"at the end: {run['machine']['load_before']}.\n\n"
        + report.table(["library", "words", "p50", "p95", "max", "PostgreSQL's processor time"], rows)
        + "\n"
        + report.table(["passages", "embedded and indexed per second", "HNSW, s", *(f"{n}, MB" for n in sizes)], loads)
    )


if __name__ == "__main__":
    main()
