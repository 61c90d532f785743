"""How fast passages are found among a million of a hundred people: bench/README.md, "A large library".

python -m bench.large --data FOLDER [--passages 1000000] [--only load|index|measure] [--note TEXT] [--keep]

Loading and indexing take a quarter of an hour; the folder stays, for measuring again.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connection, connections

from accounts.tenancy import acting_as, acting_as_system
from bench import report
from bench.database import own_database
from bench.synthetic import WORDS, Author, Meanings

if TYPE_CHECKING:
    from accounts.models import User

OWNERS = 100
DIMENSION = 768
SHARED = 20
# Questions of each kind that fill the server's own memory, just started, before any is measured.
_WARMING = 150
KINDS = ("rare", "middling", "common")
_SIZES = (5, 10, 20, 50, 100, 200, 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="where the database is, or is to be made")
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["load", "index", "measure"])
    parser.add_argument("--repeats", type=int, default=40, help="questions of each kind")
    parser.add_argument("--shared-buffers", default="3GB", help="what a library of this size is given")
    parser.add_argument("--note", default="", help="what to know about this run, for the page")
    parser.add_argument("--keep", action="store_true", help="write to bench/results")
    options = parser.parse_args()
    with own_database(options.data, shared_buffers=options.shared_buffers):
        for name, step in {"load": load, "index": index, "measure": measure}.items():
            if options.only in {None, name}:
                result = step(options)
                print(name, json.dumps(result), flush=True)
                if options.keep:
                    report.write("large", name, {**result, "note": options.note}, _page)


def load(options: argparse.Namespace) -> dict[str, Any]:
    import numpy as np
    from django.db import connections

    from accounts.encryption import keys
    from accounts.models import User
    from bench.bulk import Loader, bare_tables
    from documents.models import Chunk, EmbeddingSpace
    from documents.terms import _stem, hashed

    begun = time.perf_counter()
    author, meanings = Author(), Meanings(DIMENSION)
    # By the number of a word that of its stem: some words have the same.
    stems, stem_of = np.unique([_stem(word, "english") for word in author.vocabulary], return_inverse=True)
    space = EmbeddingSpace.objects.create(model="ollama/bench", dimension=DIMENSION, state="active")
    owners = [User.objects.create_user(f"owner{number}@example.org") for number in range(OWNERS)]
    owner_connection = connections["owner"]
    with bare_tables(owner_connection), Loader(os.environ["DATABASE_OWNER_URL"], space.pk) as loader:
        for number, owner in enumerate(owners):
            key = keys.of(owner.pk, make=True).terms
            terms = np.array([hashed(stem, key) for stem in stems.tolist()], dtype=np.int64)
            held = 0
            while held < options.passages // OWNERS:
                size = min(author.random.choice(_SIZES), options.passages // OWNERS - held)
                name = (
                    f"{author.words[author.random.randrange(9_000)]} report {author.random.randrange(2000, 2030)}.pdf"
                )
                version = _version(owner, name, size)
                drawn = author.drawn(size)
                texts = [
                    Chunk.sealed(version.pk, index, owner_id=owner.pk, content=text)["content"]
                    for index, text in enumerate(author.written(drawn))
                ]
                loader.add(version.pk, owner.pk, stem_of[drawn], texts, terms, meanings.document(size))
                held += size
            print(number, round(time.perf_counter() - begun), flush=True)
    loaded = time.perf_counter() - begun
    with owner_connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return {"seconds": round(time.perf_counter() - begun), "rows": round(loaded)}


def _version(owner: "User", name: str, size: int) -> Any:
    from django.db.models.functions import Now

    from documents.models import Document, DocumentVersion

    document = Document.objects.create(owner=owner, name=name, status=Document.Status.READY)
    version = DocumentVersion.objects.create(
        document=document, number=1, blob="", fingerprint="", size=1, media_type="text/plain", page_count=size,
        passage_count=size, term_count=size * WORDS, language="english", indexed_at=Now(),
    )  # fmt: skip
    Document.objects.filter(pk=document.pk).update(current_version=version)
    return version


def index(_options: argparse.Namespace) -> dict[str, Any]:
    from documents.spaces import active_space, index_if_large

    begun = time.perf_counter()
    index_if_large(active_space())
    return {"seconds": round(time.perf_counter() - begun)}


# --- Measuring ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Library:
    """Whose documents are searched, and by whom."""

    name: str
    reader: "User"
    owners: "list[User]"


def measure(options: argparse.Namespace) -> dict[str, Any]:
    _warm(options.data)
    owners = _people()
    rows = []
    for library in (
        _Library(f"an owner of 1 in {OWNERS}", owners[30], owners[30:31]),
        _Library(f"collections of {SHARED} others, shared", _reader(owners[:SHARED]), owners[:SHARED]),
    ):
        with acting_as(library.reader):
            rows += _latencies(library, options.repeats)
            print(rows, flush=True)
            rows[-1] |= {"recall": _recall(library, options.repeats)}
    return {"rows": rows, "megabytes": _megabytes(), "dimension": DIMENSION, "words_per_passage": WORDS}


def _warm(data: Path) -> None:
    """The database fits the machine's memory; after a few hours of use it would all be there."""
    for path in (data / "postgres" / "base").rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 24):
                    pass


