"""What this application keeps about people: which of their words stand where, as numbers that say nothing."""

from collections.abc import Callable, Iterator
from typing import ClassVar
from uuid import UUID

from accounts.models import User
from accounts.rights.holdings import Entry, as_json
from chats.searching.models import Indexed, Occurrences


class SearchIndexHolding:
    name = "chat-search"
    models: ClassVar = frozenset({Indexed._meta.label, Occurrences._meta.label})
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:  # noqa: ARG002 - too quick to be a step
        return 0

    def export(self, user: User) -> Iterator[Entry]:
        """How much there is. It is made of chats, which are in the export whole; the numbers themselves say nothing."""
        kept = {
            "messages_and_titles": Indexed.objects.filter(owner=user).count(),
            "words": Occurrences.objects.filter(owner=user).values("term").distinct().count(),
        }
        yield Entry("chat-search.json", as_json(kept), ends_step=False)

    def stop(self, user_id: UUID) -> None:
        """Nothing here runs."""

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:  # noqa: ARG002 - none
        Occurrences.objects.filter(owner_id=user_id).delete()
        Indexed.objects.filter(owner_id=user_id).delete()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - goes with each chat
        return 0
