from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import audit
from accounts.audit import kept_head, sealing, verifying
from accounts.management.running import require_database


class Command(BaseCommand):
    help = "Verify the whole audit log. Says what was changed first, if anything was, and then ends with 1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            default="",
            metavar="NUMBER:HASH",
            help="a head that was noted elsewhere (from the log or from this command): the chain must contain it",
        )
        parser.add_argument(
            "--accept-restored",
            action="store_true",
            help="only after you restored the database from a backup: verify it, and go on from its newest seal "
            "although a newer head is kept in KEYS_DIR. The audit log says that you did.",
        )

    def handle(self, *_args: Any, head: str, accept_restored: bool, **_options: Any) -> None:
        require_database()
        if head and not _is_head(head):
            raise CommandError("--head looks like 17:9f86d081…, a number and 64 digits, as this command prints it.")
        contradiction = sealing.contradiction()
        accepts = bool(accept_restored and contradiction)
        try:
            report = verifying.verify(head=head, is_restored=accepts)
        except verifying.Broken as broken:
            raise CommandError(f"The audit log is not what was sealed. {broken}", returncode=1) from broken
        except kept_head.Contradicted as contradicted:
            raise CommandError(
                f"The audit log is not what was sealed. {contradicted} Nothing is sealed until this is settled. If you "
                "restored the database from a backup, give --accept-restored; if not, somebody changed it.",
                returncode=1,
            ) from contradicted
        self._tell(report)
        if accepts:
            self._accept(report, contradiction)
        elif accept_restored:
            self.stdout.write("There was nothing to accept: the chain contains the head that is kept.")

    def _tell(self, report: verifying.Report) -> None:
        self.stdout.write(f"Verified {report.events:,} events in {report.seals:,} seals; nothing was changed.")
        if report.pruned_seals:
            self.stdout.write(
                f"{report.pruned_events:,} older events in {report.pruned_seals:,} seals were deleted after their time."
            )
        self.stdout.write(f"{report.waiting:,} events await sealing.")
        if report.head:
            self.stdout.write(f"Head: {report.head}")
        if not report.kept:
            self.stdout.write("It was compared with no head in KEYS_DIR, so that its end may have been cut off.")

    def _accept(self, report: verifying.Report, contradiction: str) -> None:
        number, _, hash_ = report.head.partition(":")
        head = kept_head.Head(int(number or 0), bytes.fromhex(hash_) or sealing.GENESIS)
        # First the event: what was accepted is told, whatever happens to this process.
        with transaction.atomic():
            audit.record(audit.Action.AUDIT_HEAD_ACCEPTED, seal=head.number, because=contradiction, by="operator")
        kept_head.accept(head)
        sealing.seal_pending()
        self.stdout.write(f"Accepted: the log goes on after seal {head.number}. {contradiction}")


def _is_head(text: str) -> bool:
    number, _, hash_ = text.partition(":")
    return number.isdecimal() and len(hash_) == 64 and all(digit in "0123456789abcdefABCDEF" for digit in hash_)
