from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from accounts.management.running import require_database
from accounts.tenancy import acting_as_system
from documents.management.asked import account, collection_of
from documents.models import Collection
from documents.reindexing import AlreadyRunning, reindex, renew
from documents.runs import Part, Progress
from documents.spaces import active_space
from llms.catalogue import embedding_model_key
from llms.errors import ModelError


class Command(BaseCommand):
    help = (
        "Make the vectors of all documents with an embedding model (by default the configured one) and search with it "
        "from then on. With --owner, --collection or --all instead: make the index of words and the vectors of these "
        "documents anew, in the model that is used now, from what was read of them; for documents that were indexed "
        "before the index learned something new. Searching works throughout; an interrupted run goes on where it "
        "stopped when the command is given again. The administration shows how far it is, under Embedding spaces."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model", default="", help="for example builtin/wordllama or ollama/nomic-embed-text")
        parser.add_argument("--owner", default="", metavar="EMAIL", help="only the documents of this account")
        parser.add_argument(
            "--collection", default="", metavar="NAME", help="only those of this collection of --owner, or of this id"
        )
        parser.add_argument("--all", action="store_true", help="everybody's documents, in the model used now")
        parser.add_argument(
            "--afresh", action="store_true", help="do not go on with an interrupted run of the same part: all of it"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        require_database()
        try:
            if options["owner"] or options["collection"] or options["all"]:
                self._renew(options)
            elif options["afresh"]:
                raise CommandError("--afresh is for a part: add --owner, --collection or --all.")
            else:
                space = reindex(options["model"] or embedding_model_key(), report=self._report)
                self.stdout.write(self.style.SUCCESS(f"Documents are searched with {space}."))
        except AlreadyRunning as exc:
            raise CommandError("Another reindex is running. Wait for it to end.") from exc
        except ModelError as exc:
            raise CommandError(f"{exc.text} What was done so far is kept; run the command again.") from exc

    def _renew(self, options: dict[str, Any]) -> None:
        part = _part(options)
        model = active_space().model
        if options["model"] not in {"", model}:
            raise CommandError(
                f"All documents are searched with one model, now {model}. To change it, give --model alone; to make a "
                "part anew in it, leave --model out. Nothing was done."
            )
        left = renew(part, report=self._report, afresh=options["afresh"])
        if left:
            raise CommandError(
                f"{left} of the documents were being changed all the time and are as they were. Run the command again."
            )
        self.stdout.write(self.style.SUCCESS("All of these documents are indexed anew."))

    def _report(self, progress: Progress) -> None:
        self.stdout.write(f"{progress.done} of {progress.total} passages ({progress.percent} %)")
        self.stdout.flush()


def _part(options: dict[str, Any]) -> Part:
    if options["all"]:
        if options["owner"] or options["collection"]:
            raise CommandError("--all is everybody's: leave out --owner and --collection, or leave out --all.")
        return Part()
    with acting_as_system("find whose documents are meant"):
        if options["owner"]:
            owner = account(options["owner"])
            name = options["collection"]
            return Part(owner.pk, collection_of(owner, name).pk if name else None)
        try:
            collection = Collection.objects.filter(pk=UUID(options["collection"])).first()
        except ValueError:
            raise CommandError(
                "Names of collections are their owners': add --owner EMAIL, or give the collection's id."
            ) from None
    if collection is None:
        raise CommandError("There is no collection with this id. Nothing was done.")
    return Part(collection.owner_id, collection.pk)
