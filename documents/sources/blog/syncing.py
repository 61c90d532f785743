"""Keeping a blog in a person's library: each post is a document, and goes when its file goes.

A post is read again only if its text changed; when only its date, address, categories or tags did, those are written
and nothing is read. Callers act as the person. Each post is finished before the next one begins.
"""

import datetime as dt
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from django.db import transaction

from accounts.encryption.fields import keyed_hash
from accounts.models import User
from accounts.rights import requesting
from documents import library
from documents.errors import DocumentError, Held
from documents.models import Collection, Document
from documents.names import clean_name
from documents.sources import bookkeeping, files
from documents.sources.blog import front_matter, jekyll
from documents.sources.labels import label_hash
from documents.sources.models import Label, Publication, Source
from documents.sources.taking import alone, as_upload, filing

# Characters. A post of a book's length is no post.
LONGEST = 4 * 1024 * 1024
# So many posts may go in one run without a word from the operator, or so large a share: a folder that is not mounted,
# or a wrong branch, looks like a blog all of whose posts were deleted.
_FEW_REMOVED = 5
_SHARE_REMOVED = 0.2


@dataclass(frozen=True)
class Options:
    base_url: str = ""
    permalink: str = ""
    drafts: bool = False
    future: bool = False
    remove_many: bool = False
    keep_removed: bool = False


@dataclass
class Outcome:
    """What became of the posts. `problems` are paths with a sentence for people."""

    added: int = 0
    changed: int = 0
    facts_changed: int = 0
    unchanged: int = 0
    removed: int = 0
    duplicates: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)
    mended: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    # Posts whose files are gone, and that are still there because they are too many.
    not_removed: int = 0
    documents: list[UUID] = field(default_factory=list)
    waiting: list[UUID] = field(default_factory=list)

    @property
    def seen(self) -> int:
        passed_over = sum(self.passed_over.values())
        posts = self.added + self.changed + self.facts_changed + self.unchanged + self.duplicates
        return posts + passed_over + len(self.problems)


def sync(
    user: User,
    root: Path,
    found: Iterable[Path],
    options: Options,
    *,
    collection: Collection | None,
    zone: dt.tzinfo,
    report: Callable[[Outcome], None],
) -> Outcome:
    """`found` are the files below `root`, from `files.find`, and `root` is resolved. Raises taking.Busy."""
    paths = [path for path in found if path.suffix.lower() in jekyll.EXTENSIONS]
    # Jekyll's, also when all its posts are gone: its pages are no posts then either.
    has_posts = (
        root.name == "_posts"
        or any(jekyll.is_in_posts(path.relative_to(root)) for path in paths)
        or (root / "_posts").exists()
        or (root / "_config.yml").exists()
    )
    if has_posts and root.name != "_posts":
        own = [path.relative_to(root) for path in paths]
        paths = [root / path for path in own if jekyll.is_in_posts(path) or jekyll.is_draft(path)]
    site = jekyll.site_of(_config(root), base_url=options.base_url, permalink=options.permalink, zone=zone)
    one = _Run(user, root, options, site, has_posts)
    with alone(user), filing(user, collection, one.outcome.documents):
        for path in paths:
            one.take(path)
            report(one.outcome)
        one.remove_gone()
    return one.outcome


