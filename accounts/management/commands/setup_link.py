from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import setup
from accounts.management.running import require_database


class Command(BaseCommand):
    help = "Print a one-time link for creating the first administrator. Earlier links stop working."

    def handle(self, *_args: Any, **_options: Any) -> None:
        require_database()
        if not setup.needed():
            raise CommandError(
                "There is an administrator already, so there is nothing to set up. "
                f"A forgotten password is changed with: {setup.command('changepassword')} <e-mail address>"
            )
        self.stdout.write(f"{settings.BASE_URL}{setup.new_link_path()}")
