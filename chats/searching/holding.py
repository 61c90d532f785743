"""What this application keeps about people: which of their words stand where, as numbers that say nothing."""

from collections.abc import Callable, Iterator
from typing import ClassVar
from uuid import UUID

from accounts.models import User
from accounts.rights.holdings import Entry
from chats.searching.models import Indexed, Occurrences


class SearchIndexHolding:
    name = "chat-search"
    models: ClassVar = frozenset({Indexed._meta.label, Occurrences._meta.label})
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:  # noqa: ARG002 - too quick to be a step
        return 0

    def export(self, user: User) -> Iterator[Entry]:  # noqa: ARG002 - made of chats, which are in the export
        yield from ()

    def stop(self, user_id: UUID) -> None:
        """Nothing here runs."""

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:  # noqa: ARG002 - none
        Occurrences.objects.filter(owner_id=user_id).delete()
        Indexed.objects.filter(owner_id=user_id).delete()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - goes with each chat
        return 0
