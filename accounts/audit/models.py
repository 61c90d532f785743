from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from accounts.audit.actions import GROUPS, Action


class AuditEvent(models.Model):
    """One thing that somebody did. Written by `record`, never changed; triggers see to that (append_only)."""

    # In the order of writing, which is nearly that of the commits.
    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField("time", db_default=Now(), editable=False)
    action = models.CharField(max_length=60)
    # No foreign key: the record outlives the account.
    user_id = models.UUIDField("person", null=True)
    resource_kind = models.CharField(max_length=40, blank=True)
    resource_id = models.CharField("resource", max_length=64, blank=True)
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField("browser", max_length=200, blank=True)
    request_id = models.CharField("request", max_length=64, blank=True)
    details = models.JSONField(default=dict)
    # Filled in once, by the sealer: the number of the seal, and what proves the row unchanged.
    seal = models.BigIntegerField(null=True)
    digest = models.BinaryField(null=True)

    # The addresses of who did it and of whom it was done to, for display only (finding.name_people).
    person: str
    about: str

    class Meta:
        db_table = "audit_event"
        verbose_name = "event"
        verbose_name_plural = "audit log"
        default_permissions = ("view",)
        indexes: ClassVar = [
            # The sealer: what is not sealed yet, a handful of rows.
            models.Index(fields=["id"], name="audit_event_unsealed", condition=models.Q(seal__isnull=True)),
            # Verifying: the events of each seal in their order.
            models.Index(fields=["seal", "id"], name="audit_event_sealed", condition=models.Q(seal__isnull=False)),
            # The viewer: newest first, all of them and those of each filter.
            models.Index(fields=["at", "id"], name="audit_event_time"),
            models.Index(fields=["action", "at"], name="audit_event_action"),
            models.Index(fields=["user_id", "at"], name="audit_event_user"),
            models.Index(fields=["resource_id", "at"], name="audit_event_resource"),
            models.Index(fields=["address", "at"], name="audit_event_address"),
        ]

    def __str__(self) -> str:
        return f"{self.action_label}, {self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def action_label(self) -> str:
        """In words; an action that this version does not know any more is shown as it was stored."""
        return Action(self.action).label if self.action in Action.values else self.action

    @property
    def group_label(self) -> str:
        group = self.action.partition(".")[0]
        return GROUPS.get(group, group)


class AuditSeal(models.Model):
    """A batch of events, bound to each other and to all seals before by a keyed hash (sealing)."""

    # Without gaps, from 1.
    number = models.BigIntegerField(primary_key=True)
    event_ids = ArrayField(models.BigIntegerField())
    count = models.IntegerField()
    # Of the events' digests in order; stays when the events are deleted after their time.
    content = models.BinaryField()
    previous = models.BinaryField(help_text="the hash of the seal before")
    hash = models.BinaryField()
    sealed_at = models.DateTimeField()
    pruned_at = models.DateTimeField(null=True)
    # Proves that the events were deleted by the product after their time, and not by hand.
    pruned_mark = models.BinaryField(null=True)

    class Meta:
        db_table = "audit_seal"
        default_permissions = ()
