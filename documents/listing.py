"""The list of a person's documents: narrowed, ordered, and cut into pages.

Names are sealed, so the database can neither order by them nor look into them. Where a list is ordered by name or
narrowed by words of it, the names of what else fits are opened one by one, at most MOST_NAMES of them, the newest
first. What was not looked at is said.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils.http import urlencode

from accounts.models import User
from documents.models import Document, DocumentTag, DocumentVersion
from documents.rows import Row, for_rows
from documents.sniffing import PICTURES, Kind

MOST_NAMES = 10_000
LENGTHS = (50, 100, 200)
MOST_WORDS = 8
LONGEST_WORDS = 200

BUSY = (Document.QUEUED, *Document.WORKING)
STATES: dict[str, tuple[str, Q]] = {
    "ready": ("Ready", Q(status=Document.Status.READY)),
    "busy": ("Being read", Q(status__in=BUSY)),
    "failed": ("Failed", Q(status=Document.Status.FAILED)),
}
TYPES: dict[str, tuple[str, frozenset[Kind]]] = {
    "pdf": ("PDF", frozenset({Kind.PDF})),
    "text": ("Texts", frozenset({Kind.DOCX, Kind.DOC, Kind.ODT, Kind.RTF, Kind.TXT, Kind.MD, Kind.EPUB})),
    "sheets": ("Tables", frozenset({Kind.XLSX, Kind.XLS, Kind.ODS, Kind.CSV})),
    "slides": ("Slides", frozenset({Kind.PPTX, Kind.PPT, Kind.ODP})),
    "mail": ("Mails", frozenset({Kind.EML, Kind.MSG})),
    "web": ("Web pages and XML", frozenset({Kind.HTML, Kind.XML})),
    "pictures": ("Pictures", PICTURES),
    "archives": ("Archives", frozenset({Kind.ZIP})),
}
# What a list can be ordered by, as a person says it; "-" before one turns it round.
SORTS = {
    "-added": "Newest first",
    "added": "Oldest first",
    "name": "Name, A to Z",
    "-name": "Name, Z to A",
    "-size": "Largest first",
    "size": "Smallest first",
    "-pages": "Most pages",
    "pages": "Fewest pages",
    "status": "Status",
    "-status": "Status, turned round",
}
_COLUMNS = {"added": "created_at", "size": "newest_size", "pages": "newest_pages", "status": "status"}
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Wanted:
    """What a person asked to see. What is not understood is as if it had not been asked for."""

    state: str = ""
    kind: str = ""
    tag: UUID | None = None
    words: str = ""
    sort: str = "-added"
    length: int = LENGTHS[0]
    page: int = 1

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Self:
        length, page = values.get("length", ""), values.get("page", "")
        return cls(
            state=_one_of(STATES, values.get("state", "")),
            kind=_one_of(TYPES, values.get("kind", "")),
            tag=_identifier(values.get("tag", "")),
            words=" ".join(values.get("words", "").split())[:LONGEST_WORDS],
            sort=_one_of(SORTS, values.get("sort", "")) or cls.sort,
            length=int(length) if length.isdecimal() and int(length[:6]) in LENGTHS else cls.length,
            page=int(page[:6]) if page.isdecimal() else 1,
        )

    @property
    def query(self) -> str:
        """For an address. The words are not in it: what a person writes stands in no address and no log."""
        chosen: dict[str, Any] = {"state": self.state, "kind": self.kind, "tag": self.tag or "", "sort": self.sort}
        chosen |= {"length": self.length, "page": self.page}
        plain = {"sort": Wanted.sort, "length": Wanted.length, "page": Wanted.page}
        return urlencode({name: value for name, value in chosen.items() if value and value != plain.get(name)})

    def at(self, page: int) -> str:
        query = replace(self, page=page).query
        return f"?{query}" if query else "?"

    @property
    def narrows(self) -> bool:
        return bool(self.state or self.kind or self.tag or self.words)

    def turned(self, column: str) -> str:
        """What pressing a column's head asks for: its own order first, then the other way round."""
        first = {"added": "-added", "size": "-size", "pages": "-pages"}.get(column, column)
        other = column if first.startswith("-") else f"-{column}"
        return other if self.sort == first else first

    @property
    def columns(self) -> dict[str, dict[str, str]]:
        """For the heads of the table: what pressing each asks for, and how the list is ordered by it now."""
        now = {"": "", self.sort: "ascending", f"-{self.sort}": "", self.sort.lstrip("-"): "descending"}
        if not self.sort.startswith("-"):
            now[self.sort] = "ascending"
        return {name: {"press": self.turned(name), "now": now.get(name, "")} for name in (*_COLUMNS, "name")}


