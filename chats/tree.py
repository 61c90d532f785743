"""Reading a conversation: the messages on the chosen path and their siblings, in a constant number of queries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

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

# Messages of a stretch of the path, with all that a page asks about each. One statement: a page has many questions,
# and what one costs beside its answer adds up. `family`: all that share a message's parent, in order; with OR in the
# place of the two cases all of the conversation would be read for each.
_PART = """
WITH RECURSIVE up AS (
    SELECT message.*, 0 AS depth FROM chats_message AS message
    WHERE id = %(last)s AND conversation_id = %(conversation)s
    UNION ALL
    SELECT parent.*, up.depth + 1 FROM chats_message AS parent JOIN up ON parent.id = up.parent_id
    WHERE up.depth + 1 < %(end)s
)
SELECT up.*,
       CASE WHEN parent_id IS NULL THEN ARRAY(
           SELECT id FROM chats_message WHERE conversation_id = %(conversation)s AND parent_id IS NULL
           ORDER BY created_at, id
       ) ELSE ARRAY(
           SELECT id FROM chats_message WHERE conversation_id = %(conversation)s AND parent_id = up.parent_id
           ORDER BY created_at, id
       ) END AS family,
       EXISTS (SELECT FROM chats_citation WHERE message_id = up.id) AS has_citations,
       EXISTS (SELECT FROM images_picture WHERE message_id = up.id) AS has_pictures
FROM up WHERE depth >= %(begin)s ORDER BY depth DESC
"""

MAX_DEPTH = 100_000


@dataclass(frozen=True, slots=True)
class Siblings:
    """Where a message stands among those that share its parent."""

    index: int = 1
    count: int = 1
    previous: uuid.UUID | None = None
    next: uuid.UUID | None = None

    @classmethod
    def among(cls, family: Sequence[uuid.UUID], pk: uuid.UUID) -> Self:
        """`family`: all that share its parent, in order, itself among them unless it was deleted meanwhile."""
        if len(family) == 1 or pk not in family:
            return cls()
        place = family.index(pk)
        previous, following = family[place - 1] if place else None, next(iter(family[place + 1 :]), None)
        return cls(place + 1, len(family), previous, following)


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
    siblings = {message.pk: Siblings.among(message.family, message.pk) for message in messages}
    return Part(messages, has_earlier=bool(messages) and messages[0].parent_id is not None, siblings=siblings)


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
    """One query."""
    family = Message.objects.filter(conversation=message.conversation_id, parent=message.parent_id)
    in_order = list(family.order_by("created_at", "id").values_list("pk", flat=True))
    return {message.pk: Siblings.among(in_order, message.pk)}
