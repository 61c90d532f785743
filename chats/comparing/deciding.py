"""The verbs. `answer` was reached through its owner, with its conversation."""

from django.db import transaction

from accounts import audit
from chats import tree
from chats.conversation import BadMessage, ChatError, clean_model
from chats.models import Conversation, Message

FEWEST, MOST = 2, 4


def models(chosen: list[str]) -> list[str]:
    """Of which models answers shall be compared; empty: of none. Raises BadMessage."""
    keys = list(dict.fromkeys(key for key in map(clean_model, chosen) if key))
    if keys and not FEWEST <= len(keys) <= MOST:
        raise BadMessage(f"Choose {FEWEST} to {MOST} models to compare, or none. Your text is kept.")
    return keys


def choose(answer: Message) -> int:
    """Go on with this answer, and with its model. Returns how many messages stand below it already."""
    _refuse_what_stands_alone(answer)
    if answer.status == Message.Status.FAILED:
        raise ChatError("This answer failed, so there is nothing to go on with. Try it again, or choose another.")
    leaf, depth = tree.leaf_below(answer)
    with transaction.atomic():
        model = {"model": answer.model} if answer.model else {}
        Conversation.objects.filter(pk=answer.conversation_id).update(active_leaf=leaf, **model)
        audit.record(
            audit.Action.CHAT_CHOSEN,
            user=answer.owner_id,
            resource=("chat", answer.conversation_id),
            answer=answer.pk,
            model=answer.model,
        )
    return depth


def look_again(answer: Message) -> None:
    """Show the answers side by side, as before one was chosen. What follows the chosen one stays below it."""
    _refuse_what_stands_alone(answer)
    Conversation.objects.filter(pk=answer.conversation_id).update(active_leaf=answer.parent_id)


def others_under_way(answer: Message) -> list[Message]:
    live = [Message.QUEUED, *Message.WORKING]
    family = Message.objects.filter(conversation=answer.conversation_id, parent=answer.parent_id)
    rows = family.filter(comparison=answer.comparison, status__in=live).exclude(pk=answer.pk)
    return list(rows.select_related("conversation"))


def _refuse_what_stands_alone(answer: Message) -> None:
    if answer.comparison is None:
        raise ChatError("This answer was not compared with others, so there is nothing to choose.")
