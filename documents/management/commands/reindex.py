from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.reindexing import AlreadyRunning, Progress, reindex
from llms.catalogue import embedding_model_key
from llms.errors import ModelError


class Command(BaseCommand):
    help = (
        "Make the vectors of all documents with an embedding model (by default the configured one) and search with "
        "it from then on. Searching works throughout; an interrupted run goes on where it stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model", default="", help="for example builtin/wordllama or ollama/nomic-embed-text")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        model = options["model"] or embedding_model_key()
        try:
            space = reindex(model, report=self._report)
        except AlreadyRunning as exc:
            raise CommandError("Another reindex is running. Wait for it to end.") from exc
        except ModelError as exc:
            raise CommandError(f"{exc.text} What was done so far is kept; run the command again.") from exc
        self.stdout.write(self.style.SUCCESS(f"Documents are searched with {space}."))

    def _report(self, progress: Progress) -> None:
        share = 100 * progress.done // progress.total if progress.total else 100
        self.stdout.write(f"{progress.done} of {progress.total} passages ({share} %)")
        self.stdout.flush()
