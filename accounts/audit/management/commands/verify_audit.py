from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import verifying
from accounts.management.running import require_database


class Command(BaseCommand):
    help = "Verify the whole audit log. Says what was changed first, if anything was, and then ends with 1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            default="",
            metavar="NUMBER:HASH",
            help="a head that was noted earlier (from the log or from this command): finds an end that was cut off",
        )

    def handle(self, *_args: Any, head: str, **_options: Any) -> None:
        require_database()
        if head and not _is_head(head):
            raise CommandError("--head looks like 17:9f86d081…, a number and 64 digits, as this command prints it.")
        try:
            report = verifying.verify(head=head)
        except verifying.Broken as broken:
            raise CommandError(f"The audit log is not what was sealed. {broken}", returncode=1) from broken
        self.stdout.write(f"Verified {report.events:,} events in {report.seals:,} seals; nothing was changed.")
        if report.pruned_seals:
            self.stdout.write(
                f"{report.pruned_events:,} older events in {report.pruned_seals:,} seals were deleted after their time."
            )
        self.stdout.write(f"{report.waiting:,} events await sealing.")
        if report.head:
            self.stdout.write(f"Head: {report.head}")


def _is_head(text: str) -> bool:
    number, _, hash_ = text.partition(":")
    return number.isdecimal() and len(hash_) == 64 and all(digit in "0123456789abcdefABCDEF" for digit in hash_)
