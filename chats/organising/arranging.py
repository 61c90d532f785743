"""What a person does with one conversation or with many at once. Each verb is one short transaction.

As everywhere, verbs take rows that were reached through the person. None of them changes when a chat was last used, so
that nothing moves in the lists but what was meant. Each returns the chats that it really changed. Deleting and
bringing back are chats.conversation's own.
"""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.labels import Tagged
from chats.conversation import ChatError
from chats.models import Conversation, ConversationTag, Folder, Tag

Chats = Sequence[Conversation]

# The most that one request may change.
MOST = 500
MOST_TAGS = 20
_TAGGED: Tagged[Tag] = Tagged(ConversationTag, Tag, "conversation", "chat", ChatError)
# What undoing or doing a change of these is called in the audit log: with a value, and without.
_ACTIONS = {
    "pinned_at": (audit.Action.CHAT_PINNED, audit.Action.CHAT_UNPINNED),
    "archived_at": (audit.Action.CHAT_ARCHIVED, audit.Action.CHAT_UNARCHIVED),
    "folder_id": (audit.Action.CHAT_MOVED, audit.Action.CHAT_MOVED),
}


def pin(chats: Chats, *, on: bool) -> list[Conversation]:
    return set_column([chat for chat in chats if bool(chat.pinned_at) != on], "pinned_at", Now() if on else None)


def archive(chats: Chats, *, on: bool) -> list[Conversation]:
    return set_column([chat for chat in chats if bool(chat.archived_at) != on], "archived_at", Now() if on else None)


def move(chats: Chats, folder: Folder | None) -> list[Conversation]:
    wanted = folder.pk if folder else None
    return set_column([chat for chat in chats if chat.folder_id != wanted], "folder_id", wanted)


def set_column(chats: Chats, field: str, value: Any) -> list[Conversation]:
    """`field`: one of those in _ACTIONS. One statement, and one record for each chat."""
    done, undone = _ACTIONS[field]
    with transaction.atomic():
        # A folder that goes meanwhile would be missed only when the transaction ends.
        if field == "folder_id" and value and not Folder.objects.select_for_update().filter(pk=value).exists():
            raise ChatError("This folder was deleted meanwhile. The chats are where they were; choose another folder.")
        Conversation.objects.filter(pk__in=[chat.pk for chat in chats]).update(**{field: value})
        details = {"folder": value} if field == "folder_id" else {}
        _record(done if value is not None else undone, chats, **details)
    return list(chats)


def tag(chats: Chats, wanted: Tag) -> list[Conversation]:
    with transaction.atomic():
        changed = _TAGGED.tag(chats, wanted, most=MOST_TAGS)
        _record(audit.Action.CHAT_TAGGED, changed, tag=wanted.pk)
    return changed


def untag(chats: Chats, unwanted: Tag) -> list[Conversation]:
    with transaction.atomic():
        changed = _TAGGED.untag(chats, unwanted)
        _record(audit.Action.CHAT_UNTAGGED, changed, tag=unwanted.pk)
    return changed


def _record(action: audit.Action, chats: Chats, **details: Any) -> None:
    for chat in chats:
        audit.record(action, user=chat.owner_id, resource=("chat", chat.pk), **details)
