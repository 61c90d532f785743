import sys
from typing import Any

from django.core.management.base import BaseCommand

from chatsite import up


class Command(BaseCommand):
    help = "Run the whole of Chatsite on this machine (manage.py takes a shorter way to the same function)."

    def run_from_argv(self, argv: list[str]) -> None:
        sys.exit(up.main(argv[2:]))

    def handle(self, *_args: Any, **_options: Any) -> None:
        sys.exit(up.main([]))
