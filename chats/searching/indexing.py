"""Writing the search index, in the transaction that writes what is found by it.

Messages are indexed once they are complete, an answer with whatever was written of it when it ended. Deleted
conversations keep their rows, as they keep their messages, until they are removed for good: what can be brought back
can then be found at once. `missing` finds what has no rows yet, for `manage.py index_chats`.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from accounts.encryption import keys
from chats.models import Conversation, Message
from chats.searching.models import Indexed, Occurrences
from documents.postings import as_array, inverted
from documents.terms import DEFAULT_LANGUAGE, PassageTerms, guess_language, language_of, passage_terms, storable

_Row = TypeVar("_Row")

# What a place holds (Occurrences.places).
TITLE = 0x8000
LONGEST = 0x7FFF
# Rows that go to the database in one statement.
_ROWS = 5_000
# Beyond that a message is a pasted file; its beginning is found.
_MOST_CHARACTERS = 400_000


def add_exchange(answer: Message) -> None:
    """An answer that ended, with the question above it, which waits for that: no first word is kept waiting.

    An answer that was continued was here before, with what was written until then.
    """
    conversation, question = answer.conversation, answer.parent
    near = Q(message__in=[answer.pk, answer.parent_id, question.parent_id if question else None])
    title = Q(conversation=conversation, message=None)
    # None stands for the title.
    known: dict[UUID | None, str] = dict(Indexed.objects.filter(near | title).values_list("message_id", "language"))
    if known.pop(answer.pk, None):
        _forget_places(conversation, Indexed.objects.filter(message=answer))
    messages = [message for message in (question, answer) if message and message.content and message.pk not in known]
    # For a message too short to tell: what those above it were written in.
    language = known.get(answer.parent_id) or (known.get(question.parent_id) if question else None)
    _add(conversation, messages, with_title=None not in known, language=language or DEFAULT_LANGUAGE)


def replace_title(conversation_id: UUID, owner_id: UUID, title: str) -> None:
    conversation = Conversation(pk=conversation_id, owner_id=owner_id, title=title)
    with transaction.atomic():
        _forget_places(conversation, Indexed.objects.filter(conversation=conversation_id, message=None))
        _add(conversation, [], with_title=True, language=_language_of_most(conversation_id))


def add_conversation(conversation: Conversation, messages: Sequence[Message]) -> None:
    """All of it at once. What is indexed already stays as it is."""
    complete = [message for message in messages if message.content and not message.is_live]
    language = language_of([message.content for message in complete])
    _add(conversation, complete, with_title=True, language=language)


def forget(conversation_id: UUID) -> None:
    Occurrences.objects.filter(conversation=conversation_id).delete()
    Indexed.objects.filter(conversation=conversation_id).delete()


def missing(owner_id: UUID) -> QuerySet[Conversation]:
    """Conversations of which something is not indexed that could be."""
    unfinished = [Message.QUEUED, *Message.WORKING]
    messages = Message.objects.filter(owner_id=owner_id, indexed=None).exclude(content="")
    without = Q(pk__in=messages.exclude(status__in=unfinished).values("conversation"))
    titles = Indexed.objects.filter(owner_id=owner_id, message=None).values("conversation")
    untitled = ~Q(title="") & ~Q(pk__in=titles)
    return Conversation.objects.filter(without | untitled, owner_id=owner_id)


def _language_of_most(conversation_id: UUID) -> str:
    rows = Indexed.objects.filter(conversation=conversation_id).exclude(message=None)
    return rows.order_by("pk").values_list("language", flat=True).first() or DEFAULT_LANGUAGE


def _add(conversation: Conversation, messages: Sequence[Message], *, language: str, with_title: bool = False) -> None:
    key = keys.of(conversation.owner_id, make=True).terms
    rows: list[tuple[Indexed, PassageTerms]] = []
    if with_title and conversation.title:
        rows.append(_row(conversation, None, conversation.title, language, key))
    rows += [_row(conversation, message, message.content, language, key) for message in messages]
    places: list[tuple[int, PassageTerms, int]] = []
    for batch in _batches(rows):
        for (row, terms), pk in zip(batch, _written([row for row, _ in batch]), strict=True):
            if pk is not None:
                length = min(terms.length, LONGEST)
                places.append((pk, terms, length if row.message_id else length | TITLE))
    _write_places(conversation, places)


def _row(
    conversation: Conversation, message: Message | None, text: str, language: str, key: bytes
) -> tuple[Indexed, PassageTerms]:
    text = storable(text[:_MOST_CHARACTERS])
    spoken = guess_language(text, otherwise=language)
    terms = passage_terms(text, spoken, key)
    row = Indexed(
        conversation_id=conversation.pk,
        owner_id=conversation.owner_id,
        message_id=message.pk if message else None,
        length=terms.length,
        language=spoken,
        model=message.answered_by if message else "",
    )
    return row, terms


def _written(rows: Sequence[Indexed]) -> list[int | None]:
    """Their numbers, None for what was here already. When they were written, the database knows best."""
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO searching_indexed
                (conversation_id, owner_id, message_id, length, language, model, written_at)
            SELECT new.conversation_id, new.owner_id, new.message_id, new.length, new.language, new.model,
                coalesce(message.created_at, conversation.created_at)
            FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::int[], %s::text[], %s::text[])
                AS new (conversation_id, owner_id, message_id, length, language, model)
            JOIN chats_conversation AS conversation ON conversation.id = new.conversation_id
            LEFT JOIN chats_message AS message ON message.id = new.message_id
            ON CONFLICT DO NOTHING
            RETURNING message_id, id
            """,
            [
                [row.conversation_id for row in rows],
                [row.owner_id for row in rows],
                [row.message_id for row in rows],
                [row.length for row in rows],
                [row.language for row in rows],
                [row.model for row in rows],
            ],
        )
        numbers: dict[Any, int] = dict(cursor.fetchall())
    return [numbers.get(row.message_id) for row in rows]


