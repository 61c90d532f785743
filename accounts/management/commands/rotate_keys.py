from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from accounts import audit
from accounts.encryption import keys
from accounts.encryption.errors import SealingError

_EVERY = 500


class Command(BaseCommand):
    help = (
        "Wrap all keys by the present ENCRYPTION_KEY, while ENCRYPTION_KEY_PREVIOUS names the one before. "
        "What the keys sealed stays as it is. May be interrupted and repeated, and run while Chatsite runs."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            changed = keys.rewrap_all(self._report)
        except SealingError as error:
            raise CommandError(error.text) from error
        try:
            audit.record(audit.Action.KEYS_ROTATED, changed=changed, by="operator")
        except OperationalError:
            # The keys are files, and need no database.
            self.stderr.write("The database is away, so the audit log does not say that the keys were rotated.")
        self.stdout.write(f"{changed} keys were wrapped anew. ENCRYPTION_KEY_PREVIOUS is not needed any more.")

    def _report(self, done: int, total: int) -> None:
        if done == total or done % _EVERY == 0:
            self.stdout.write(f"{done} of {total} keys")
