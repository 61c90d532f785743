import sys
from typing import Any

from django.core.management.base import BaseCommand

from chatsite import up


class Command(BaseCommand):
    help = "Run one part of Chatsite: web, answers, documents or beat."

    def run_from_argv(self, argv: list[str]) -> None:
        sys.exit(up.become(argv[2:]))

    def handle(self, *_args: Any, **_options: Any) -> None:
        sys.exit(up.become([]))
