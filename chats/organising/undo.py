"""What was before a change, kept for an hour, so that one press takes the change back.

It lies in the shared cache under a random word and the person's id. It holds identifiers and times; what people wrote
is in it as it lies in the database, sealed.
"""

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from django.core.cache import cache
from django.db import transaction

from accounts import audit
from accounts.encryption.fields import Sealed
from accounts.models import User
from chats import conversation as conversations
from chats.models import Conversation, Folder, Tag
from chats.organising import arranging, labels
from chats.searching import indexing

KEPT_FOR = 60 * 60


class Change(TypedDict, total=False):
    """`verb` says how it is undone. `before`: for each chat, its value before."""

    verb: str
    before: dict[str, str | None]
    # Of a folder or tag that was renamed or deleted, or a tag that was put on or taken off.
    label: str
    name: str
    automatic: bool


class TooLate(conversations.ChatError):
    code = "too_late"


def remember(user: User, change: Change) -> str:
    """A word for the address that undoes it."""
    word = secrets.token_urlsafe(12)
    cache.set(_key(user, word), change, KEPT_FOR)
    return word


def values_of(chats: Sequence[Conversation], field: str) -> Change:
    """To be asked before the change. `field`: a column that arranging.set_column sets."""
    before: dict[str, str | None] = {}
    for chat in chats:
        value = getattr(chat, field)
        before[str(chat.pk)] = value.isoformat() if isinstance(value, datetime) else value and str(value)
    return Change(verb="set", before=before, label=field)


def undo(user: User, word: str) -> list[Conversation]:
    """Returns the chats that have another title now, for the pages that show them."""
    change: Change | None = cache.get(_key(user, word))
    take_back = _VERBS.get(change["verb"]) if change else None
    if change is None or take_back is None:
        raise TooLate("This can no longer be undone. Everything is as you see it; change it from the chat's menu.")
    with transaction.atomic():
        renamed = take_back(user, change)
    cache.delete(_key(user, word))
    return renamed or []


def _key(user: User, word: str) -> str:
    return f"undo:{user.pk}:{word[:40]}"


def kept(sealed: bytes) -> str:
    return base64.b64encode(sealed).decode()


def _sealed(text: str) -> Sealed:
    return Sealed(base64.b64decode(text))


def _chats(user: User, change: Change) -> list[Conversation]:
    return list(Conversation.objects.visible_to(user).filter(pk__in=change["before"]))


def _set_back(user: User, change: Change) -> None:
    """A chat that was deleted meanwhile stays deleted; a folder that is gone takes nothing in."""
    field = change["label"]
    folders = {str(pk) for pk in Folder.objects.filter(owner=user).values_list("pk", flat=True)}
    by_value: dict[str | None, list[Conversation]] = {}
    for chat in _chats(user, change):
        value = change["before"][str(chat.pk)]
        if field == "folder_id" and value not in folders:
            value = None
        by_value.setdefault(value, []).append(chat)
    for value, chats in by_value.items():
        arranging.set_column(chats, field, value)


def _untag(user: User, change: Change) -> None:
    if tag := Tag.objects.filter(owner=user, pk=change["label"]).first():
        arranging.untag(_chats(user, change), tag)


def _tag(user: User, change: Change) -> None:
    if tag := Tag.objects.filter(owner=user, pk=change["label"]).first():
        arranging.tag(_chats(user, change), tag)


def _restore(user: User, change: Change) -> None:
    chats = Conversation.objects.deleted_by(user).filter(pk__in=change["before"])
    conversations.restore(*chats)


def _name_back(user: User, change: Change) -> list[Conversation]:
    chats = _chats(user, change)
    for chat in chats:
        title = {"title": _sealed(change["name"]), "title_is_automatic": change["automatic"]}
        Conversation.objects.filter(pk=chat.pk).update(**title)
        audit.record(audit.Action.CHAT_RENAMED, user=user, resource=("chat", chat.pk))
        chat.refresh_from_db(fields=["title"])
        indexing.replace_title(chat.pk, chat.owner_id, chat.title)
    return chats


def _label_back(kind: type[labels.Label], *, was_deleted: bool) -> Callable[[User, Change], None]:
    """With the name of before, and, if it was deleted, the same identifier and its chats."""

    def back(user: User, change: Change) -> None:
        label: Any = kind(pk=UUID(change["label"]), owner=user)
        label.name = _sealed(change["name"])  # opened at the first look
        labels.put_back(user, label, was_deleted=was_deleted)
        if isinstance(label, Folder):
            loose = [chat for chat in _chats(user, change) if chat.folder_id is None]
            arranging.set_column(loose, "folder_id", str(label.pk))
        else:
            arranging.tag(_chats(user, change), label)

    return back


_VERBS: dict[str, Callable[[User, Change], list[Conversation] | None]] = {
    "set": _set_back,
    "tag": _untag,
    "untag": _tag,
    "delete": _restore,
    "rename": _name_back,
    "rename_folder": _label_back(Folder, was_deleted=False),
    "rename_tag": _label_back(Tag, was_deleted=False),
    "delete_folder": _label_back(Folder, was_deleted=True),
    "delete_tag": _label_back(Tag, was_deleted=True),
}
