"""Setting up a second factor, and taking it away."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.second_factor import codes, recovery
from accounts.second_factor.models import Authenticator, RecoveryCode
from accounts.tenancy import acting_as

SECRET_BYTES = 20
# A draft that is older shows a new secret: somebody may have seen the screen.
_DRAFT_FOR = timedelta(minutes=30)


def is_required(user: User) -> bool:
    return user.role in settings.TOTP_REQUIRED_ROLES


def draft(user: User) -> Authenticator:
    """The authenticator that is being set up. It counts for nothing until its first code was given."""
    with acting_as(user), transaction.atomic():
        # The person's row is the lock: two tabs share one draft.
        User.objects.select_for_update().get(pk=user.pk)
        drafts = Authenticator.objects.filter(user=user, confirmed=False)
        drafts.filter(created_at__lt=timezone.now() - _DRAFT_FOR).delete()
        return drafts.first() or Authenticator.objects.create(
            user=user, secret=secrets.token_hex(SECRET_BYTES), confirmed=False
        )


def finish(user: User, code: str) -> list[str] | None:
    """Make the draft the person's second factor, in the place of an earlier one, if the code is its own.

    Returns new recovery codes. The person's other sessions are asked for a code from now on. Raises CodeRefused for a
    code that comes too soon after a wrong one.
    """
    with acting_as(user), transaction.atomic():
        if not codes.take_app_code(user, code, confirmed=False):
            return None
        Authenticator.objects.filter(user=user, confirmed=True).delete()
        Authenticator.objects.filter(user=user, confirmed=False).update(confirmed=True)
        user.second_factor = Authenticator.objects.values_list("pk", flat=True).get(user=user, confirmed=True)
        user.save(update_fields=["second_factor"])
        audit.record(audit.Action.TOTP_ENROLLED, user=user)
        return recovery.make(user)


def remove(user: User) -> None:
    """The person's own wish. Whether the role allows it is asked before."""
    _take_away(user)
    audit.record(audit.Action.TOTP_REMOVED, user=user)


def reset(user: User, *, by: User | None) -> None:
    """For somebody who has lost the phone and the recovery codes; None: by the operator, at the command line.

    Ends that person's sessions: whoever sits in one of them may be the reason.
    """
    with transaction.atomic():
        _take_away(user)
        user.end_sessions()
        audit.record(audit.Action.TOTP_RESET, user=by, resource=("user", user.pk))


def _take_away(user: User) -> None:
    with acting_as(user), transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        RecoveryCode.objects.filter(owner=user).delete()
        user.second_factor = None
        user.save(update_fields=["second_factor"])
