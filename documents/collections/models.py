import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.encryption.fields import KeyedHashField, SealedModel, SealedTextField
from accounts.models import Role, User
from accounts.tenancy.fields import OwnerField
from documents.models import Collection

if TYPE_CHECKING:
    from uuid import UUID


class CollectionShareQuerySet(models.QuerySet["CollectionShare"]):
    def visible_to(self, user: User) -> Self:
        """Those that the person gave: to list and to end."""
        return self.filter(owner=user)

    def in_force(self) -> Self:
        """Not expired, and of somebody whose account is open."""
        lasting = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return self.filter(lasting, owner__is_active=True)

    def open_to(self, user_id: "UUID") -> Self:
        """Those of others that let this person read, by name or by role, while the account is open. Whoever just
        signed up by themselves has no role yet."""
        reader = User.objects.filter(pk=user_id, is_active=True)
        vouched_for = reader.filter(address_confirmed=True)
        by_name, by_role = models.Q(viewer__in=reader), models.Q(role__in=vouched_for.values("role"))
        return self.in_force().filter(by_name | by_role).exclude(owner=user_id)


class CollectionShare(SealedModel):
    """Lets somebody read what is in one collection, now and later. To end it is to delete the row."""

    class Kind(models.TextChoices):
        PERSON = "person", "A person"
        ROLE = "role", "A role"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="shares", db_constraint=False)
    owner = OwnerField(through="collection")
    kind = models.CharField(max_length=10, choices=Kind)
    # The address as it was typed. Whether it has an account is not shown, so one without is kept alike.
    address = SealedTextField(blank=True, default="")
    address_hash = KeyedHashField(of="address")
    viewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="collections_to_read"
    )
    role = models.CharField(max_length=20, choices=Role, blank=True, default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar = CollectionShareQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Sharing again with the same address or role changes the share there is.
            models.UniqueConstraint(
                fields=["collection", "address_hash"],
                condition=models.Q(kind="person"),
                name="collection_share_once_per_address",
            ),
            models.UniqueConstraint(
                fields=["collection", "role"], condition=models.Q(kind="role"), name="collection_share_once_per_role"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="person", role="") | (models.Q(kind="role", viewer=None) & ~models.Q(role="")),
                name="collection_share_is_with_one",
            ),
        ]
        indexes: ClassVar = [
            # What a role may read: asked by the policies. By viewer and by collection the foreign keys have theirs.
            models.Index(fields=["role"], name="collection_share_by_role", condition=~models.Q(role="")),
        ]
