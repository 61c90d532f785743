import time
import uuid
from base64 import b32encode
from typing import ClassVar
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from accounts.encryption.fields import SealedModel, SealedTextField

STEP = 30
DIGITS = 6
# How many steps a clock may be off, either way.
DRIFT = 1
# The pause after a wrong code doubles from one second up to sixteen. It ends there: an attacker must not be able to
# make it longer and longer for the person. What stops attackers is the lock-out.
_MOST_THROTTLED = 5


class Authenticator(SealedModel, ThrottlingMixin, Device):  # type: ignore[misc, django-manager-missing]  # no type hints
    """An app on a phone that shows codes (TOTP, RFC 6238). A draft until its first code was given."""

    sealed_owner: ClassVar = "user_id"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_column="owner_id", related_name="+")
    name = models.CharField(max_length=64, default="Authenticator app", editable=False)
    confirmed = models.BooleanField(default=False)
    secret = SealedTextField(help_text="hexadecimal")
    # The counter of the last code that was taken: neither it nor an earlier one is taken again.
    last_counter = models.BigIntegerField(default=-1)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            # One draft and one that counts; of two who finish at once the second is told so.
            models.UniqueConstraint(fields=["user", "confirmed"], name="one_authenticator_each")
        ]

    def get_throttle_factor(self) -> int:
        return 1

    def throttle_increment(self, commit: bool = True) -> None:
        super().throttle_increment(commit=False)
        count: int = self.throttling_failure_count  # type: ignore[has-type]  # of django-otp
        self.throttling_failure_count = min(count, _MOST_THROTTLED)
        if commit:
            self.save(update_fields=["throttling_failure_count", "throttling_failure_timestamp"])

    def verify_token(self, token: str) -> bool:
        """Take a code, once. Call with the row locked, so that of two requests with one code one gets through."""
        if not self.verify_is_allowed()[0]:
            return False
        totp = TOTP(bytes.fromhex(self.secret), STEP, digits=DIGITS)
        totp.time = time.time()
        if not totp.verify(int(token), tolerance=DRIFT, min_t=self.last_counter + 1):
            self.throttle_increment()
            return False
        self.last_counter = totp.t()
        self.throttle_reset(commit=False)
        self.save(update_fields=["last_counter", "throttling_failure_count", "throttling_failure_timestamp"])
        return True

    @property
    def base32(self) -> str:
        return b32encode(bytes.fromhex(self.secret)).decode()

    @property
    def address(self) -> str:
        """What the QR code says: the key URI that authenticator apps read."""
        issuer = settings.TOTP_ISSUER
        query = urlencode(
            {"secret": self.base32, "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": STEP},
            quote_via=quote,
        )
        return f"otpauth://totp/{quote(issuer)}:{quote(self.user.email)}?{query}"


class RecoveryCode(models.Model):
    """One of ten that each open the door once, for whoever has lost the phone. Only its keyed hash is kept."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.BinaryField(max_length=32)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "digest"], name="recovery_code_of_a_person")]