@dataclass(frozen=True)
class Listed:
    """One page of a list. `not_looked_at`: documents beyond MOST_NAMES, whose names were not opened."""

    wanted: Wanted
    rows: list[Row]
    count: int
    not_looked_at: int = 0
    # There is nothing at all, however the list is narrowed.
    is_empty: bool = False
    reading: "Reading | None" = None
    choices: dict[str, Any] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        return max(1, -(-self.count // self.wanted.length))

    @property
    def first(self) -> int:
        return (self.wanted.page - 1) * self.wanted.length + 1

    @property
    def last(self) -> int:
        return min(self.count, self.wanted.page * self.wanted.length)

    @property
    def previous_url(self) -> str:
        return self.wanted.at(self.wanted.page - 1) if self.wanted.page > 1 else ""

    @property
    def next_url(self) -> str:
        return self.wanted.at(self.wanted.page + 1) if self.wanted.page < self.pages else ""


@dataclass(frozen=True)
class Reading:
    """How far all of it is that is being read: what came together counts together, until the last of it is done."""

    total: int
    busy: int
    failed: int

    @property
    def done(self) -> int:
        return self.total - self.busy


def page(user: User, wanted: Wanted) -> Listed:
    """A fixed number of queries, however many documents there are."""
    found = narrowed(user, wanted)
    if wanted.words or wanted.sort.lstrip("-") == "name":
        keys, missed = _by_names(found, wanted)
        count = len(keys)
        wanted = _within(wanted, count)
        start = (wanted.page - 1) * wanted.length
        shown = _in_order(keys[start : start + wanted.length])
    else:
        missed, count = 0, found.count()
        wanted = _within(wanted, count)
        start = (wanted.page - 1) * wanted.length
        shown = list(for_rows(_ordered(found, wanted.sort))[start : start + wanted.length])
    is_empty = not count and (not wanted.narrows or not Document.objects.visible_to(user).exists())
    return Listed(wanted, [Row.of(document) for document in shown], count, missed, is_empty, reading(user))


def narrowed(user: User, wanted: Wanted) -> QuerySet[Document]:
    """By all but the words."""
    found = Document.objects.visible_to(user)
    if wanted.state:
        found = found.filter(STATES[wanted.state][1])
    if wanted.kind:
        kinds = [kind.value for kind in TYPES[wanted.kind][1]]
        found = found.alias(newest_type=_newest("media_type")).filter(newest_type__in=kinds)
    if wanted.tag:
        # A tag of somebody else is on none of these.
        found = found.filter(pk__in=DocumentTag.objects.filter(tag=wanted.tag, owner=user).values("document"))
    return found


def reading(user: User) -> Reading | None:
    """One query; None while nothing is being read."""
    own = Document.objects.visible_to(user)
    busy = Q(status__in=BUSY)
    together = own.filter(busy, batch__isnull=False).order_by().values("batch")
    counts = own.filter(busy | Q(batch__in=together)).aggregate(
        total=Count("pk"), busy=Count("pk", filter=busy), failed=Count("pk", filter=Q(status=Document.Status.FAILED))
    )
    return Reading(**counts) if counts["busy"] else None


def _ordered(found: QuerySet[Document], sort: str) -> QuerySet[Document]:
    name = sort.lstrip("-")
    if name == "size":
        found = found.annotate(newest_size=_newest("size"))
    elif name == "pages":
        found = found.annotate(newest_pages=_newest("page_count"))
    column = F(_COLUMNS.get(name, "created_at"))
    order = column.desc(nulls_last=True) if sort.startswith("-") or name == "name" else column.asc(nulls_last=True)
    return found.order_by(order, "-created_at", "pk")


def _newest(column: str) -> Subquery:
    rows = DocumentVersion.objects.filter(document=OuterRef("pk")).order_by("-number")
    return Subquery(rows.values(column)[:1])


def _by_names(found: QuerySet[Document], wanted: Wanted) -> tuple[list[UUID], int]:
    """Keys in order, and how many documents were not looked at."""
    newest = found.order_by("-created_at", "pk").values("pk")[:MOST_NAMES]
    looked_at = _ordered(Document.objects.filter(pk__in=newest), wanted.sort)
    sealed: Any = looked_at.values_list("pk", "name", "owner_id")
    names = [(folded(Document.unsealed("name", name, pk, owner_id=owner_id)), pk) for pk, name, owner_id in sealed]
    total = found.count() if len(names) == MOST_NAMES else len(names)
    words = folded(wanted.words).split()[:MOST_WORDS]
    names = [(name, pk) for name, pk in names if all(word in name for word in words)]
    if wanted.sort.lstrip("-") == "name":
        names.sort(key=lambda pair: _natural(pair[0]), reverse=wanted.sort.startswith("-"))
    return [pk for _, pk in names], total - min(total, MOST_NAMES)


def _in_order(keys: Sequence[UUID]) -> list[Document]:
    found = {document.pk: document for document in for_rows(Document.objects.filter(pk__in=keys))}
    return [found[key] for key in keys if key in found]


def folded(text: str) -> str:
    """Without accents and the size of letters: "Résumé" is found by "resume"."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()


def _natural(name: str) -> list[tuple[int, int | str]]:
    """ "page 9" stands before "page 10"."""
    return [(0, int(part[:30])) if part.isdecimal() else (1, part) for part in _DIGITS.split(name) if part]


def _within(wanted: Wanted, count: int) -> Wanted:
    return replace(wanted, page=min(max(1, wanted.page), max(1, -(-count // wanted.length))))


def _one_of(known: Mapping[str, object], value: str) -> str:
    return value if value in known else ""


def _identifier(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
