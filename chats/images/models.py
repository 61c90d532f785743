import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.encryption.fields import SealedModel, SealedTextField
from chats.models import Message

if TYPE_CHECKING:
    from accounts.models import User


# Of a picture by itself, in a conversation; chats.images.redraw makes small ones a little larger.
_SHOWN_WIDTH, _SHOWN_HEIGHT = 320, 300


class PictureQuerySet(models.QuerySet["Picture"]):
    def visible_to(self, user: "User") -> Self:
        """One's own: those not sent yet, and those of conversations that are there."""
        here = models.Q(message=None) | models.Q(message__conversation__deleted_at=None)
        return self.filter(here, owner=user)

    def unsent(self) -> Self:
        return self.filter(message=None)


class Picture(SealedModel):
    """A picture of one question, or one that waits to be sent. Never the file that came: what was drawn of it anew.

    An edited question, beside the first, has rows of its own for the same files.
    """

    class Reading(models.TextChoices):
        """Of the text in it, if the person asked for that."""

        NOT_ASKED = "", "Not asked for"
        ASKED = "asked", "Asked for"
        DONE = "done", "Read"
        NONE = "none", "There is no text"
        MISSING = "missing", "Tesseract is not installed"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="pictures")
    message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.CASCADE, related_name="pictures", db_constraint=False
    )
    number = models.PositiveSmallIntegerField(default=0, help_text="among those of its question, from 1")
    name = SealedTextField()
    media_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    blob = models.CharField(max_length=60, help_text="the folder of its sizes")
    size = models.PositiveBigIntegerField(help_text="bytes of all sizes together")
    # Whether there is a smaller one for models, which pay for each pixel.
    has_sight = models.BooleanField(default=False)
    reading = models.CharField(max_length=10, choices=Reading, blank=True, default="")
    text = SealedTextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar = PictureQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "number"], name="picture_number_unique_per_message"),
        ]
        indexes: ClassVar = [
            # The sweep of those that were never sent.
            models.Index(fields=["created_at"], name="picture_unsent", condition=models.Q(message=None)),
            # Whether anybody still names files that are to be deleted.
            models.Index(fields=["blob"], name="picture_blob"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_width(self) -> int:
        """In a conversation, so that nothing moves when it arrives."""
        return max(1, int(self.width * self._shrunk()))

    @property
    def shown_height(self) -> int:
        return max(1, int(self.height * self._shrunk()))

    def _shrunk(self) -> float:
        return min(1.0, _SHOWN_WIDTH / self.width, _SHOWN_HEIGHT / self.height)