def _write_places(conversation: Conversation, places: Sequence[tuple[int, PassageTerms, int]]) -> None:
    with connection.cursor() as cursor:
        for batch in _batches(inverted(places)):
            cursor.execute(
                """
                INSERT INTO searching_occurrences AS old (term, conversation_id, owner_id, places)
                SELECT term, %s, %s, places::bigint[] FROM unnest(%s::bigint[], %s::text[]) AS new (term, places)
                ON CONFLICT (term, conversation_id) DO UPDATE SET places = old.places || excluded.places
                """,
                [
                    conversation.pk,
                    conversation.owner_id,
                    [term for term, _ in batch],
                    [as_array(numbers) for _, numbers in batch],
                ],
            )


def _forget_places(conversation: Conversation, rows: QuerySet[Indexed]) -> None:
    """Rare: an answer was continued, or a title changed. Which terms it had is not known any more."""
    numbers = list(rows.values_list("pk", flat=True))
    if not numbers:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH touched AS (
                SELECT term, ARRAY(SELECT place FROM unnest(places) AS place WHERE NOT place >> 24 = ANY(%s)) AS others
                FROM searching_occurrences
                WHERE conversation_id = %s
                    AND EXISTS (SELECT FROM unnest(places) AS place WHERE place >> 24 = ANY(%s))
                ORDER BY term FOR UPDATE
            ), emptied AS (
                DELETE FROM searching_occurrences AS old USING touched
                WHERE old.conversation_id = %s AND old.term = touched.term AND others = '{}'
            )
            UPDATE searching_occurrences AS old SET places = others FROM touched
            WHERE old.conversation_id = %s AND old.term = touched.term AND others <> '{}'
            """,
            [numbers, conversation.pk, numbers, conversation.pk, conversation.pk],
        )
    rows.delete()


def _batches(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    left = iter(rows)
    while batch := list(islice(left, _ROWS)):
        yield batch