def _people() -> "list[User]":
    from accounts.models import User

    found = {user.email: user for user in User.objects.all()}
    return [found[f"owner{number}@example.org"] for number in range(OWNERS)]


def _reader(owners: "list[User]") -> "User":
    """Somebody who may read everything of these people, and has nothing."""
    from accounts.models import User
    from documents.collections import giving
    from documents.models import Collection, Document

    reader, made = User.objects.get_or_create(email="reader@example.org")
    for owner in owners if made else []:
        collection = Collection.objects.create(owner=owner, name="Shared")
        Document.objects.filter(owner=owner).update(collection=collection)
        giving.with_person(collection, reader.email)
    _analyze()
    return reader


def _questions(library: _Library, kind: str, number: int) -> "Iterator[tuple[str, list[float]]]":
    """Their words, and a vector: every other one near a passage of the library, the others near any passage."""
    from documents.models import Embedding

    author, meanings, chance = Author(), Meanings(DIMENSION), random.Random(f"{library.name} {kind}")
    with acting_as_system("choose passages to ask for"):
        own = list(Embedding.objects.filter(owner__in=library.owners).values_list("chunk_id", flat=True))
        for turn in range(number):
            chunk_id = (
                chance.choice(own) if turn % 2 == 0 else chance.randrange(1, len(own) * OWNERS // len(library.owners))
            )
            vector = Embedding.objects.values_list("vector", flat=True).get(chunk_id=chunk_id)
            yield author.question(kind), meanings.near(vector)


def _latencies(library: _Library, repeats: int) -> list[dict[str, Any]]:
    """Of everything a search does but embedding the question, which is the model server's time."""
    rows = []
    all_times: list[float] = []
    for kind in KINDS:
        times: list[float] = []
        for question, vector in list(_questions(library, kind, repeats + _WARMING)):
            begun = time.perf_counter()
            approximate = _search(library, question, vector)
            times.append(time.perf_counter() - begun)
        row = {"library": library.name, "words": kind, **report.spread(times[_WARMING:]), "approximate": approximate}
        rows.append(row)
        all_times += times[_WARMING:]
    return [
        *rows,
        {"library": library.name, "words": "all three", **report.spread(all_times), "approximate": approximate},
    ]


def _search(library: _Library, question: str, vector: list[float]) -> bool:
    """True: through the index."""
    from documents.retrieval import search, searching

    searching.embed_query = lambda _model, _text: vector
    found = search(user_id=library.reader.pk, query=question)
    return bool(found.trace["approximate"])


def _recall(library: _Library, number: int) -> dict[str, float]:
    """What of the ten nearest passages, by the exact scan, the plan that is chosen finds: all, and those of the two
    kinds of questions."""
    from documents.retrieval.scope import visible_scope
    from documents.retrieval.searching import plan_for, ranked
    from documents.retrieval.statement import Weights
    from documents.spaces import active_space

    scope, space = visible_scope(library.reader.pk), active_space()
    plan = plan_for(scope, space)
    shares = []
    for _, vector in _questions(library, "rare", number):
        exact, chosen = (
            {row.chunk_id for row in ranked(scope, each, {}, vector, limit=10, weights=Weights(vector=1))}
            for each in (replace(plan, approximate=False), plan)
        )
        shares.append(len(exact & chosen) / 10)
    kinds = {"all": shares, "near": shares[::2], "anywhere": shares[1::2]}
    return {kind: round(statistics.fmean(of), 3) for kind, of in kinds.items()}


def _megabytes() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT relname, pg_relation_size(oid) / 1000000 FROM pg_class
            WHERE relname ~ '^(documents_(chunk|posting|embedding)|embedding_hnsw)' AND relkind IN ('r', 'i')
            ORDER BY 2 DESC"""
        )
        return {name: int(size) for name, size in cursor.fetchall() if size}


def _analyze() -> None:
    with acting_as_system("tell the planner"), connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE documents_document, documents_documentversion, documents_embedding")


def _page(runs: list[dict[str, Any]]) -> str:
    by_name = {run["name"]: run for run in runs}
    parts = ["# A large library\n"]
    parts += [
        f"{name.capitalize()}: {run['seconds']} s. {report.described(run)}. {run['note']}\n"
        for name in ("load", "index")
        if (run := by_name.get(name))
    ]
    if run := by_name.get("measure"):
        parts.append(f"Searches: {report.described(run)}. {run['note']}\n")
        heads = ["library", "words", "p50", "p95", "max", "HNSW"]
        rows = [
            [row["library"], row["words"], row["p50"], row["p95"], row["max"], "yes" if row["approximate"] else "no"]
            for row in run["rows"]
        ]
        parts.append(report.table(heads, rows))
        for row in run["rows"]:
            if found := row.get("recall"):
                told = ", ".join(f"{kind} {share}" for kind, share in found.items())
                parts.append(f"Recall@10 against the exact scan, {row['library']}: {told}.\n")
        sizes = [[name, size] for name, size in run["megabytes"].items()]
        parts.append(report.table(["table or index", "MB"], sizes))
    return "\n".join(parts)


if __name__ == "__main__":
    main()
