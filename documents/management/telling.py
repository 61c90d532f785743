"""What the commands that take documents in have in common: who, where to, and how they end."""

import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from accounts.capabilities import Capability, may
from accounts.models import User
from accounts.tenancy import acting_as_system
from documents.collections import keeping
from documents.collections.errors import CollectionError
from documents.management.asked import account, find_collection
from documents.models import Collection
from documents.sources import waiting

# Some files were not taken in, or could not be read; all others were.
INCOMPLETE = 3
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
