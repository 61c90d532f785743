"""Going to a message in the middle of its conversation, and reading on from there."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chats import presentation, tree
from chats.models import Conversation, Message

# Messages between the end and the one that is gone to, up to which all of them are shown.
NEAR = 200
# How many are shown above and below one that is farther away, and how many more at a time when the reader goes on.
ABOVE, BELOW = 10, 20
MORE = 30


def choose_branch(message: Message) -> UUID | None:
    """Have the conversation show the path on which the message stands. The path's new end, None if it was shown."""
    leaf = message.conversation.active_leaf_id
    if leaf and message.comparison and message.parent_id == leaf:
        return None  # one of several answers that stand side by side at the end
    if leaf and message.pk in tree.path_to_root(message.conversation_id, leaf):
        return None
    below, _ = tree.leaf_below(message)
    Conversation.objects.filter(pk=message.conversation_id).update(active_leaf=below)
    return below


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands on a path: `path` from its end up, `depth` messages above that end."""

    conversation_id: UUID
    path: list[UUID]
    depth: int

    @classmethod
    def of(cls, conversation: Conversation, last: UUID | None, message_id: UUID | None) -> "Place | None":
        if not last or not message_id:
            return None
        path = tree.path_to_root(conversation.pk, last)
        return cls(conversation.pk, path, path.index(message_id)) if message_id in path else None

    @property
    def least(self) -> int:
        """How many messages from the end there have to be, for some to stand above this one."""
        return self.depth + 1 + ABOVE

    @property
    def is_far(self) -> bool:
        return self.least > NEAR

    def island(self, *, before: UUID) -> dict[str, Any]:
        """It and those around it, for above the newest ones, of which `before` is the first."""
        end = self.path[self.depth - BELOW]
        part = tree.part_of_path(self.conversation_id, end, limit=ABOVE + 1 + BELOW)
        shown = presentation.prepare(part.messages, part.siblings, keeps=True)
        return {
            "island": shown,
            "has_earlier": part.has_earlier,
            "earlier_before": shown[0].pk if part.has_earlier and shown else None,
            "later_after": end,
            "later_before": before,
        }


def later(conversation: Conversation, after: UUID, before: UUID) -> dict[str, Any] | None:
    """The next messages below `after` on the way down to `before`; None if no way leads there."""
    path = tree.path_to_root(conversation.pk, before)
    if after not in path:
        return None
    index = path.index(after)
    last = max(1, index - MORE)
    between = index - last
    part = tree.part_of_path(conversation.pk, path[last], limit=between) if between > 0 else tree.Part([], False)
    return {
        "conversation": conversation,
        "island": presentation.prepare(part.messages, part.siblings, keeps=True),
        "later_after": path[last] if last > 1 else None,
        "later_before": before,
    }
