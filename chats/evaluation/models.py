import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.tenancy.fields import OwnerField


class Run(models.Model):
    """One evaluation of a question set.

    A set with documents of its own is asked in a library that is there for the run only; such a run belongs to nobody,
    and the system alone sees it. One that was asked in a person's library belongs to that person, and keeps no text.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    # The account whose library was made for this run, while it is there. What a killed run left is found by it.
    made_owner = models.UUIDField(null=True, blank=True)
    set_name = models.CharField(max_length=100)
    set_fingerprint = models.CharField(max_length=64, help_text="of the questions and what they expect")
    note = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    embedding_model = models.CharField(max_length=200, blank=True, default="")
    answer_model = models.CharField(max_length=200, blank=True, default="")
    judge_model = models.CharField(max_length=200, blank=True, default="")
    # Settings and sizes that matter for the outcome, and the outcome: names to numbers, shares being 0 to 1.
    conditions = models.JSONField(default=dict)
    figures = models.JSONField(default=dict)
    asked = models.PositiveIntegerField(default=0)
    questions = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "evaluation"
        indexes: ClassVar = [
            # The administration: the runs of one set, newest first.
            models.Index(fields=["set_name", "-started_at"], name="evaluation_by_set"),
        ]


class Asked(models.Model):
    """One question of a run, and what became of it."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="rows")
    owner = OwnerField(through="run", null=True)
    number = models.PositiveIntegerField()
    identifier = models.CharField(max_length=100, help_text="the set's own")
    # Of sets with documents of their own only: what is asked in a person's library may tell what stands there.
    text = models.TextField(blank=True, default="")
    is_answerable = models.BooleanField(default=True)
    first_hit = models.PositiveIntegerField(null=True, help_text="rank of the first expected one, from 1")
    ndcg = models.FloatField(null=True)
    recall = models.FloatField(null=True)
    kept = models.BooleanField(default=True, help_text="whether the relevance threshold left any passage")
    milliseconds = models.FloatField()
    faithfulness = models.FloatField(null=True)
    relevancy = models.FloatField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="asked_number_unique_per_run"),
        ]
