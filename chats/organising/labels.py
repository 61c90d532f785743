"""Folders and tags: what a person makes to put chats into or on. A chat is in one folder and has any number of tags."""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.encryption.fields import KeyedHashField
from accounts.models import User
from chats.conversation import BadMessage, ChatError
from chats.models import Folder, Tag

Label = Folder | Tag
L = TypeVar("L", Folder, Tag)

NAME_LENGTH = 60
MOST: dict[type[Label], int] = {Folder: 100, Tag: 200}
WORDS: dict[type[Label], str] = {Folder: "folder", Tag: "tag"}
_CREATED = {Folder: audit.Action.FOLDER_CREATED, Tag: audit.Action.TAG_CREATED}
_RENAMED = {Folder: audit.Action.FOLDER_RENAMED, Tag: audit.Action.TAG_RENAMED}
_DELETED = {Folder: audit.Action.FOLDER_DELETED, Tag: audit.Action.TAG_DELETED}


def own(user: User, kind: type[L]) -> list[L]:
    return by_name(kind.objects.filter(owner=user))


def by_name(rows: Iterable[L]) -> list[L]:
    """Only their owner's key can tell the order."""
    return sorted(rows, key=lambda label: (label.name.casefold(), label.name))


def create(user: User, kind: type[L], name: str) -> L:
    word, name = WORDS[kind], clean_name(name, WORDS[kind])
    present = own(user, kind)
    if _same(present, name):
        raise ChatError(f"You have a {word} “{name}” already. Choose it from the list, or write another name.")
    if len(present) >= MOST[kind]:
        raise ChatError(f"You have {MOST[kind]} {word}s, which is the most. Delete one first.")
    with _unless_taken(word), transaction.atomic():
        label = kind.objects.create(owner=user, name=name)
        _record(_CREATED[kind], label)
    return label


def find_or_create(user: User, kind: type[L], name: str) -> L:
    found = _same(own(user, kind), clean_name(name, WORDS[kind]))
    return found or create(user, kind, name)


def rename(label: L, name: str) -> None:
    kind = type(label)
    word, name = WORDS[kind], clean_name(name, WORDS[kind])
    others = [other for other in own(label.owner, kind) if other.pk != label.pk]
    if _same(others, name):
        raise ChatError(f"You have another {word} “{name}” already. The old name is kept; write another one.")
    with _unless_taken(word), transaction.atomic():
        label.name = name
        label.save(update_fields=["name", "name_hash"])
        _record(_RENAMED[kind], label)


def delete(label: Label) -> list[UUID]:
    """The chats stay. Returns those that were in it, or had it."""
    with transaction.atomic():
        if isinstance(label, Folder):
            chats = list(label.conversations.filter(deleted_at=None).values_list("pk", flat=True))
        else:
            chats = list(label.tagged.values_list("conversation_id", flat=True))
        _record(_DELETED[type(label)], label, chats=len(chats))
        type(label).objects.filter(pk=label.pk).delete()
    return chats


def put_back(user: User, label: Label, *, was_deleted: bool) -> None:
    """One that was deleted, or its former name. Raises ChatError where it is gone, or the name taken meanwhile."""
    kind = type(label)
    hashed = KeyedHashField.of(kind, "name_hash", user.pk, label.name)
    with _unless_taken(WORDS[kind]), transaction.atomic():
        renamed = kind.objects.filter(owner=user, pk=label.pk).update(
            **kind.sealed(label.pk, owner_id=user.pk, name=label.name), name_hash=hashed
        )
        if not renamed and not was_deleted:
            raise ChatError(f"This {WORDS[kind]} was deleted meanwhile, so its name cannot be changed back.")
        if not renamed:
            label.save(force_insert=True)
        _record(_RENAMED[kind] if renamed else _CREATED[kind], label)


def clean_name(name: str, word: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name:
        raise BadMessage(f"A {word} needs a name. Nothing was changed; write at least one character.")
    if len(name) > NAME_LENGTH:
        raise BadMessage(f"The name of a {word} may have {NAME_LENGTH} characters. Nothing was changed; shorten it.")
    return name


def _same(present: list[L], name: str) -> L | None:
    return next((label for label in present if label.name.casefold() == name.casefold()), None)


class _unless_taken:  # noqa: N801 - reads as a sentence where it is used
    """Two pages may give the same name at once; the database decides."""

    def __init__(self, word: str) -> None:
        self._word = word

    def __enter__(self) -> None: ...

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, IntegrityError):
            raise ChatError(f"There is a {self._word} of this name by now. Nothing was changed.") from error


def _record(action: audit.Action, label: Label, **details: Any) -> None:
    audit.record(action, user=label.owner_id, resource=(WORDS[type(label)], label.pk), **details)
