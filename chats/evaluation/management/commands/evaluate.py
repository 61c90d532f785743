from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.management.running import require_database
from accounts.tenancy import acting_as, acting_as_system
from chats.evaluation import running, sets
from chats.evaluation.models import Run
from chats.evaluation.running import Judge, Told, Where
from documents.errors import DocumentError
from documents.management.asked import account, collection_of
from llms import catalogue
from llms.errors import ModelError

_WORDS = {
    "hit_1": "Hit rate@1",
    "hit_5": "Hit rate@5",
    "hit_10": "Hit rate@10",
    "mrr": "MRR@10",
    "ndcg": "nDCG@10",
    "recall": "Recall@10",
    "answerable_cut": "Answerable, nothing above the threshold",
    "unanswerable_cut": "Unanswerable, nothing above the threshold",
    "faithfulness": "Faithfulness",
    "relevancy": "Relevancy",
    "p50_ms": "Median search, ms",
    "p95_ms": "Search at the 95th percentile, ms",
}


class Command(BaseCommand):
    help = (
        "Ask a set of questions with known answers through the product's own search, and keep how well it went. The "
        "administration shows and compares the runs, under Evaluations. A set that brings documents is asked in a "
        "library that is made for the run and removed after it; one that does not, in the library of --owner."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("set", type=Path, help="a folder or a .jsonl file; docs/commands.md says what is in it")
        parser.add_argument("--owner", default="", metavar="EMAIL", help="ask in this person's library")
        parser.add_argument("--collection", default="", metavar="NAME", help="only in this collection of --owner")
        parser.add_argument("--most", type=int, metavar="N", help="so many questions, always the same ones")
        parser.add_argument("--judge", default="", metavar="MODEL", help="also have answers written, and marked by it")
        parser.add_argument("--answerer", default="", metavar="MODEL", help="who writes them; else the default model")
        parser.add_argument("--judged", type=int, default=50, metavar="N", help="so many questions at most (50)")
        parser.add_argument("--note", default="", help="what to know about this run, for the list")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        require_database()
        if options["most"] is not None and options["most"] < 1:
            raise CommandError("--most must be at least 1.")
        try:
            questions = sets.read(options["set"], at_most=options["most"])
        except sets.BadSet as error:
            raise CommandError(f"{error} Nothing was done. docs/commands.md says how a set is made.") from error
        where, judge = _where(options, has_library=questions.has_library), _judge(options)
        try:
            run = running.evaluate(questions, where, judge, note=options["note"], report=self._report)
        except running.Busy as error:
            raise CommandError("Another evaluation is running. Wait for it to end.") from error
        except (ModelError, DocumentError) as error:
            raise CommandError(f"{error.text} The run has failed, and its library was removed.") from error
        self._sum_up(run)

    def _report(self, told: Told) -> None:
        if told.done == told.total or told.done % 25 == 0:
            self.stdout.write(f"{told.done} of {told.total} {told.stage}")
            self.stdout.flush()

    def _sum_up(self, run: Run) -> None:
        for name, words in _WORDS.items():
            if name in run.figures:
                value = run.figures[name]
                self.stdout.write(f"{words:<42} {value:>8.1f}" if name.endswith("ms") else f"{words:<42} {value:>8.3f}")
        if failures := run.figures.get("judge_failures"):
            self.stderr.write(f"The judge failed {failures} times; {run.figures['judged']} answers were marked.")
        self.stdout.write(self.style.SUCCESS(f"Kept as {run.pk}: /admin/evaluation/run/{run.pk}/change/"))


def _where(options: dict[str, Any], *, has_library: bool) -> Where:
    if not options["owner"]:
        if options["collection"]:
            raise CommandError("Whose collection? Add --owner EMAIL. Nothing was done.")
        if not has_library:
            raise CommandError("This set has no documents: say with --owner EMAIL in whose library to ask.")
        return Where()
    if has_library:
        raise CommandError("This set has documents of its own and is asked in them: leave out --owner.")
    with acting_as_system("find whose library is meant"):
        owner = account(options["owner"])
    with acting_as(owner):
        return Where(owner, collection_of(owner, options["collection"]) if options["collection"] else None)


def _judge(options: dict[str, Any]) -> Judge:
    if not options["judge"]:
        if options["answerer"]:
            raise CommandError("--answerer writes what --judge marks: add --judge MODEL.")
        return Judge()
    if options["judged"] < 1:
        raise CommandError("--judged must be at least 1.")
    try:
        judge = catalogue.resolve(options["judge"])
        answerer = catalogue.resolve(options["answerer"])
    except ModelError as error:
        raise CommandError(f"{error.text} Nothing was done.") from error
    if judge.provider == "builtin":
        raise CommandError("“Search and quote” quotes and cannot judge. Choose a language model for --judge.")
    return Judge(judge.key, answerer.key, options["judged"])
