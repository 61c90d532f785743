from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.running import require_database
from accounts.models import User
from accounts.second_factor import enrolment


class Command(BaseCommand):
    help = "Take away somebody's second factor, for when nobody is left who could do it in the administration."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the e-mail address of the account")

    def handle(self, *_args: Any, email: str, **_options: Any) -> None:
        require_database()
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no account with the address {email}.")
        if user.second_factor is None:
            raise CommandError(f"{user} has no second factor. Nothing was changed.")
        enrolment.reset(user, by=None)
        self.stdout.write(f"{user} signs in with the password alone now, and is signed out everywhere.")
