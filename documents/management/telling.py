"""What the commands that take documents in have in common: who, where to, and how they end."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.capabilities import Capability, may
from accounts.models import User
from accounts.tenancy import acting_as_system
from documents.collections import keeping
from documents.collections.errors import CollectionError
from documents.management.asked import account, find_collection
from documents.models import Collection
from documents.sources import files, taking, waiting
from documents.sources.blog import syncing

# Some files were not taken in, or could not be read; all others were.
INCOMPLETE = 3
MOST_FILES = 10_000
# Paths that are listed one by one; the rest is counted.
_LISTED = 50


class TakingIn(BaseCommand):
    """For commands with --owner, --collection and --wait."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="whose library it is for")
        parser.add_argument(
            "--collection", default="", metavar="NAME", help="put it all into this collection, made if it is not there"
        )
        parser.add_argument(
            "--wait",
            nargs="?",
            type=_seconds,
            const=0.0,
            default=None,
            metavar="SECONDS",
            help="follow the reading to its end, or for so long",
        )

    def owner(self, options: dict[str, Any]) -> User:
        """Raises CommandError."""
        with acting_as_system("find whose library is meant"):
            user = account(options["owner"])
        if not may(user, Capability.UPLOAD):
            raise CommandError(
                f"{user} may not add documents: the account is suspended, or its role does not allow it. Nothing was "
                "done. An administrator can change that."
            )
        return user

    def collection(self, user: User, options: dict[str, Any]) -> Collection | None:
        """Raises CommandError. Callers act as the user."""
        if not options["collection"]:
            return None
        try:
            return find_collection(user, options["collection"]) or keeping.create(user, options["collection"])
        except CollectionError as error:
            raise CommandError(str(error)) from error

    def follow(self, documents: Sequence[UUID], options: dict[str, Any]) -> int:
        """How many could not be read, or are still being read. Callers act as the user."""
        if options["wait"] is None or not documents:
            return 0
        told = Seldom()
        was_still = False

        def report(reading: waiting.Reading) -> None:
            nonlocal was_still
            if told.is_due() or not reading.left:
                self.stdout.write(f"Read {reading.ready} of {len(documents)}, {len(reading.failed)} could not be read")
                self.stdout.flush()
            if reading.is_still and not was_still:
                self.stderr.write("Nothing was read for a minute. Is the documents worker running?")
            was_still = reading.is_still

        try:
            reading = waiting.follow(documents, at_most=options["wait"] or None, report=report)
        except KeyboardInterrupt:
            self.stdout.write("\nNot waiting any longer. The documents are read all the same.")
            return 0
        self.list_refused(reading.failed, "could not be read")
        if reading.left:
            self.stderr.write(f"{reading.left} are still being read. That goes on without this command.")
        return len(reading.failed) + reading.left

    def list_refused(self, refused: Sequence[tuple[str, str]], words: str) -> None:
        for name, sentence in refused[:_LISTED]:
            self.stderr.write(f"{name}: {sentence}")
        if len(refused) > _LISTED:
            self.stderr.write(f"{len(refused) - _LISTED} more {words}.")

    def list_unreadable(self, found: files.Found) -> None:
        for path in found.unreadable:
            self.stderr.write(f"{path}: This folder cannot be read, or lies too deep.")


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


@contextmanager
def unless_busy(user: User) -> Iterator[None]:
    """Raises CommandError."""
    try:
        yield
    except taking.Busy as error:
        raise CommandError(
            f"Files are being taken in for {user} at this moment. Wait for that to end; nothing was done."
        ) from error


def record(user: User, outcome: taking.Outcome | syncing.Outcome, **more: Any) -> None:
    audit.record(
        audit.Action.IMPORTED,
        user=user,
        by="operator",
        files=outcome.seen,
        added=outcome.added,
        changed=outcome.changed,
        **more,
    )


class Seldom:
    """True at most every two seconds."""

    def __init__(self) -> None:
        self._last = 0.0

    def is_due(self) -> bool:
        if time.monotonic() - self._last < 2:
            return False
        self._last = time.monotonic()
        return True


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e9:
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # as argparse says it
