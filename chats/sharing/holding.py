"""What this application keeps about people: to whom they showed their conversations, and what was shown to them."""

from collections.abc import Callable, Iterator
from typing import ClassVar
from uuid import UUID

from accounts.models import User
from accounts.rights.holdings import Entry, as_json, told
from chats.sharing.models import Share


class SharesHolding:
    name = "shares"
    models: ClassVar = frozenset({Share._meta.label})
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:  # noqa: ARG002 - however many there are
        return 1

    def export(self, user: User) -> Iterator[Entry]:
        given = [
            {
                "chat": share.conversation_id,
                "with": share.kind,
                "address": told(share, "address"),
                "role": share.role,
                "created": share.created_at,
                "expires": share.expires_at,
            }
            for share in Share.objects.visible_to(user).order_by("created_at")
        ]
        # What others wrote is theirs; what was shared with this person, and when, is about both.
        received = Share.objects.filter(viewer=user).order_by("created_at")
        taken = list(received.values("conversation_id", "created_at", "expires_at"))
        yield Entry("shares.json", as_json({"given": given, "received": taken}))

    def stop(self, user_id: UUID) -> None:
        """Closing the account closes what it shared: a share is in force while its owner's account is open."""

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        """Those that were given to the person go with the account, whose rows they point at."""
        Share.objects.filter(owner_id=user_id).delete()
        step()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - a chat takes its shares along
        return 0
