"""Going to a message in the middle of its conversation."""

from uuid import UUID

from chats import tree
from chats.models import Conversation, Message


def choose_branch(message: Message) -> UUID | None:
    """Have the conversation show the path on which the message stands. The path's new end, None if it was shown."""
    leaf = message.conversation.active_leaf_id
    if leaf and message.pk in tree.path_to_root(message.conversation_id, leaf):
        return None
    below, _ = tree.leaf_below(message)
    Conversation.objects.filter(pk=message.conversation_id).update(active_leaf=below)
    return below
