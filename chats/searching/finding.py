"""What a person finds in their own conversations. Everything begins with what is visible to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from accounts.encryption import keys
from accounts.encryption.errors import SealingError
from chats.models import Conversation, Message
from chats.searching import ranking, snippets
from chats.searching.models import Indexed
from chats.searching.ranking import Ranked, Scope
from chats.searching.snippets import Asked
from documents.marking import Piece
from documents.terms import MOST_QUERY_CHARACTERS, storable

if TYPE_CHECKING:
    from accounts.models import User

PAGE_LENGTH = 20
# Whoever has not found it among so many needs other words.
MOST_RESULTS = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What is None or empty does not limit. Days are the person's, both included."""

    since: date | None = None
    until: date | None = None
    folder: UUID | None = None
    tag: UUID | None = None
    model: str = ""

    @property
    def any(self) -> bool:
        return any([self.since, self.until, self.folder, self.tag, self.model])


@dataclass(frozen=True, slots=True)
class Hit:
    """`message` is None where the conversation's title was found."""

    conversation: Conversation
    message: Message | None
    title: list[Piece]
    snippet: list[Piece]
    is_complete: bool

    @property
    def moment(self) -> datetime:
        return self.message.created_at if self.message else self.conversation.updated_at


@dataclass(frozen=True, slots=True)
class Found:
    hits: list[Hit]
    # How many there are with every word, and how many with at least one.
    complete: int = 0
    total: int = 0
    # Where the next page begins, if there is one.
    following: int | None = None
    # There was nothing to search for: no word, or nothing to look in.
    is_empty_question: bool = False


def find(user: "User", query: str, filters: Filters, *, start: int = 0) -> Found:
    query = storable(query[:MOST_QUERY_CHARACTERS])
    counted = ranking.statistics(user.pk)
    asked = Asked.of(query, counted.languages, keys.of(user.pk, make=True).terms)
    if not asked.words:
        return Found([], is_empty_question=True)
    if not counted.messages:
        return Found([])
    rows = ranking.rank(user.pk, _scope(user, filters), asked.words, counted, start=start, limit=PAGE_LENGTH + 1)
    if not rows:
        return Found([])
    shown = rows[:PAGE_LENGTH]
    more = len(rows) > PAGE_LENGTH and start + PAGE_LENGTH < MOST_RESULTS
    return Found(
        _hits(user, shown, asked),
        complete=rows[0].complete,
        total=rows[0].total,
        following=start + PAGE_LENGTH if more else None,
    )


def _scope(user: "User", filters: Filters) -> Scope:
    wanted = Q()
    if filters.folder:
        wanted &= Q(folder=filters.folder)
    if filters.tag:
        wanted &= Q(tagged__tag=filters.tag)
    return Scope(
        Conversation.objects.visible_to(user).filter(wanted),
        since=_beginning(filters.since),
        until=_beginning(filters.until + timedelta(days=1)) if filters.until else None,
        model=filters.model,
    )


def _beginning(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None


def _hits(user: "User", rows: Sequence[Ranked], asked: Asked) -> list[Hit]:
    conversations = (
        Conversation.objects.visible_to(user)
        .select_related("folder")
        .only("id", "owner_id", "title", "created_at", "updated_at", "folder__id", "folder__owner_id", "folder__name")
        .in_bulk({row.conversation_id for row in rows})
    )
    messages = (
        Message.objects.visible_to(user)
        .only("id", "owner_id", "conversation_id", "role", "content", "answered_by", "created_at")
        .in_bulk({row.message_id for row in rows if row.message_id})
    )
    hits = []
    for row in rows:
        conversation = conversations.get(row.conversation_id)
        message = messages.get(row.message_id) if row.message_id else None
        if conversation is None or (row.message_id and message is None):
            continue  # deleted just now
        try:
            title = snippets.whole(str(conversation), asked)
            snippet = snippets.snippet(message.content, asked) if message else []
        except SealingError:
            continue  # damaged in the database: the page of the chat says so
        hits.append(Hit(conversation, message, title, snippet, row.is_complete))
    return hits


def models_used(user: "User") -> list[str]:
    rows = Indexed.objects.filter(owner=user).exclude(model="").order_by("model")
    return list(rows.values_list("model", flat=True).distinct())
