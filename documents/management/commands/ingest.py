from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.management.running import require_database
from accounts.models import User
from accounts.tenancy import acting_as
from documents.management.telling import INCOMPLETE, MOST_FILES, Seldom, TakingIn, found_at, record, unless_busy
from documents.sources import files, taking
from documents.sources.taking import Outcome


class Command(TakingIn):
    help = (
        "Take a file, or all files of a folder and the folders in it, into a person's library, as if that person had "
        "uploaded them: with the same limits, in the same queue. Given again, it takes only what is new or changed; a "
        "changed file becomes the newest version of its document. Files with the content of a document that is there "
        "are passed over, and so are hidden files and links. What was deleted in the folder stays in the library. Ends "
        f"with 0 if all is well, with {INCOMPLETE} if some files were refused or could not be read, with 1 if nothing "
        "was done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="a file or a folder on this machine")
        super().add_arguments(parser)
        parser.add_argument(
            "--most", type=int, default=MOST_FILES, metavar="N", help=f"refuse a folder of more files ({MOST_FILES})"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        require_database()
        user = self.owner(options)
        found = found_at(options["path"], at_most=options["most"])
        with acting_as(user):
            outcome = self._take_in(user, found, options)
            self._sum_up(found, outcome)
            failed = self.follow(outcome.waiting, options)
        if outcome.refused or found.unreadable or failed:
            raise CommandError("Not everything is there; what is missing stands above.", returncode=INCOMPLETE)

    def _take_in(self, user: User, found: files.Found, options: dict[str, Any]) -> Outcome:
        collection = self.collection(user, options)
        told = Seldom()

        def report(outcome: Outcome) -> None:
            if told.is_due():
                self.stdout.write(f"{outcome.seen} of {len(found.files)} files")
                self.stdout.flush()

        with unless_busy(user):
            outcome = taking.take_in(user, found.files, collection=collection, report=report)
        record(user, outcome)
        return outcome

    def _sum_up(self, found: files.Found, outcome: Outcome) -> None:
        self.list_refused(outcome.refused, "were refused")
        self.list_unreadable(found)
        if outcome.is_full:
            self.stderr.write("The person's storage is full: delete documents, or raise the quota of the role.")
        self.stdout.write(
            f"{outcome.added} added, {outcome.changed} changed, {outcome.unchanged} unchanged, "
            f"{outcome.duplicates} duplicates, {len(outcome.refused)} refused."
        )
        if found.hidden + found.links + found.special:
            self.stdout.write(
                f"Passed over: {found.hidden} hidden, {found.links} links, {found.special} that are no files."
            )
