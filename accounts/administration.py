"""What an administrator does with accounts, and who may do it to whom.

`by` is the person who acts; None is the operator, at the command line. Every verb reads the rows afresh under a lock,
so that nobody acts with a role that was taken from them a moment ago.
"""

import logging
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import audit, local_passwords
from accounts.capabilities import may_manage
from accounts.lock_out import attempts
from accounts.models import Role, User
from accounts.second_factor import enrolment

logger = logging.getLogger(__name__)


class Refused(Exception):
    """`sentence` says to the administrator why nothing was done."""

    sentence = ""


class LastSuperAdmin(Refused):
    """Afterwards nobody could administer this installation."""

    sentence = "This is the last super admin. Make somebody else a super admin first."


class NotYours(Refused):
    """An account, or a role, that the person who acts may not manage."""

    sentence = "You may not manage accounts with this role. A super admin can."


class Suspended(Refused):
    sentence = "This account is suspended. Open it again first."


class DecidedElsewhere(Refused):
    """A password would not open the account (accounts.local_passwords)."""

    def __init__(self, provider: str) -> None:
        self.sentence = f"This person signs in with {provider}, which decides who comes in. A password would not count."
        super().__init__(provider)


class BeingErased(Refused):
    sentence = "This account is being deleted, and its data with it. That cannot be stopped any more."


def change_role(user: User, role: str, *, by: User | None = None, from_groups: bool = False) -> None:
    """Give the role, and end the person's sessions: what was open was opened with the old one. Raises Refused."""
    with _locked(user, by) as account:
        if by and not may_manage(by, role):
            raise NotYours
        if account.role == role:
            return
        keep_a_super_admin(account, role=role, is_active=account.is_active)
        before, account.role, account.role_from_groups = account.role, Role(role), from_groups
        account.save(update_fields=["role", "role_from_groups", "is_superuser"])
        account.end_sessions()
        _record(audit.Action.ROLE_CHANGED, account, by, before=before, role=role)
    user.role, user.role_from_groups = account.role, account.role_from_groups


def suspend(user: User, *, by: User | None = None) -> None:
    """Close the account and end its sessions. Nothing of the person is deleted. Raises Refused."""
    with _locked(user, by) as account:
        keep_a_super_admin(account, role=account.role, is_active=False)
        account.is_active = False
        account.save(update_fields=["is_active"])
        # So that opening the account again does not bring old sessions back.
        account.end_sessions()
        _record(audit.Action.USER_SUSPENDED, account, by)
    user.is_active = False


def reactivate(user: User, *, by: User | None = None) -> None:
    """Open the account again. Raises Refused."""
    from accounts.rights import requesting

    with _locked(user, by) as account:
        if requesting.is_being_erased(account):
            raise BeingErased
        account.is_active = True
        account.save(update_fields=["is_active"])
        _record(audit.Action.USER_REACTIVATED, account, by)
    user.is_active = True


def sign_out_everywhere(user: User, *, by: User | None = None) -> None:
    """End the person's sessions on all devices. Raises Refused."""
    with _locked(user, by) as account:
        account.end_sessions()
        _record(audit.Action.USER_SIGNED_OUT, account, by)


def unlock(user: User, *, by: User | None = None) -> int:
    """Open every way in that failed attempts had closed. How many there were. Raises Refused."""
    with _locked(user, by) as account:
        opened = attempts.forgive(account)
        _record(audit.Action.UNLOCKED, account, by, opened=opened)
    return opened


def reset_second_factor(user: User, *, by: User) -> None:
    """Take the second factor away, for somebody who lost it, and end the sessions. Raises Refused."""
    with _locked(user, by) as account:
        enrolment.reset(account, by=by)
    user.second_factor = None
    _tell(account.email, "took the second factor away from your account, and signed it out everywhere")


