import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from jobs.leases import Leased

if TYPE_CHECKING:
    from accounts.models import User


class DataRequestQuerySet(models.QuerySet["DataRequest"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(owner_id=user.pk)

    def unfinished(self) -> Self:
        return self.filter(status__in=[DataRequest.QUEUED, *DataRequest.WORKING])


class DataRequest(Leased):
    """A copy of everything about a person, or the end of it: what was asked for, and the job of doing it.

    The owner is no foreign key, because the record of an erasure outlives the account. Nothing personal is in it.
    """

    class Kind(models.TextChoices):
        EXPORT = "export", "Export"
        ERASURE = "erasure", "Deletion"

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting"
        WORKING = "working", "Under way"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    QUEUED = Status.QUEUED
    WORKING = (Status.WORKING,)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_id = models.UUIDField(editable=False)
    kind = models.CharField(max_length=8, choices=Kind)
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    # Of the holdings' own units: chats, documents, …
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    error_text = models.CharField(max_length=300, blank=True, default="")
    # Where the archive of an export lies, sealed with its owner's key; empty before and after.
    file = models.CharField(max_length=100, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    by_administrator = models.BooleanField(default=False)

    objects: ClassVar = DataRequestQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Two clicks, or two tabs, make one request.
            models.UniqueConstraint(
                fields=["owner_id", "kind"],
                name="one_unfinished_request_of_a_kind",
                condition=models.Q(status__in=["queued", "working"]),
            ),
        ]
        indexes: ClassVar = [
            # The page of a person's requests, the latest first.
            models.Index(fields=["owner_id", "-created_at"], name="data_request_of_a_person"),
            # The beat task that looks for work nobody holds.
            models.Index(
                fields=["status", "lease_until"],
                name="data_request_unfinished",
                condition=models.Q(status__in=["queued", "working"]),
            ),
        ]

    @property
    def percent(self) -> int:
        return min(100, 100 * self.progress_done // self.progress_total) if self.progress_total else 0


class LegalHold(models.Model):
    """While it stands nothing that this person made is deleted, by whomever: themselves, age, or an administrator.

    What is changed changes, and what serves safety ends: sessions, second factors, the right to read what is shared.
    Verbs that delete begin with `requesting.refuse_while_held`.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.PROTECT, related_name="legal_hold"
    )
    reason = models.CharField(max_length=300, help_text="for the record: a file number, not the matter itself")
    set_by = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)


class Consent(models.Model):
    """That a person agreed to one version of the notice (CONSENT_NOTICE), and when it was withdrawn."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    version = models.CharField(max_length=16, help_text="the beginning of the SHA-256 of the notice's text")
    given_at = models.DateTimeField(db_default=Now(), editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "agreement"
        constraints: ClassVar = [
            # Asked at every request: has this person agreed to the present version?
            models.UniqueConstraint(
                fields=["owner", "version"],
                name="one_standing_consent",
                condition=models.Q(withdrawn_at__isnull=True),
            ),
        ]
