from typing import ClassVar

from django.conf import settings
from django.db import models


class TokensSpent(models.Model):
    """What the models read and wrote for one person on one day, in tokens. Counted when an answer is settled."""

    # Today's row of one person: asked before each question where a quota is set, counted up after each answer.
    pk = models.CompositePrimaryKey("owner_id", "day")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField(help_text="in the time zone of the installation")
    tokens = models.PositiveBigIntegerField(default=0)
    answers = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "tokens of a day"
        verbose_name_plural: ClassVar[str] = "tokens of days"
