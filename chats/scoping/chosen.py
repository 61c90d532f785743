"""The choice as a conversation keeps it (`Conversation.search_in`), and what may be chosen.

`{}` is everything, `{"own": true}` only one's own, `{"collections": [id], "documents": [id]}` those and nothing else,
also when none of them can be read any more: a chat that was kept to some documents never searches others by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from chats.errors import ChatError
from chats.models import Conversation
from documents.collections.access import readable_by, readable_collections

if TYPE_CHECKING:
    from accounts.models import User
    from documents.models import Collection
    from documents.retrieval import Filters

MOST = 200


@dataclass(frozen=True, slots=True)
class Choice:
    only_own: bool = False
    collections: frozenset[UUID] = frozenset()
    documents: frozenset[UUID] = frozenset()

    @classmethod
    def of(cls, kept: object) -> "Choice":
        given = kept if isinstance(kept, dict) else {}
        if given.get("own") is True:
            return cls(only_own=True)
        return cls(collections=_ids(given.get("collections")), documents=_ids(given.get("documents")))

    @property
    def is_everything(self) -> bool:
        return not (self.only_own or self.is_narrow)

    @property
    def is_narrow(self) -> bool:
        return bool(self.collections or self.documents)

    def kept(self) -> dict[str, Any]:
        if self.only_own:
            return {"own": True}
        if not self.is_narrow:
            return {}
        return {"collections": sorted(map(str, self.collections)), "documents": sorted(map(str, self.documents))}

    def filters(self) -> "Filters":
        from documents.retrieval import Filters

        return Filters(only_own=self.only_own, collections=tuple(self.collections), documents=tuple(self.documents))


class NotChosen(ChatError):
    """Nothing was saved; the text says what to do."""


def chosen(user: "User", kind: str, collections: Iterable[str], documents: Iterable[str]) -> Choice:
    """What a form asks for, as far as the person may read it. Raises NotChosen."""
    if kind == "everything":
        return Choice()
    if kind == "own":
        return Choice(only_own=True)
    if kind != "chosen":
        raise NotChosen("Choose which documents this chat searches. Nothing was saved yet.")
    shelves, single = _ids(list(collections)), _ids(list(documents))
    if len(shelves) + len(single) > MOST:
        raise NotChosen(f"At most {MOST} can be chosen. Put documents into a collection and choose that.")
    found = Choice(
        collections=frozenset(readable_collections(user.pk).filter(pk__in=shelves).values_list("pk", flat=True)),
        documents=frozenset(readable_by(user.pk).filter(pk__in=single).values_list("pk", flat=True)),
    )
    if not found.is_narrow:
        raise NotChosen("Mark at least one collection or document. Nothing was saved yet.")
    return found


def wanted(user: "User", key: str) -> "Collection | None":
    """For the page where a chat begins, which may name a collection. Raises NotChosen."""
    if not key:
        return None
    found = readable_collections(user.pk).filter(pk__in=_ids([key])).first()
    if found is None:
        raise NotChosen("The collection cannot be read any more. Your text is kept; choose other documents.")
    return found


def keep(conversation: Conversation, choice: Choice) -> None:
    """From the next answer on."""
    wanted = choice.kept()
    if wanted == conversation.search_in:
        return
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(search_in=wanted)
        audit.record(
            audit.Action.CHAT_CONFIGURED,
            user=conversation.owner_id,
            resource=("chat", conversation.pk),
            searches="own" if choice.only_own else "chosen" if choice.is_narrow else "everything",
            collections=sorted(map(str, choice.collections)),
            documents=sorted(map(str, choice.documents)),
        )
    conversation.search_in = wanted


def _ids(values: object) -> frozenset[UUID]:
    """What is no identifier is nobody's."""
    found = set()
    for value in values if isinstance(values, list) else []:
        try:
            found.add(UUID(str(value)))
        except ValueError:
            continue
    return frozenset(found)