class _Run:
    def __init__(self, user: User, root: Path, options: Options, site: jekyll.Site, has_posts: bool) -> None:
        self.outcome = Outcome()
        self._user, self._root, self._options, self._site = user, root, options, site
        self._has_posts = has_posts
        self._now = dt.datetime.now(dt.UTC)
        self._batch = uuid4()
        self._blog = keyed_hash(user.pk, "blog", str(root).encode())
        # Documents that stay: of posts that are published, and of files that could not be understood.
        self._kept: set[UUID] = set()

    def take(self, path: Path) -> None:
        name = path.relative_to(self._root)
        source = bookkeeping.source_of(self._user, path)
        try:
            post = self._read(path)
            if isinstance(post, jekyll.NotPublished):
                self.outcome.passed_over[post.reason] = self.outcome.passed_over.get(post.reason, 0) + 1
                return
            if post.is_mended:
                self.outcome.mended.append(str(name))
            self._keep(path, source, post)
        except DocumentError as error:
            self.outcome.problems.append((str(name), error.text))
        except front_matter.Unreadable:
            self.outcome.problems.append((str(name), "What stands between its dashes is no YAML."))
        except UnicodeDecodeError:
            self.outcome.problems.append((str(name), "It is not written in UTF-8."))
        except files.NotThere:
            self.outcome.problems.append((str(name), "It was moved or replaced while the folder was being read."))
        except OSError as error:
            self.outcome.problems.append((str(name), f"It cannot be read: {error.strerror}."))
        else:
            return
        # What could not be understood today stays as it was.
        if source is not None:
            self._kept.add(source.document_id)

    def _read(self, path: Path) -> jekyll.Post | jekyll.NotPublished:
        with files.opened(path) as (file, size):
            if size > LONGEST:
                raise library.too_large()
            text = file.read(LONGEST + 1).decode()
        return jekyll.read(
            path.relative_to(self._root),
            text,
            self._site,
            now=self._now,
            named_by_date=self._has_posts,
            drafts=self._options.drafts,
            future=self._options.future,
        )

    def _keep(self, path: Path, source: Source | None, post: jekyll.Post) -> None:
        """Raises DocumentError."""
        content = post.text.encode()
        fingerprint = bookkeeping.fingerprint(io.BytesIO(content), owner_id=self._user.pk)
        name = clean_name(post.title.replace("/", "∕").replace("\\", "∖")) + ".md"
        upload = as_upload(io.BytesIO(content), name, len(content))
        if source is None:
            here = bookkeeping.with_content(self._user, fingerprint)
            if here is not None and self._belongs_elsewhere(here):
                self.outcome.duplicates += 1
                return
            document = here or library.add(self._user, upload, batch=self._batch)
            source = bookkeeping.remember(document, path, blog=self._blog)
            self.outcome.added += 1
            if here is None:
                self.outcome.waiting.append(document.pk)
            write_facts(document, post)
        else:
            document = source.document
            if not bookkeeping.is_newest(document, fingerprint):
                library.replace(document, upload)
                self.outcome.changed += 1
                self.outcome.waiting.append(document.pk)
                write_facts(document, post)
            elif write_facts(document, post):
                self.outcome.facts_changed += 1
            else:
                self.outcome.unchanged += 1
            if bytes(source.blog_hash) != self._blog:
                Source.objects.filter(pk=source.pk).update(blog_hash=self._blog)
            if document.name != name and document.name != clean_name(name):
                library.rename(document, name)
        self._kept.add(document.pk)
        self.outcome.documents.append(document.pk)

    def _belongs_elsewhere(self, document: Document) -> bool:
        """A post whose file was moved is known again; one whose file lies where it was has a copy here."""
        source = Source.objects.filter(document=document).first()
        return source is not None and (document.pk in self._kept or Path(source.path).exists())

    def remove_gone(self) -> None:
        """Documents of this blog whose files are not there any more, or are not published any more."""
        known = list(Source.objects.filter(owner=self._user, blog_hash=self._blog).values_list("document", flat=True))
        gone = [document_id for document_id in known if document_id not in self._kept]
        if not gone or self._options.keep_removed:
            return
        if len(gone) > max(_FEW_REMOVED, _SHARE_REMOVED * len(known)) and not self._options.remove_many:
            self.outcome.not_removed = len(gone)
            return
        for document in Document.objects.visible_to(self._user).filter(pk__in=gone):
            try:
                library.delete(document)
            except Held as error:
                self.outcome.problems.append((document.name, error.text))
                return
            self.outcome.removed += 1


def write_facts(document: Document, post: jekyll.Post) -> bool:
    """The date, address, categories and tags. False: they are as they were. Raises Held: new ones replace the old."""
    labels = [(Label.Kind.CATEGORY, name) for name in post.categories] + [(Label.Kind.TAG, name) for name in post.tags]
    rows = Label.objects.filter(document=document).order_by("kind", "position")
    before = [(Label.Kind(row.kind), row.name) for row in rows]
    published = Publication.objects.filter(document=document).first()
    if published and (published.url, published.published_on, before) == (post.url, post.published_on, labels):
        return False
    with transaction.atomic():
        if (published or before) and requesting.is_held_for_now(document.owner_id):
            raise Held
        Publication.objects.filter(document=document).delete()
        Publication.objects.create(
            document=document, owner_id=document.owner_id, url=post.url, published_on=post.published_on
        )
        rows.delete()
        Label.objects.bulk_create(
            Label(
                document=document,
                owner_id=document.owner_id,
                kind=kind,
                position=position,
                name=name,
                name_hash=label_hash(document.owner_id, name),
            )
            for position, (kind, name) in enumerate(labels)
        )
    return True


def _config(root: Path) -> str:
    """The text of _config.yml beside the posts, or above them if the folder of posts alone was given."""
    folder = root.parent if root.name == "_posts" else root
    try:
        with files.opened(folder / "_config.yml") as (file, _):
            return file.read(64 * 1024).decode(errors="replace")
    except (OSError, files.NotThere):
        return ""
