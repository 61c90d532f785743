from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.management.running import require_database
from accounts.models import User
from accounts.tenancy import acting_as
from documents.management.telling import INCOMPLETE, MOST_FILES, Seldom, TakingIn, found_at, record, unless_busy
from documents.sources import files
from documents.sources.blog import jekyll, syncing
from documents.sources.blog.syncing import Options, Outcome

_REASONS = {
    "draft": "drafts",
    "unpublished": "not published",
    "future": "dated in the future",
    "undated": "without a date in their names",
    "no_front_matter": "without front matter",
}


class Command(TakingIn):
    help = (
        "Keep a blog of Markdown files, as Jekyll reads it, in a person's library. Each published post is a document "
        "under its title, with its date, categories, tags and address. Given again, it leaves posts alone that did not "
        "change, reads again those that did, and removes those whose files are gone; many of them only with "
        f"--remove-many. Ends with 0 if all is well, with {INCOMPLETE} if something is missing or was not removed, "
        "with 1 if nothing was done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="the blog's folder, or its _posts")
        super().add_arguments(parser)
        parser.add_argument(
            "--base-url", default="", metavar="URL", help="where the blog is published; without, what _config.yml says"
        )
        parser.add_argument(
            "--permalink",
            default="",
            metavar="STYLE",
            help=f"how addresses are made: {', '.join(jekyll.STYLES)}, or a template such as /:year/:title/",
        )
        parser.add_argument("--drafts", action="store_true", help="drafts, too")
        parser.add_argument("--future", action="store_true", help="posts with a date in the future, too")
        parser.add_argument("--remove-many", action="store_true", help="remove gone posts, however many they are")
        parser.add_argument("--keep-removed", action="store_true", help="remove no post, even if its file is gone")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        require_database()
        wanted = _options(options)
        user = self.owner(options)
        path: Path = options["path"]
        if path.exists() and not path.is_dir():
            raise CommandError(f"{path} is no folder. Give the blog's folder; for one file there is ingest.")
        # An emptied folder is looked at: its posts are gone, and the operator is asked about them.
        found = found_at(path, at_most=MOST_FILES, may_be_empty=True)
        with acting_as(user):
            outcome = self._sync(user, path.resolve(), found, wanted, options)
            self._sum_up(found, outcome)
            failed = self.follow(outcome.waiting, options)
        if outcome.problems or outcome.not_removed or found.unreadable or failed:
            raise CommandError("Not everything is as in the folder; what is not stands above.", returncode=INCOMPLETE)

    def _sync(self, user: User, root: Path, found: files.Found, wanted: Options, options: dict[str, Any]) -> Outcome:
        told = Seldom()

        def report(outcome: Outcome) -> None:
            if told.is_due():
                self.stdout.write(f"{outcome.seen} files")
                self.stdout.flush()

        with unless_busy(user):
            outcome = syncing.sync(
                user,
                root,
                found.files,
                wanted,
                collection=self.collection(user, options),
                zone=timezone.get_current_timezone(),
                report=report,
            )
        record(user, outcome, removed=outcome.removed)
        return outcome

    def _sum_up(self, found: files.Found, outcome: Outcome) -> None:
        self.list_refused(outcome.problems, "were not taken in")
        self.list_unreadable(found)
        if outcome.not_removed:
            self.stderr.write(
                f"{outcome.not_removed} posts are not in the folder any more. That many are not removed without a "
                "word: see whether it is the right folder, and whole, then add --remove-many (or --keep-removed)."
            )
        if outcome.mended:
            self.stdout.write(
                f"{len(outcome.mended)} have front matter that is no correct YAML; what could be told apart was taken: "
                + ", ".join(outcome.mended[:5])
            )
        self.stdout.write(
            f"{outcome.added} added, {outcome.changed} changed, {outcome.facts_changed} with other facts, "
            f"{outcome.unchanged} unchanged, {outcome.removed} removed, {outcome.duplicates} duplicates, "
            f"{len(outcome.problems)} refused."
        )
        if outcome.passed_over:
            words = ", ".join(f"{count} {_REASONS[reason]}" for reason, count in sorted(outcome.passed_over.items()))
            self.stdout.write(f"Passed over: {words}.")


def _options(options: dict[str, Any]) -> Options:
    """Raises CommandError."""
    base_url, permalink = options["base_url"], options["permalink"]
    if base_url and not jekyll.is_web_address(base_url):
        raise CommandError(
            f"--base-url {base_url} is no address: write it as https://blog.example.org. Nothing was done."
        )
    if permalink and permalink not in jekyll.STYLES and not permalink.startswith("/"):
        raise CommandError(
            f"--permalink must be one of {', '.join(jekyll.STYLES)}, or begin with a slash. Nothing was done."
        )
    if options["remove_many"] and options["keep_removed"]:
        raise CommandError("--remove-many and --keep-removed exclude each other. Nothing was done.")
    return Options(
        base_url=base_url,
        permalink=permalink,
        drafts=options["drafts"],
        future=options["future"],
        remove_many=options["remove_many"],
        keep_removed=options["keep_removed"],
    )
