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
        try:
            static.collect_if_stale()
            setup.create_from_settings()
        except ImproperlyConfigured as reason:
            sys.exit(str(reason))
        path = setup.new_link_path() if setup.needed() else ""
        if answer:
            answer.write_text(json.dumps({"set_up_path": path}), encoding="utf-8")
        elif path:
            print(f"Create the first administrator (once, within a day): {settings.BASE_URL}{path}")


def _check() -> None:
    for message in run_checks():
        words = " ".join(filter(None, [message.msg, message.hint]))
        if message.is_serious():
            sys.exit(words)
        logger.warning(words)
