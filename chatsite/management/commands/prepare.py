import json
import logging
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from accounts import setup
from accounts.encryption import keys
from accounts.encryption.errors import SealingError
from accounts.models import User
from accounts.sso import metadata
from accounts.tenancy.role import refuse_unbound_role
from chatsite import static

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Bring the database and the static files up to date, before the parts of Chatsite start."

    # Run below, to say what is wrong in one sentence.
    requires_system_checks: list[str] | tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--answer", type=Path, help="a file to write the path of the set-up link to, as JSON")

    def handle(self, *_args: Any, answer: Path | None, **_options: Any) -> None:
        _check()
        call_command("migrate", interactive=False, verbosity=0)
        _check_keys()
        try:
            refuse_unbound_role()
            static.collect_if_stale()
            setup.create_from_settings()
            if warning := metadata.fetch_at_start():
                logger.warning(warning)
        except ImproperlyConfigured as reason:
            sys.exit(str(reason))
        path = setup.new_link_path() if setup.needed() else ""
        if answer:
            answer.write_text(json.dumps({"set_up_path": path}), encoding="utf-8")
        elif path:
            print(f"Create the first administrator (once, within a day): {settings.BASE_URL}{path}")


def _check_keys() -> None:
    """New keys beside old data would hide that the old keys are elsewhere, so they are made for a new database only."""
    if not keys.is_installed() and User.objects.exists():
        sys.exit(
            f"The folder of keys, {settings.KEYS_DIR}, is empty, but the database is in use, so nothing in it could be "
            "read. Restore the folder from its backup, or set KEYS_DIR to where it is (docs/security.md)."
        )
    try:
        keys.installation_key("start")
    except SealingError as error:
        sys.exit(error.text)
    except OSError as error:
        sys.exit(f"The folder of keys, {settings.KEYS_DIR}, cannot be used: {error.strerror}. Set KEYS_DIR to another.")


def _check() -> None:
    for message in run_checks():
        words = " ".join(filter(None, [message.msg, message.hint]))
        if message.is_serious():
            sys.exit(words)
        logger.warning(words)
