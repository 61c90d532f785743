"""What is kept about people here: figures of evaluations that were made in their own library."""

from collections.abc import Callable, Iterator
from typing import ClassVar
from uuid import UUID

from accounts.models import User
from accounts.rights.holdings import Entry, as_json
from chats.evaluation.models import Asked, Run


class EvaluationHolding:
    name = "evaluations"
    models: ClassVar = frozenset({Run._meta.label, Asked._meta.label})
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:
        return Run.objects.filter(owner_id=user_id).count()

    def export(self, user: User) -> Iterator[Entry]:
        runs = Run.objects.filter(owner=user).order_by("started_at")
        rows = list(runs.values("id", "set_name", "started_at", "figures", "conditions"))
        if rows:
            yield Entry("evaluations.json", as_json(rows))

    def stop(self, user_id: UUID) -> None:
        """Nothing here works by itself."""

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        Asked.objects.filter(run__owner_id=user_id).delete()
        Run.objects.filter(owner_id=user_id).delete()
        step()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - figures only
        return 0
