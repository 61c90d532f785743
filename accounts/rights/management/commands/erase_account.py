from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import administration
from accounts.management.running import require_database
from accounts.rights import requesting, working
from accounts.rights.management.people import account
from accounts.rights.models import DataRequest


class Command(BaseCommand):
    help = "Delete somebody's account, chats, documents and key, for good. Asks first; is recorded in the audit log."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the e-mail address of the account")
        parser.add_argument("--no-input", action="store_true", help="do not ask")

    def handle(self, *_args: Any, email: str, no_input: bool, **_options: Any) -> None:
        require_database()
        user = account(email)
        if not no_input:
            self.stdout.write(f"This deletes {user}, and all chats and documents of this account. Nobody can undo it.")
            if input("Type the address to go on: ").strip().lower() != user.email:
                raise CommandError("That is not the address. Nothing was deleted.")
        try:
            request = requesting.erase(user)
        except requesting.Refused as refused:
            raise CommandError(refused.text) from refused
        except administration.Refused as refused:
            raise CommandError(f"Nothing was deleted. {refused.sentence}") from refused
        self.stdout.write("The account is closed and signed out everywhere. Deleting its data …")
        working.do(request.pk)
        self._tell(email, requesting.state(request))

    def _tell(self, email: str, request: DataRequest) -> None:
        if request.status == DataRequest.Status.FAILED:
            raise CommandError(request.error_text)
        if request.status == DataRequest.Status.DONE:
            self.stdout.write(f"{email} and everything of this account is deleted, and its key is destroyed.")
        else:
            self.stdout.write("It is being deleted by the workers now; until all is gone they go on by themselves.")
