"""Taking codes, each once: of two requests that bring the same one at the same time, one gets through."""

import enum
import re

from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest

from accounts import audit
from accounts.encryption.errors import KeyMissing
from accounts.lock_out import attempts
from accounts.models import User
from accounts.second_factor import recovery
from accounts.second_factor.models import DIGITS, Authenticator, RecoveryCode
from accounts.tenancy import acting_as

_TOTP = re.compile(rf"[0-9]{{{DIGITS}}}")


class Method(enum.Enum):
    APP = "app"
    RECOVERY_CODE = "recovery_code"


class CodeRefused(Exception):
    """The sentence says why, as far as the person may know."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _TooSoon(CodeRefused):
    """The code was not looked at."""

    def __init__(self) -> None:
        super().__init__("That was too quick after a wrong code. Wait a few seconds and try again.")


def check(request: HttpRequest, user: User, typed: str) -> Method:
    """Take a code of the app or a recovery code. Raises CodeRefused, with what to do next."""
    try:
        attempt = attempts.begin(request, account=user, code=True)
    except attempts.LockedOut as locked:
        raise CodeRefused(locked.text) from locked
    try:
        method = _take(user, typed)
    except _TooSoon:
        attempt.take_back()
        raise
    if method is None:
        audit.record(audit.Action.TOTP_FAILED, user=user, request=request)
        if locked_now := attempt.failed():
            audit.record(audit.Action.LOCKED_OUT, user=user, request=request, by="code")
            raise CodeRefused(locked_now.text)
        raise CodeRefused(
            "This code is wrong, or was used already. Wait for the next one that the app shows. "
            "If none works, check that the time on your phone is set automatically."
        )
    attempt.succeeded()
    if method is Method.RECOVERY_CODE:
        audit.record(audit.Action.RECOVERY_CODE_USED, user=user, request=request, left=recovery.left(user))
    return method


def _take(user: User, typed: str) -> Method | None:
    code = re.sub(r"[\s-]", "", typed).lower()
    with acting_as(user):
        if _TOTP.fullmatch(code):
            return Method.APP if take_app_code(user, code, confirmed=True) else None
        return Method.RECOVERY_CODE if _take_recovery_code(user, code) else None


def take_app_code(user: User, code: str, *, confirmed: bool) -> bool:
    """`confirmed`: of the authenticator that counts, or of the draft. Raises CodeRefused so soon after a wrong one."""
    if not _TOTP.fullmatch(code):
        return False
    with transaction.atomic():
        rows = Authenticator.objects.select_for_update(of=("self",))
        device = rows.filter(user=user, confirmed=confirmed).first()
        if device is None:
            return False
        if not device.verify_is_allowed()[0]:
            raise _TooSoon
        return bool(device.verify_token(code))


def _take_recovery_code(user: User, code: str) -> bool:
    try:
        digest = recovery.digest(user.pk, code)
    except KeyMissing:
        return False
    unused = RecoveryCode.objects.filter(owner=user, digest=digest, used_at=None)
    return unused.update(used_at=Now()) == 1
