from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts import audit
from accounts.management.running import require_database
from accounts.models import User
from accounts.tenancy import acting_as
from documents.management.telling import INCOMPLETE, Seldom, TakingIn
from documents.sources import files, taking
from documents.sources.taking import Outcome

MOST_FILES = 10_000


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

        try:
            outcome = taking.take_in(user, found.files, collection=collection, report=report)
        except taking.Busy as error:
            raise CommandError(
                f"Files are being taken in for {user} at this moment. Wait for that to end; nothing was done."
            ) from error
        audit.record(
            audit.Action.IMPORTED,
            user=user,
            by="operator",
            files=outcome.seen,
            added=outcome.added,
            changed=outcome.changed,
        )
        return outcome

    def _sum_up(self, found: files.Found, outcome: Outcome) -> None:
        self.list_refused(outcome.refused, "were refused")
        for path in found.unreadable:
            self.stderr.write(f"{path}: This folder cannot be read, or lies too deep.")
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


def found_at(path: Path, *, at_most: int, may_be_empty: bool = False) -> files.Found:
    """Raises CommandError."""
    if at_most < 1:
        raise CommandError("--most must be at least 1.")
    try:
        found = files.find(path, at_most=at_most)
    except FileNotFoundError:
        raise CommandError(f"{path} does not exist. Nothing was done.") from None
    except files.TooMany:
        raise CommandError(
            f"{path} has more than {at_most:,} files. Nothing was done: choose a folder inside it, or raise --most."
        ) from None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}. Nothing was done.") from error
    if not (found.files or may_be_empty):
        raise CommandError(f"There is no file to take in at {path}. Nothing was done.")
    return found
