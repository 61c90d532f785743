"""The verb. `answer` was reached through its owner, with its conversation."""

from django.db import transaction

from accounts import audit
from chats.conversation import BadMessage, ChatError
from chats.models import Message

RATINGS = {"1": 1, "-1": -1, "0": None}
LONGEST_COMMENT = 2_000


def rate(answer: Message, value: int | None, comment: str | None = None) -> None:
    """None takes a rating back, and its comment with it. A comment of None leaves the one there is."""
    if answer.role != Message.Role.ASSISTANT or answer.is_live:
        raise ChatError("Only an answer that is complete can be rated.")
    comment = "" if value is None else answer.rating_comment if comment is None else _clean(comment)
    sealed = Message.sealed(answer.pk, owner_id=answer.owner_id, rating_comment=comment)
    with transaction.atomic():
        Message.objects.filter(pk=answer.pk).update(rating=value, **sealed)
        audit.record(
            audit.Action.CHAT_RATED,
            user=answer.owner_id,
            resource=("chat", answer.conversation_id),
            answer=answer.pk,
            rating=value,
            has_comment=bool(comment),
        )
    answer.rating, answer.rating_comment = value, comment


def _clean(comment: str) -> str:
    comment = comment.replace("\r\n", "\n").replace("\0", "").strip()
    if len(comment) > LONGEST_COMMENT:
        raise BadMessage(
            f"This comment has {len(comment):,} characters; the limit is {LONGEST_COMMENT:,}. "
            "It was not stored and still stands in its field. The rating is kept."
        )
    return comment
