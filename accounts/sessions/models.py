import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.sessions import agents

AGENT_LENGTH = 300


class UserSession(models.Model):
    """What its owner is told about a session: Django's own row says nothing that a person would recognise."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # As the database knows the session (accounts.sessions.engine), not the key itself.
    session_key = models.CharField(max_length=40, unique=True)
    # As the session's own: a session that a new password ended is known by it.
    auth_hash = models.CharField(max_length=64)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=AGENT_LENGTH, blank=True)
    signed_in_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(help_text="to the minute")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "-last_seen_at"], name="sessions_of_a_person")]

    @property
    def browser(self) -> str:
        return agents.browser(self.agent)

    @property
    def system(self) -> str:
        return agents.system(self.agent)

    @property
    def is_handheld(self) -> bool:
        return agents.is_handheld(self.agent)
