"""Folders and tags: what a person makes to put chats into or on. A chat is in one folder and has any number of tags."""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts import labels as shared
from accounts.encryption.fields import KeyedHashField
from accounts.labels import NAME_LENGTH
from accounts.models import User
from accounts.rights import requesting
from chats.conversation import BadMessage, ChatError
from chats.models import Folder, Tag

__all__ = ["NAME_LENGTH", "Label", "by_name", "create", "delete", "find_or_create", "own", "put_back", "rename"]

Label = Folder | Tag
L = TypeVar("L", Folder, Tag)

_KINDS: dict[type[Label], shared.Labels[Any]] = {
    Folder: shared.Labels(
        Folder, "folder", 100, audit.Action.FOLDER_CREATED, audit.Action.FOLDER_RENAMED, ChatError, BadMessage
    ),
    Tag: shared.Labels(Tag, "tag", 200, audit.Action.TAG_CREATED, audit.Action.TAG_RENAMED, ChatError, BadMessage),
}
_DELETED = {Folder: audit.Action.FOLDER_DELETED, Tag: audit.Action.TAG_DELETED}
WORDS: dict[type[Label], str] = {model: kind.word for model, kind in _KINDS.items()}


def own(user: User, kind: type[L]) -> list[L]:
    return _KINDS[kind].own(user)


def by_name(rows: Iterable[L]) -> list[L]:
    return shared.by_name(rows)


def create(user: User, kind: type[L], name: str) -> L:
    made: L = _KINDS[kind].create(user, name)
    return made


def find_or_create(user: User, kind: type[L], name: str) -> L:
    found: L = _KINDS[kind].find_or_create(user, name)
    return found


def rename(label: L, name: str) -> None:
    _KINDS[type(label)].rename(label, name)


def delete(label: Label) -> list[UUID]:
    """The chats stay. Returns those that were in it, or had it. Raises Held."""
    with transaction.atomic():
        requesting.refuse_while_held(label.owner_id)
        if isinstance(label, Folder):
            chats = list(label.conversations.filter(deleted_at=None).values_list("pk", flat=True))
        else:
            chats = list(label.tagged.values_list("conversation_id", flat=True))
        _KINDS[type(label)].record(_DELETED[type(label)], label, chats=len(chats))
        type(label).objects.filter(pk=label.pk).delete()
    return chats


def put_back(user: User, label: Label, *, was_deleted: bool) -> None:
    """One that was deleted, or its former name. Raises ChatError where it is gone, or the name taken meanwhile."""
    kind = type(label)
    hashed = KeyedHashField.of(kind, "name_hash", user.pk, label.name)
    rules = _KINDS[kind]
    with rules.unless_taken(), transaction.atomic():
        renamed = kind.objects.filter(owner=user, pk=label.pk).update(
            **kind.sealed(label.pk, owner_id=user.pk, name=label.name), name_hash=hashed
        )
        if not renamed and not was_deleted:
            raise ChatError(f"This {rules.word} was deleted meanwhile, so its name cannot be changed back.")
        if not renamed:
            label.save(force_insert=True)
        rules.record(rules.renamed if renamed else rules.created, label)
