from typing import Any

from django.core.management.base import BaseCommand

from chats.searching.catching_up import index_everybody


class Command(BaseCommand):
    help = (
        "Make everybody's chats searchable, as far as they are not: those that are older than the search. Everything "
        "works meanwhile; an interrupted run goes on where it stopped."
    )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        done = index_everybody(self._report)
        self.stdout.write(self.style.SUCCESS(f"{done} chats were made searchable. All chats are."))

    def _report(self, chats: int, people: int) -> None:
        self.stdout.write(f"{chats} chats of {people} people")
        self.stdout.flush()
