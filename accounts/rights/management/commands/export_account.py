import os
import shutil
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from accounts.management.running import require_database
from accounts.rights import archive, requesting, working
from accounts.rights.management.people import account
from accounts.rights.models import DataRequest
from accounts.tenancy import acting_as


class Command(BaseCommand):
    help = (
        "Write a copy of everything about a person to a ZIP file, for a request that came by letter. It is recorded in "
        "the audit log, and the person sees it there. The file lies in plain: keep it safe."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the e-mail address of the account")
        parser.add_argument("--to", required=True, type=Path, metavar="FILE", help="where the copy goes; a new file")

    def handle(self, *_args: Any, email: str, to: Path, **_options: Any) -> None:
        require_database()
        user = account(email)
        try:
            # Readable by the operator only, and never over something that is there.
            target = os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except OSError as error:
            raise CommandError(f"{to} cannot be written: {error.strerror}. Nothing was exported.") from error
        try:
            with target:
                self.stdout.write(f"Collecting everything about {user} …")
                request = _made(requesting.export(user, by=None))
                with acting_as(user), archive.open_archive(request.file, owner_id=user.pk) as source:
                    audit.record(audit.Action.EXPORT_DOWNLOADED, resource=("user", user.pk), by="operator")
                    shutil.copyfileobj(source, target, 1024 * 1024)
        except BaseException:
            to.unlink(missing_ok=True)
            raise
        if request.by_administrator:
            # Else it is the person's own, who asked a moment before and shall find it.
            with acting_as(user):
                requesting.delete_export(request, because="taken")
        self.stdout.write(f"{to} has it: {to.stat().st_size:,} bytes, in plain. It is in the audit log.")


def _made(request: DataRequest) -> DataRequest:
    """Here, unless a worker was quicker. Raises CommandError."""
    working.do(request.pk)
    while (request := requesting.state(request)).status in {DataRequest.QUEUED, *DataRequest.WORKING}:
        time.sleep(1)
    if request.status == DataRequest.Status.FAILED:
        raise CommandError(request.error_text)
    return request
