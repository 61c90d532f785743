import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.encryption.fields import KeyedHashField, SealedModel, SealedTextField
from accounts.models import Role
from accounts.tenancy.fields import OwnerField
from chats.models import Conversation

if TYPE_CHECKING:
    from accounts.models import User


class ShareQuerySet(models.QuerySet["Share"]):
    def visible_to(self, user: "User") -> Self:
        """Those that the person gave: to list and to end."""
        return self.filter(owner=user)

    def in_force(self) -> Self:
        """Neither expired nor of a deleted conversation, and of somebody whose account is open."""
        lasting = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return self.filter(lasting, is_paused=False, owner__is_active=True)

    def open_to(self, user: "User") -> Self:
        """Those that let this person read, by name or by role. Whoever just signed up by themselves has no role yet."""
        by_name, by_role = models.Q(viewer=user), models.Q(role=user.role)
        return self.in_force().filter(by_name | by_role if user.address_confirmed else by_name)


class Share(SealedModel):
    """Lets somebody read one conversation, as it is and as it goes on. To end it is to delete the row.

    A link's identifier also acts in the database, in a person's place (chats.sharing.access).
    """

    class Kind(models.TextChoices):
        PERSON = "person", "A person"
        ROLE = "role", "A role"
        LINK = "link", "A link"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="shares", db_constraint=False)
    owner = OwnerField(through="conversation")
    kind = models.CharField(max_length=10, choices=Kind)
    # The address as it was typed. Whether it has an account is not shown, so one without is kept alike.
    address = SealedTextField(blank=True, default="")
    address_hash = KeyedHashField(of="address")
    viewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="shared_with_them"
    )
    role = models.CharField(max_length=20, choices=Role, blank=True, default="")
    secret_sha256 = models.BinaryField(max_length=32, null=True, help_text="of a link; the secret is kept nowhere")
    expires_at = models.DateTimeField(null=True, blank=True)
    # Follows the conversation's deletion and restoration, by a trigger: policies ask this table alone.
    is_paused = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar = ShareQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Sharing again with the same address or role changes the share there is.
            models.UniqueConstraint(
                fields=["conversation", "address_hash"],
                condition=models.Q(kind="person"),
                name="share_once_per_address",
            ),
            models.UniqueConstraint(
                fields=["conversation", "role"], condition=models.Q(kind="role"), name="share_once_per_role"
            ),
            # A link ends by itself.
            models.CheckConstraint(
                condition=models.Q(expires_at__isnull=False, secret_sha256__isnull=False, viewer=None, role="")
                | (~models.Q(kind="link") & models.Q(secret_sha256=None)),
                name="share_link_is_secret_and_expires",
            ),
        ]
        indexes: ClassVar = [
            # What a role may read: asked by the policies. By viewer and by conversation the foreign keys have theirs.
            models.Index(fields=["role"], name="share_by_role", condition=~models.Q(role="")),
        ]
