from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import connections

from accounts.tenancy.postgresql.creation import OWNER
from accounts.tenancy.protection import grant_to_application


class Command(migrate.Command):
    """Django's, through the role that owns the tables; afterwards the application's role may use what is new."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        grant_to_application(connections[OWNER], connections["default"].settings_dict["USER"])
