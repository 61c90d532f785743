import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.capabilities import Capability, may
from accounts.encryption.fields import SealedModel, SealedTextField

if TYPE_CHECKING:
    from accounts.models import User

# How long what was deleted can be brought back.
UNDO_FOR = timedelta(days=30)

M = TypeVar("M", bound="Kept")


class OwnInstructions(SealedModel):
    """What a person wants every model to be told, in chats that have no instructions of their own."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="instructions"
    )
    text = SealedTextField()

    sealed_identity = ("owner_id",)


class KeptQuerySet(models.QuerySet[M]):
    def visible_to(self, user: "User") -> Self:
        """One's own, and for people who chat what others share with everybody."""
        return self.filter(_theirs(user, shared=_is_somebody(user)), deleted_at=None)

    def editable_by(self, user: "User") -> Self:
        return self.filter(_theirs(user, shared=_oversees(user)), deleted_at=None)

    def deleted_by(self, user: "User") -> Self:
        """Those that can still be brought back."""
        return self.filter(_theirs(user, shared=_oversees(user)), deleted_at__gt=Now() - UNDO_FOR)


def _theirs(user: "User", *, shared: bool) -> models.Q:
    return models.Q(owner=user) | models.Q(is_shared=True) if shared else models.Q(owner=user)


def _is_somebody(user: "User") -> bool:
    """One of those who chat here. Whoever just signed up by themselves has no role yet, as for shares."""
    return may(user, Capability.CHAT) and user.address_confirmed


def _oversees(user: "User") -> bool:
    return _is_somebody(user) and may(user, Capability.ADMINISTER)


class Kept(SealedModel):
    """Something with a name, private or shared with everybody. Sealed with its maker's key, whoever reads it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="%(class)ss")
    name = SealedTextField()
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        indexes: ClassVar = [
            # What others share. One's own is found by the foreign key.
            models.Index(fields=["is_shared"], name="%(class)s_shared", condition=models.Q(is_shared=True)),
        ]

    def __str__(self) -> str:
        return self.name


class PromptTemplate(Kept):
    """A question with gaps: {{name}} is asked for before it is used (chats.prompting.variables)."""

    text = SealedTextField()

    objects: ClassVar = KeptQuerySet["PromptTemplate"].as_manager()

    class Meta(Kept.Meta):
        abstract = False


class Persona(Kept):
    """How a model shall behave. Ready-made ones are in chats.prompting.personas and have no row."""

    system_prompt = SealedTextField()
    model = models.CharField(max_length=200, blank=True, default="", help_text="empty: the default model")
    # As in a conversation's.
    parameters = models.JSONField(default=dict, blank=True)

    objects: ClassVar = KeptQuerySet["Persona"].as_manager()

    class Meta(Kept.Meta):
        abstract = False
