"""What the sidebar and the page of all chats show. A fixed number of queries, however many chats there are."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Literal

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from accounts.models import User
from accounts.statements import Statement
from chats import reading
from chats.models import Conversation, ConversationTag, Folder, Tag
from chats.organising import labels

# Of those that are neither pinned nor in a folder: shown at first and fetched each time the reader reaches their end,
# and the most that stay when the list is drawn anew.
LENGTH = 200
MOST = 2_000
PINNED = 100
IN_FOLDER = 30
# So many can stand open. The browser says which, in a cookie, by the beginnings of their identifiers.
OPEN_FOLDERS = 20
PAGE_LENGTH = 50
# The tags that most chats have; all are on the page of all chats.
TAGS = 12

State = Literal["current", "archived", "deleted"]
# What the chats of each list are ordered by.
_ORDER: Mapping[State, str] = {"current": "updated_at", "archived": "archived_at", "deleted": "deleted_at"}


@dataclass(slots=True)
class Part:
    """Chats and, if there are more, the cursor that finds them."""

    chats: list[Conversation]
    after: str = ""

    def by_date(self) -> list[tuple[str, list[Conversation]]]:
        return reading.by_date(self.chats)


@dataclass(slots=True)
class ShownFolder:
    folder: Folder
    count: int
    is_open: bool
    part: Part


@dataclass(slots=True)
class Sidebar:
    loose: Part
    pinned: list[Conversation] = field(default_factory=list)
    folders: list[ShownFolder] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    current: uuid.UUID | None = None


def sidebar(user: User, *, open_folders: str = "", current: uuid.UUID | None = None, length: int = 0) -> Sidebar:
    """Three queries. The folder of the current chat is open."""
    folders = labels.by_name(_folders(user.pk, current))
    names = {name for name in open_folders.split(".")[:OPEN_FOLDERS] if name}
    opened = [f for f in folders if f.pk.hex[:8] in names or f.holds_current]
    length = min(max(length, LENGTH), MOST)
    found = _chats(length)(user.pk, *(folder.pk for folder in opened))
    by_place: dict[uuid.UUID | None, list[Conversation]] = {}
    pinned = []
    for chat in with_addresses(found):
        if chat.pinned_at:
            pinned.append(chat)
        else:
            by_place.setdefault(chat.folder_id, []).append(chat)
    shown = [ShownFolder(f, f.count, f in opened, _part(_latest(by_place.get(f.pk, [])), IN_FOLDER)) for f in folders]
    pinned.sort(key=lambda chat: (chat.pinned_at, chat.pk), reverse=True)
    return Sidebar(
        _part(_latest(by_place.get(None, [])), length), pinned, shown, labels.by_name(_tags(user.pk)), current
    )


def older(user: User, after: str) -> Part:
    """What follows in the sidebar. One query. Raises ValueError for a cursor that is none."""
    rows = _after(_rows(user).filter(pinned_at=None, folder=None), "updated_at", after)
    return _part(list(with_addresses(rows.order_by("-updated_at", "-pk")[: LENGTH + 1])), LENGTH)


def in_folder(user: User, folder: Folder) -> Part:
    return _part(list(with_addresses(_in_folder(_rows(user), folder)[: IN_FOLDER + 1])), IN_FOLDER)


def page(user: User, state: State, *, folder: Folder | None = None, tag: Tag | None = None, after: str = "") -> Part:
    """A page of one of the lists, each chat with its folder and its `tag_list`. Two queries."""
    column = _ORDER[state]
    rows: QuerySet[Conversation]
    rows = Conversation.objects.deleted_by(user) if state == "deleted" else Conversation.objects.visible_to(user)
    if state != "deleted":
        rows = rows.filter(archived_at__isnull=state == "current")
    if folder:
        rows = rows.filter(folder=folder)
    if tag:
        rows = rows.filter(pk__in=ConversationTag.objects.filter(tag=tag).values("conversation"))
    rows = _after(rows, column, after).select_related("folder")
    shown = list(with_addresses(rows.order_by(f"-{column}", "-pk")[: PAGE_LENGTH + 1]))
    part = _part(shown, PAGE_LENGTH, column)
    tags: dict[uuid.UUID, list[Tag]] = {}
    tagged = ConversationTag.objects.filter(conversation__in=[chat.pk for chat in part.chats]).select_related("tag")
    for row in tagged:
        tags.setdefault(row.conversation_id, []).append(row.tag)
    rows_shown: list[Any] = part.chats  # what templates show is attached
    for chat in rows_shown:
        chat.tag_list = sorted(tags.get(chat.pk, []), key=lambda tag: tag.name.casefold())
        chat.when = getattr(chat, column)
    return part


def with_addresses(chats: Iterable[Any]) -> Iterable[Conversation]:
    """`reverse` is slow, and a sidebar has hundreds. What can be done with a chat lies below its address."""
    for chat in chats:
        chat.url = _address().format(chat.pk)
        yield chat


@cache
def _address() -> str:
    nobody = uuid.UUID(int=0)
    return reverse("chats:conversation", args=[nobody]).replace(str(nobody), "{}")


def _rows(user: User) -> QuerySet[Conversation]:
    """What the sidebar shows of them."""
    rows: Any = Conversation.objects.visible_to(user).filter(archived_at=None)
    shown: QuerySet[Conversation] = rows.only("id", "title", "updated_at", "owner_id", "pinned_at", "folder_id")
    return shown


@lru_cache(maxsize=20)
def _chats(length: int) -> Statement:
    """Of a person, and of the folders that stand open: what the sidebar shows of both."""

    def rows(user_id: uuid.UUID, *folders: Any) -> QuerySet[Conversation]:
        shown = _rows(User(pk=user_id))
        loose = shown.filter(pinned_at=None, folder=None)
        parts = [
            shown.exclude(pinned_at=None).order_by("-pinned_at", "-pk")[:PINNED],
            *(_in_folder(shown, folder)[: IN_FOLDER + 1] for folder in folders),
        ]
        return loose.order_by("-updated_at", "-pk")[: length + 1].union(*parts, all=True)

    return Statement(rows)


def _counted_folders(user_id: uuid.UUID, current: uuid.UUID) -> QuerySet[Folder]:
    counted = Q(conversations__deleted_at=None, conversations__archived_at=None, conversations__pinned_at=None)
    return Folder.objects.filter(owner=user_id).annotate(
        count=Count("conversations", filter=counted),
        holds_current=Count("conversations", filter=counted & Q(conversations=current)),
    )


def _counted_tags(user_id: uuid.UUID) -> QuerySet[Tag]:
    shown = Q(tagged__conversation__deleted_at=None, tagged__conversation__archived_at=None)
    rows = Tag.objects.filter(owner=user_id).annotate(count=Count("tagged", filter=shown)).filter(count__gt=0)
    return rows.order_by("-count", "pk")[:TAGS]


_folders = Statement(_counted_folders)
_tags = Statement(_counted_tags)


def _in_folder(rows: QuerySet[Conversation], folder: Folder | uuid.UUID) -> QuerySet[Conversation]:
    return rows.filter(pinned_at=None, folder=folder).order_by("-updated_at", "-pk")


def _latest(chats: list[Conversation]) -> list[Conversation]:
    return sorted(chats, key=lambda chat: (chat.updated_at, chat.pk), reverse=True)


def _part(chats: list[Conversation], length: int, column: str = "updated_at") -> Part:
    shown = chats[:length]
    if len(chats) <= length:
        return Part(shown)
    return Part(shown, f"{getattr(shown[-1], column).isoformat()}_{shown[-1].pk}")


def _after(rows: QuerySet[Conversation], column: str, cursor: str) -> QuerySet[Conversation]:
    """Raises ValueError."""
    if not cursor:
        return rows
    time, _, pk = cursor.replace(" ", "+")[:80].partition("_")
    at, last = datetime.fromisoformat(time), uuid.UUID(pk)
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    # The first condition is the one that the index serves.
    return rows.filter(**{f"{column}__lte": at}).exclude(**{column: at, "pk__gte": last})
