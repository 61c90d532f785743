"""Reading a conversation: the messages on the chosen path and their siblings, in a constant number of queries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from chats.models import Message

# From a message up to the root: the ids, nearest first. One query however long the conversation is; the depth
# bound stops a cycle that a damaged table might hold.
_PATH_UP = """
WITH RECURSIVE up (id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM chats_message WHERE id = %s AND conversation_id = %s
    UNION ALL
    SELECT parent.id, parent.parent_id, up.depth + 1
    FROM chats_message AS parent JOIN up ON parent.id = up.parent_id
    WHERE up.depth < %s
)
SELECT id FROM up ORDER BY depth
"""

# From a message down, along the newest answers, to the leaf: where a reader lands who switches to a branch.
_LEAF_BELOW = """
WITH RECURSIVE down (id, depth) AS (
    SELECT %s::uuid, 0
    UNION ALL
    SELECT (SELECT child.id FROM chats_message AS child WHERE child.conversation_id = %s AND child.parent_id = down.id
            ORDER BY child.created_at DESC, child.id DESC LIMIT 1), down.depth + 1
    FROM down WHERE down.id IS NOT NULL AND down.depth < %s
)
SELECT leaf.id, last.depth, leaf.comparison, leaf.parent_id
FROM (SELECT id, depth FROM down WHERE id IS NOT NULL ORDER BY depth DESC LIMIT 1) AS last
JOIN chats_message AS leaf ON leaf.id = last.id
"""

# Where messages stand among their siblings: those of the table or part `shown`, which has id and parent_id. The index
# `message_tree` has the families; with OR in the place of the union all of the conversation would be read.
_FAMILIES = """
SELECT * FROM (
    SELECT id, row_number() OVER family AS sibling_index, count(*) OVER (PARTITION BY parent_id) AS sibling_count,
           lag(id) OVER family AS previous_sibling, lead(id) OVER family AS next_sibling
    FROM (
        SELECT id, parent_id, created_at FROM chats_message
        WHERE conversation_id = %(conversation)s AND parent_id = ANY(ARRAY(SELECT parent_id FROM shown))
        UNION ALL
        SELECT id, parent_id, created_at FROM chats_message
        WHERE conversation_id = %(conversation)s AND parent_id IS NULL
          AND (SELECT bool_or(parent_id IS NULL) FROM shown)
    ) AS relatives
    WINDOW family AS (PARTITION BY parent_id ORDER BY created_at, id)
) AS families WHERE id IN (SELECT id FROM shown)
"""
_AMONG_SIBLINGS = f"""
WITH shown AS MATERIALIZED (SELECT id, parent_id FROM chats_message WHERE id = ANY(%(shown)s))
{_FAMILIES}
"""  # noqa: S608 - put together from what stands here

# Messages of a stretch of the path, with all that a page asks about each. One statement: a page has many questions,
# and what one costs beside its answer adds up.
_PART = f"""
WITH RECURSIVE up (id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM chats_message WHERE id = %(last)s AND conversation_id = %(conversation)s
    UNION ALL
    SELECT parent.id, parent.parent_id, up.depth + 1
    FROM chats_message AS parent JOIN up ON parent.id = up.parent_id
    WHERE up.depth < %(end)s
),
shown AS MATERIALIZED (SELECT * FROM up WHERE depth >= %(begin)s AND depth < %(end)s),
place AS MATERIALIZED ({_FAMILIES})
SELECT message.*, sibling_index, sibling_count, previous_sibling, next_sibling,
       EXISTS (SELECT FROM up WHERE depth = %(end)s) AS has_earlier,
       EXISTS (SELECT FROM chats_citation WHERE message_id = message.id) AS has_citations,
       EXISTS (SELECT FROM images_picture WHERE message_id = message.id) AS has_pictures
FROM shown JOIN chats_message AS message ON message.id = shown.id JOIN place ON place.id = shown.id
ORDER BY shown.depth DESC
"""  # noqa: S608 - as above

MAX_DEPTH = 100_000


@dataclass(frozen=True, slots=True)
class Siblings:
    """Where a message stands among those that share its parent."""

    index: int = 1
    count: int = 1
    previous: uuid.UUID | None = None
    next: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the path, oldest first, and whether there is more above it."""

    messages: list[Message]
    has_earlier: bool
    siblings: dict[uuid.UUID, Siblings] = field(default_factory=dict)


def part_of_path(conversation_id: uuid.UUID, last: uuid.UUID | None, *, limit: int, below: bool = False) -> Part:
    """The `limit` messages that end with `last`, or, with `below`, that end just above it. One query.

    They know whether they have citations and pictures (`has_citations`, `has_pictures`), so that only those are asked
    for that are there.
    """
    if last is None:
        return Part([], has_earlier=False)
    begin = 1 if below else 0
    params = {"conversation": conversation_id, "last": last, "begin": begin, "end": begin + limit}
    messages: list[Any] = list(Message.objects.raw(_PART, params))
    siblings = {m.pk: Siblings(m.sibling_index, m.sibling_count, m.previous_sibling, m.next_sibling) for m in messages}
    return Part(messages, has_earlier=bool(messages) and messages[0].has_earlier, siblings=siblings)


def path_to_root(conversation_id: uuid.UUID, last: uuid.UUID) -> list[uuid.UUID]:
    """Ids from `last` up to the root."""
    with connection.cursor() as cursor:
        cursor.execute(_PATH_UP, [last, conversation_id, MAX_DEPTH])
        return [row[0] for row in cursor.fetchall()]


def leaf_below(message: Message) -> tuple[uuid.UUID, int]:
    """The newest leaf below the message, and how many messages lie between: none, when it is the leaf itself.

    Among answers that were compared the newest is none in particular: the way goes through the one that was gone on
    with, and where none was it ends with the question.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LEAF_BELOW, [message.pk, message.conversation_id, MAX_DEPTH])
        leaf, depth, comparison, parent_id = cursor.fetchone()
    if comparison is None or leaf == message.pk:
        return leaf, depth
    family = Message.objects.filter(conversation=message.conversation_id, parent=parent_id, comparison=comparison)
    below = Message.objects.filter(conversation=message.conversation_id, parent__in=family)
    went_on = below.order_by("-created_at", "-id").first()
    if went_on is None:
        return parent_id, depth - 1
    leaf, further = leaf_below(went_on)
    return leaf, depth + 1 + further


def compared_at_end(part: Part) -> list[Message]:
    """The answers side by side with which the end of a path goes on. Only one that ends with a question is asked."""
    last = part.messages[-1] if part.messages else None
    return compared_below(last) if last and last.role == Message.Role.USER else []


def compared_below(question: Message) -> list[Message]:
    """The answers side by side of a question that a path ends with, in the order of asking. One query."""
    answers = Message.objects.filter(conversation=question.conversation_id, parent=question)
    newest = answers.exclude(comparison=None).order_by("-created_at", "-id").values("comparison")[:1]
    return list(answers.filter(comparison=newest).order_by("created_at", "id"))


def siblings_of(message: Message) -> dict[uuid.UUID, Siblings]:
    return _siblings(message.conversation_id, [message])


def _siblings(conversation_id: uuid.UUID, messages: Sequence[Message]) -> dict[uuid.UUID, Siblings]:
    """One query, and one row for each message, however many siblings there are."""
    if not messages:
        return {}
    params: dict[str, Any] = {"conversation": conversation_id, "shown": [message.pk for message in messages]}
    with connection.cursor() as cursor:
        cursor.execute(_AMONG_SIBLINGS, params)
        return {pk: Siblings(*place) for pk, *place in cursor.fetchall()}
