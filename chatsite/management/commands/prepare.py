import json
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from accounts import setup
from chatsite import static


class Command(BaseCommand):
    help = "Bring the database and the static files up to date, before the parts of Chatsite start."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--answer", type=Path, help="a file to write the path of the set-up link to, as JSON")

    def handle(self, *_args: Any, answer: Path | None, **_options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        static.collect_if_stale()
        try:
            setup.create_from_settings()
        except ImproperlyConfigured as reason:
            sys.exit(str(reason))
        if answer:
            path = setup.new_link_path() if setup.needed() else ""
            answer.write_text(json.dumps({"set_up_path": path}), encoding="utf-8")