def change_address(user: User, email: str, name: str, *, by: User | None = None) -> None:
    """Change what the person signs in with, and the name. Raises Refused."""
    with _locked(user, by) as account:
        before, moved = account.email, account.email != email.lower()
        account.email, account.name = email.lower(), name
        # Whoever acts vouches for an address that they typed.
        account.address_confirmed |= moved
        account.save(update_fields=["email", "name", "address_confirmed"])
        _record(audit.Action.USER_CHANGED, account, by, address_changed=moved)
        if moved:
            _record(audit.Action.EMAIL_CHANGED, account, by)
            # The old address must neither sign in nor get a link for a new password.
            EmailAddress.objects.filter(user=account).exclude(email=account.email).delete()
    if moved:
        for address in (before, account.email):
            _tell(address, f"changed the address of your account from {before} to {account.email}")


def confirm_address(user: User, *, by: User | None = None) -> None:
    """Vouch for the address that somebody signed up with, where no mail can ask its owner. Raises Refused."""
    with _locked(user, by) as account:
        account.address_confirmed = True
        account.save(update_fields=["address_confirmed"])
        EmailAddress.objects.filter(user=account, email__iexact=account.email).update(verified=True)
        _record(audit.Action.EMAIL_CONFIRMED, account, by)
    user.address_confirmed = True


def keep_a_super_admin(user: User, *, role: str, is_active: bool) -> None:
    """Raise LastSuperAdmin if giving `user` this role and state would leave none. Call inside a transaction.

    The super admins' rows stay locked until its end, so that two of them cannot dismiss each other at once.
    """
    if role == Role.SUPER_ADMIN and is_active:
        return
    standing = User.objects.select_for_update().filter(role=Role.SUPER_ADMIN, is_active=True).order_by("pk")
    if {other.pk for other in standing} == {user.pk}:
        raise LastSuperAdmin


def password_link(user: User) -> str:
    """A link for choosing a password: works once, for PASSWORD_RESET_TIMEOUT, and dies when the password changes."""
    token = default_token_generator.make_token(user)
    return settings.BASE_URL + reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), token])


def hand_out_password_link(user: User, *, by: User | None = None) -> str:
    """Mail the link to its owner, or return it if no mail can be sent. Raises Refused."""
    with _locked(user, by) as account:
        if not account.is_active:
            raise Suspended
        if provider := local_passwords.decided_by(account):
            raise DecidedElsewhere(provider)
        _record(audit.Action.USER_PASSWORD_LINK, account, by)
    return "" if mail_password_link(account) else password_link(account)


def mail_password_link(user: User) -> bool:
    """Send the link to its owner. False if no mail server is set up or it does not take the mail."""
    return _mailed(user.email, "new_password", {"user": user, "password_url": password_link(user)})


def _tell(address: str, what: str) -> None:
    """Whoever can change somebody's way in can use it, so the person hears of it, if mail can be sent."""
    _mailed(address, "changed_for_you", {"what": what})


def _mailed(address: str, name: str, context: dict[str, Any]) -> bool:
    if not settings.EMAIL_HOST:
        return False
    try:
        send_mail(
            render_to_string(f"account/email/{name}_subject.txt", context).strip(),
            render_to_string(f"account/email/{name}_message.txt", context).strip(),
            settings.DEFAULT_FROM_EMAIL,
            [address],
        )
    except (OSError, smtplib.SMTPException):
        logger.exception("The mail server did not take a mail.")
        return False
    return True


def _record(action: audit.Action, account: User, by: User | None, **details: Any) -> None:
    audit.record(action, user=by, resource=("user", account.pk), **details)


@contextmanager
def _locked(user: User, by: User | None) -> Iterator[User]:
    """The account as it is now, in a transaction. Raises NotYours if `by`, as that account is now, may not manage it.

    All super admins, the account and who acts are locked in one order, so that two who act at once wait for each other.
    """
    keys = {user.pk, *([by.pk] if by else [])}
    with transaction.atomic():
        rows = User.objects.select_for_update().filter(Q(role=Role.SUPER_ADMIN) | Q(pk__in=keys)).order_by("pk")
        now = {row.pk: row for row in rows}
        account = now.get(user.pk)
        if account is None or (by and (by.pk not in now or not may_manage(now[by.pk], account.role))):
            raise NotYours
        if by:
            by.role, by.is_active = now[by.pk].role, now[by.pk].is_active
        yield account
