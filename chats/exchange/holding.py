"""What this application keeps about people: files on their way out or in, and where conversations came from."""

from collections.abc import Callable, Iterator
from typing import ClassVar
from uuid import UUID

from django.db.models.functions import Now

from accounts.models import User
from accounts.rights import archive
from accounts.rights.holdings import Entry, as_json, told
from chats.exchange.models import ExchangeJob, Origin

_STOPPED = "This was not done, because the account was closed meanwhile."


class ExchangeHolding:
    name = "exchange"
    models: ClassVar = frozenset({ExchangeJob._meta.label, Origin._meta.label})
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:  # noqa: ARG002 - however many there are
        return 1

    def export(self, user: User) -> Iterator[Entry]:
        """What was asked for. The conversations themselves are in the export already, whole."""
        jobs = [
            {
                "kind": job.kind,
                "form": job.form,
                "status": job.status,
                "imported": job.imported,
                "continued": job.continued,
                "already_here": job.known,
                "not_taken": job.left_out,
                "not_readable": told(job, "remarks"),
                "created": job.created_at,
                "finished": job.finished_at,
            }
            for job in ExchangeJob.objects.visible_to(user).order_by("created_at")
        ]
        yield Entry("imports-and-exports.json", as_json(jobs))

    def stop(self, user_id: UUID) -> None:
        ExchangeJob.objects.filter(owner_id=user_id).unfinished().update(
            status=ExchangeJob.Status.FAILED,
            claimed_by="",
            lease_until=None,
            finished_at=Now(),
            error_text=_STOPPED,
        )

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        for job in ExchangeJob.objects.filter(owner_id=user_id).exclude(file=""):
            archive.delete(job.file)
        ExchangeJob.objects.filter(owner_id=user_id).delete()
        Origin.objects.filter(owner_id=user_id).delete()
        step()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - files expire by themselves
        return 0
