import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.encryption.fields import SealedJSONField, SealedModel
from accounts.tenancy.fields import OwnerField
from chats.exchange.formats.portable import FILES, PICTURES, RECORDINGS, STEPS
from chats.models import Conversation
from jobs.leases import Leased

if TYPE_CHECKING:
    from accounts.models import User


_WORDS = {PICTURES: "picture", FILES: "attached file", RECORDINGS: "recording", STEPS: "tool step"}


class ExchangeJobQuerySet(models.QuerySet["ExchangeJob"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(owner=user)

    def unfinished(self) -> Self:
        return self.filter(status__in=[ExchangeJob.QUEUED, *ExchangeJob.WORKING])


class ExchangeJob(SealedModel, Leased):
    """A file of conversations that is being made, or one that is being taken in."""

    class Kind(models.TextChoices):
        EXPORT = "export", "Export"
        IMPORT = "import", "Import"

    class Form(models.TextChoices):
        JSON = "json", "JSON"
        MARKDOWN = "markdown", "Markdown"
        PDF = "pdf", "PDF"

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting"
        WORKING = "working", "Under way"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    QUEUED = Status.QUEUED
    WORKING = (Status.WORKING,)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exchange_jobs")
    kind = models.CharField(max_length=8, choices=Kind)
    form = models.CharField(max_length=8, choices=Form, blank=True, default="", help_text="of an export")
    # Of an export: the conversations' ids; empty for all of them.
    chosen = models.JSONField(default=list, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    # Of an export: conversations. Of an import: bytes of the file.
    progress_done = models.PositiveBigIntegerField(default=0)
    progress_total = models.PositiveBigIntegerField(default=0)
    # Of an import: how many entries of the file are dealt with. Whoever takes the job over goes on behind them.
    reached = models.PositiveIntegerField(default=0)
    imported = models.PositiveIntegerField(default=0)
    continued = models.PositiveIntegerField(default=0, help_text="were here, and got messages that were not")
    known = models.PositiveIntegerField(default=0, help_text="were here already")
    broken = models.PositiveIntegerField(default=0, help_text="could not be read")
    # What of the imported messages was not taken: {a kind in chats.exchange.formats.portable: how many}
    left_out = models.JSONField(default=dict, blank=True)
    # The first of those that could not be read, or not whole: [{"number": from 1, "title": …, "why": …}]
    remarks = SealedJSONField(default=list, blank=True)
    error_text = models.CharField(max_length=300, blank=True, default="")
    # What was made, until it expires; or what was uploaded, until it is taken in. Sealed with the owner's key.
    file = models.CharField(max_length=100, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = ExchangeJobQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Two clicks, or two tabs, make one job.
            models.UniqueConstraint(
                fields=["owner", "kind"],
                name="one_unfinished_exchange_of_a_kind",
                condition=models.Q(status__in=["queued", "working"]),
            ),
        ]
        indexes: ClassVar = [
            # The page of a person's jobs, the latest first.
            models.Index(fields=["owner", "-created_at"], name="exchange_of_a_person"),
            # The beat task that looks for work nobody holds.
            models.Index(
                fields=["status", "lease_until"],
                name="exchange_unfinished",
                condition=models.Q(status__in=["queued", "working"]),
            ),
        ]

    @property
    def percent(self) -> int:
        return min(100, 100 * self.progress_done // self.progress_total) if self.progress_total else 0

    @property
    def not_taken(self) -> str:
        """In words: "3 pictures and 1 tool step were"."""
        counts = [(self.left_out.get(kind, 0), word) for kind, word in _WORDS.items()]
        told = [f"{count:,} {word}{'s' * (count != 1)}" for count, word in counts if count]
        if not told:
            return ""
        listed = " and ".join(filter(None, [", ".join(told[:-1]), told[-1]]))
        return f"{listed} {'was' if sum(count for count, _ in counts) == 1 else 'were'}"

    @property
    def is_unfinished(self) -> bool:
        return self.status == self.QUEUED or self.status in self.WORKING


class Origin(models.Model):
    """Where a conversation came from, so that the same file taken in twice gives nothing double."""

    conversation = models.OneToOneField(
        Conversation, primary_key=True, on_delete=models.CASCADE, related_name="origin", db_constraint=False
    )
    owner = OwnerField(through="conversation")
    # A keyed hash of the product and the number it gave.
    fingerprint = models.BinaryField(max_length=32, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "fingerprint"], name="origin_once_per_owner"),
        ]
