"""How fast one's own conversations are searched: bench/README.md, "Search".

python -m bench.search [--messages 50000] [--repeats 60] [--note TEXT] [--keep]
"""

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from bench import report
from bench.database import own_database
from bench.synthetic import Author

if TYPE_CHECKING:
    from accounts.models import User
    from chats.searching.finding import Filters

PER_CHAT = 26
OTHERS = 3
WARM_UP = 20
KINDS = ("rare", "middling", "common")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000, help="of the person who searches")
    parser.add_argument("--repeats", type=int, default=60, help="searches of each kind")
    parser.add_argument("--note", default="", help="what to know about this run, for the page")
    parser.add_argument("--keep", action="store_true", help="write to bench/results")
    options = parser.parse_args()
    with own_database():
        result = measured(options.messages, options.repeats) | {"note": options.note}
    print(json.dumps(result, indent=2))
    if options.keep:
        print(report.write("search", f"{options.messages}-messages", result, page))


def measured(messages: int, repeats: int) -> dict[str, Any]:
    from accounts.models import User
    from accounts.tenancy import acting_as
    from chats.models import Folder
    from chats.searching.finding import Filters

    author = Author()
    owner = User.objects.create_user("owner@example.org")
    began = time.perf_counter()
    indexing = fill(author, owner, messages)
    filling = time.perf_counter() - began
    # Others have chats as well, in the same tables.
    for number in range(OTHERS):
        fill(author, User.objects.create_user(f"other{number}@example.org"), messages // 10)
    folder = Folder.objects.get(owner=owner)
    _analyze()
    kinds: dict[str, Filters] = dict.fromkeys(KINDS, Filters())
    kinds |= {"common, in a folder": Filters(folder=folder.pk), "common, by a model": Filters(model="ollama/one")}
    with acting_as(owner):
        rows = [{"words": kind, **_search(author, owner, kind, filters, repeats)} for kind, filters in kinds.items()]
    return {
        "messages": messages, "rows": rows, "seconds_to_fill": round(filling, 1),
        "seconds_of_it_to_index": round(indexing, 1), "megabytes": _megabytes(),
    }  # fmt: skip


def fill(author: Author, owner: "User", messages: int) -> float:
    """Through the product's own door, a chat at a time as an import does it. Seconds that indexing took."""
    from chats.models import Conversation, Folder, Message
    from chats.searching import indexing

    folder = Folder.objects.create(owner=owner, name="Half of all")
    spent = 0.0
    for number in range(messages // PER_CHAT):
        chat = Conversation.objects.create(
            owner=owner, title=author.words[author.random.randrange(9_000)], folder=folder if number % 2 else None
        )
        texts = author.document(PER_CHAT)
        rows = [
            Message(
                conversation=chat, owner=owner, role="assistant" if place % 2 else "user", content=text,
                answered_by=("ollama/one" if number % 3 else "ollama/two") if place % 2 else "",
            )
            for place, text in enumerate(texts)
        ]  # fmt: skip
        Message.objects.bulk_create(rows)
        began = time.perf_counter()
        indexing.add_conversation(chat, rows)
        spent += time.perf_counter() - began
    return spent


def _search(author: Author, owner: "User", kind: str, filters: "Filters", repeats: int) -> dict[str, Any]:
    """Whole searches, one after the other: statistics, ranking, opening what is shown, snippets with their marks."""
    from chats.searching import finding

    times, found = [], 0
    for _ in range(repeats + WARM_UP):
        question = author.question(kind.split(",", maxsplit=1)[0])
        began = time.perf_counter()
        result = finding.find(owner, question, filters)
        times.append(time.perf_counter() - began)
        found += result.total
    return {"found": found // (repeats + WARM_UP), **report.spread(times[WARM_UP:])}


def _analyze() -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _megabytes() -> dict[str, int]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) / 1000000 FROM pg_class "
            "WHERE relname IN ('searching_occurrences', 'searching_indexed', 'chats_message')"
        )
        return dict(cursor.fetchall())


def page(runs: list[dict[str, Any]]) -> str:
    heads = ("messages", "words", "found, mean", "p50, ms", "p95, ms", "max, ms")
    rows = [
        (f"{run['messages']:,}", row["words"], f"{row['found']:,}", row["p50"], row["p95"], row["max"])
        for run in runs
        for row in run["rows"]
    ]
    lines = [
        f"* {run['messages']:,} messages: indexed in {run['seconds_of_it_to_index']} s; MB: "
        + ", ".join(f"{name} {size}" for name, size in sorted(run["megabytes"].items()))
        + f". {report.described(run)}. {run['note']}".rstrip()
        for run in runs
    ]
    return f"# Search\n\n{report.table(heads, rows)}\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
