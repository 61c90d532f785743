"""What commands that change accounts need first: the database of a Chatsite that runs."""

from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError, connection


def require_database() -> None:
    """Raises CommandError, with a sentence for the operator, when no database answers."""
    if connection.connection is None:
        # One connection is enough, and a pool would wait long before it says that nobody is there.
        options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
        connection.settings_dict["OPTIONS"] = {"connect_timeout": 5, **options}
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise CommandError(
            f"Chatsite is not running with this data folder ({settings.DATA_DIR}). "
            "Start it, or write DATA_DIR=<its data folder> before this command."
        ) from error
