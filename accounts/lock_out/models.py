from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

LONGEST_LOCK = timedelta(hours=24)


class Kind(models.TextChoices):
    """Where failures are counted. A browser that an account knows is counted by itself and touches no other count."""

    ACCOUNT = "account", "Passwords for this account"
    CODE = "code", "Codes for this account"
    BROWSER = "browser", "A browser that the account knows"
    ADDRESS = "address", "An address"


class SignInName(models.Model):
    """Another name than the address by which somebody came in: a directory knows people by several. Guesses at all of
    them are counted together (accounts.lock_out.attempts)."""

    # A keyed hash, as below.
    key = models.CharField(max_length=64, primary_key=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")


class FailuresQuerySet(models.QuerySet["Failures"]):
    def locked(self) -> Self:
        return self.filter(locked_until__gt=timezone.now())

    def over(self) -> Self:
        """Those that will not count any more: nothing happened for longer than anything is remembered."""
        return self.exclude(locked_until__gt=timezone.now()).filter(since__lt=timezone.now() - 2 * LONGEST_LOCK)


class Failures(models.Model):
    """How often it went wrong lately in one respect (accounts.lock_out.attempts)."""

    # A keyed hash: what people type is not kept, and a wrong address may well be a password in the wrong field.
    key = models.CharField(max_length=64, primary_key=True, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    address = models.GenericIPAddressField(null=True)
    count = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField(default=timezone.now)
    locked_until = models.DateTimeField(null=True)
    locks = models.PositiveSmallIntegerField(default=0, help_text="one after the other, without a success in between")

    objects: ClassVar = FailuresQuerySet.as_manager()

    class Meta:
        verbose_name = "closed way in"
        verbose_name_plural = "closed ways in"
        indexes: ClassVar = [
            # The administrator's list of what is closed now.
            models.Index(fields=["locked_until"], name="closed_ways_in", condition=models.Q(locked_until__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.user or self.address or 'without an account'})"

    def is_locked(self, now: datetime) -> bool:
        return self.locked_until is not None and self.locked_until > now

    def add(self, now: datetime) -> None:
        """Count one more attempt, in a fresh span of time if the last one is over."""
        if not self.counts(now):
            self.count, self.since, self.locked_until = 0, now, None
        self.count += 1

    def counts(self, now: datetime) -> bool:
        """Whether the present count goes on: no lock has ended it, and it is not of long ago."""
        return self.locked_until is None and self.since >= now - timedelta(minutes=settings.LOCK_OUT_MINUTES)

    @property
    def is_used_up(self) -> bool:
        return self.count >= settings.LOCK_OUT_AFTER

    def lock(self, now: datetime) -> None:
        """Codes get longer from lock to lock: there are only a million, and whoever tries them has the password."""
        length = timedelta(minutes=settings.LOCK_OUT_MINUTES)
        if self.kind == Kind.CODE:
            length = min(length * 2 ** min(self.locks, 10), LONGEST_LOCK)
        self.locked_until = now + length
        self.locks = min(self.locks + 1, 100)
