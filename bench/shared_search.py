"""What sharing costs a search: bench/README.md, "Shared collections".

python -m bench.shared_search [--passages 100000] [--repeats 60]

Random unit vectors in the place of embedded ones. One person owns a fifth of everything and shares it; ninety others
own the rest. Measured: the search of somebody with a hundredth, with the policies of shared collections and without
them, and that of a reader of the shared fifth. Each acts as themselves, as in the product.
"""

import argparse
import json
import random
import statistics
import time
from typing import TYPE_CHECKING, Any

from bench import report
from bench.database import own_database
from bench.synthetic import Author

if TYPE_CHECKING:
    from accounts.models import User

KINDS = ("rare", "middling", "common")
OTHERS = 80
DOCUMENT = 50
_TABLES = ("documents_collection", "documents_document", "documents_documentversion", "documents_page",
           "documents_chunk", "documents_posting", "documents_embedding")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=60, help="questions of each kind")
    options = parser.parse_args()
    with own_database():
        print(json.dumps(measure(options.passages, options.repeats), indent=2))


def measure(passages: int, repeats: int) -> list[dict[str, Any]]:
    from accounts.models import User
    from documents.collections import giving, keeping
    from documents.models import Document

    author = Author()
    sharer = User.objects.create_user("sharer@example.org")
    reader = User.objects.create_user("reader@example.org", role="viewer")
    others = [User.objects.create_user(f"other{number}@example.org") for number in range(OTHERS)]
    fill(author, sharer, passages // 5)
    for other in others:
        fill(author, other, passages // 100)
    collection = keeping.create(sharer, "Shared")
    keeping.put(sharer, Document.objects.filter(owner=sharer).values_list("pk", flat=True), collection)
    _analyze()
    rows = [searched(author, others[7], repeats, "one's own hundredth, nothing shared with them")]
    giving.with_role(collection, "viewer")
    _policies(on=False)
    rows.append(searched(author, others[7], repeats, "the same, without the policies of shares"))
    _policies(on=True)
    rows.append(searched(author, others[7], repeats, "the same, with them again"))
    rows.append(searched(author, sharer, repeats, "the owner of the shared fifth"))
    rows.append(searched(author, reader, repeats, "a reader of the shared fifth, by their role"))
    giving.with_person(collection, others[7].email)
    rows.append(searched(author, others[7], repeats, "one's own hundredth and the shared fifth"))
    return rows


def fill(author: Author, owner: "User", passages: int) -> None:
    from documents.index import NewPassage, active_space, write_passages
    from documents.models import Document, DocumentVersion

    space = active_space()
    chance = random.Random(owner.email)
    for start in range(0, passages, DOCUMENT):
        count = min(DOCUMENT, passages - start)
        document = Document.objects.create(owner=owner, name=f"report {start}.txt", status=Document.Status.READY)
        version = DocumentVersion.objects.create(
            document=document, number=1, blob="", fingerprint="0" * 64, size=1, media_type="text/plain"
        )
        texts = author.document(count)
        vectors = [_unit(chance, space.dimension) for _ in texts]
        write_passages(version, [NewPassage(n, 0, text) for n, text in enumerate(texts)], vectors, space=space)
        Document.objects.filter(pk=document.pk).update(current_version=version)


def searched(author: Author, person: "User", repeats: int, who: str) -> dict[str, Any]:
    from accounts.tenancy import acting_as
    from documents.retrieval import search

    times: list[float] = []
    with acting_as(person):
        for number in range(3 * (repeats + 5)):
            started = time.perf_counter()
            found = search(user_id=person.pk, query=author.question(KINDS[number % 3]))
            if number >= 15:  # the first ones warm the caches
                times.append(time.perf_counter() - started)
    row = {"who": who, "passages": found.trace["searched"], **report.spread(times)}
    row["mean"] = round(statistics.fmean(times) * 1000, 1)
    print(row, flush=True)
    return row


def _policies(*, on: bool) -> None:
    """Those of shares; the owner's stay."""
    from django.db import connections

    from documents.collections import policies

    with connections["owner"].cursor() as cursor:
        if on:
            creations = [part for part in policies.SQL.split(";") if "CREATE POLICY by_share ON documents_" in part]
            cursor.execute(";".join(creations))
        else:
            for table in _TABLES:
                cursor.execute(f"DROP POLICY by_share ON {table}")


def _unit(chance: random.Random, dimension: int) -> list[float]:
    values = [chance.gauss(0, 1) for _ in range(dimension)]
    length = sum(value * value for value in values) ** 0.5
    return [value / length for value in values]


def _analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main()
