import uuid
from datetime import timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.models import Role

LIFETIME = timedelta(days=7)
# What is over stays in the list for so long, then it is forgotten; the audit log knows what was done.
KEPT = timedelta(days=30)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Neither used nor withdrawn; perhaps expired."""
        return self.filter(accepted_at=None, revoked_at=None)

    def usable(self) -> Self:
        return self.open().filter(expires_at__gt=Now())

    def over(self) -> Self:
        """Used, withdrawn or expired, and that a while ago."""
        before = Now() - KEPT
        return self.filter(
            models.Q(accepted_at__lt=before) | models.Q(revoked_at__lt=before) | models.Q(expires_at__lt=before)
        )


class Invitation(models.Model):
    """One person may make an account with this role, with a link that works once.

    Whoever sent it last answers for it: when that person may no longer give the role, the link works no more.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # In lower case, as the account's own will be.
    email = models.EmailField("e-mail address")
    role = models.CharField(max_length=20, choices=Role, default=Role.USER)
    token_sha256 = models.CharField(max_length=64, unique=True, help_text="the token itself is kept nowhere")
    was_mailed = models.BooleanField(default=False, help_text="false: the link was shown to the administrator")
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="invitations_sent"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = InvitationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # A second invitation of the same address renews the first one, however quickly they follow.
            models.UniqueConstraint(
                fields=["email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_per_address",
            ),
        ]

    def __str__(self) -> str:
        return self.email
