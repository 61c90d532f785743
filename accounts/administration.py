"""What an administrator does with accounts. Who may do it is asked before (accounts.capabilities)."""

import logging
import smtplib

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Role, User

logger = logging.getLogger(__name__)


class LastSuperAdmin(Exception):
    """Afterwards nobody could administer this installation."""

    sentence = "This is the last super admin. Make somebody else a super admin first."


def suspend(user: User) -> None:
    """Close the account and end its sessions. Nothing of the person is deleted. Raises LastSuperAdmin."""
    with transaction.atomic():
        keep_a_super_admin(user, role=user.role, is_active=False)
        user.is_active = False
        user.save(update_fields=["is_active"])
        # So that opening the account again does not bring old sessions back.
        user.end_sessions()


def reactivate(user: User) -> None:
    user.is_active = True
    user.save(update_fields=["is_active"])


def keep_a_super_admin(user: User, *, role: str, is_active: bool) -> None:
    """Raise LastSuperAdmin if giving `user` this role and state would leave none. Call inside a transaction.

    The super admins' rows stay locked until its end, so that two of them cannot dismiss each other at once.
    """
    if role == Role.SUPER_ADMIN and is_active:
        return
    standing = User.objects.select_for_update().filter(role=Role.SUPER_ADMIN, is_active=True).order_by("pk")
    if {other.pk for other in standing} == {user.pk}:
        raise LastSuperAdmin


def follow_address(user: User) -> None:
    """After an address was changed: the old one must neither sign in nor get a link for a new password."""
    EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()


def password_link(user: User) -> str:
    """A link for choosing a password: works once, for PASSWORD_RESET_TIMEOUT, and dies when the password changes."""
    token = default_token_generator.make_token(user)
    return settings.BASE_URL + reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), token])


def mail_password_link(user: User) -> bool:
    """Send the link to its owner. False if no mail server is set up or it does not take the mail."""
    if not settings.EMAIL_HOST:
        return False
    context = {"user": user, "password_url": password_link(user)}
    try:
        send_mail(
            render_to_string("account/email/invitation_subject.txt", context).strip(),
            render_to_string("account/email/invitation_message.txt", context).strip(),
            settings.DEFAULT_FROM_EMAIL,
            [user.email],
        )
    except (OSError, smtplib.SMTPException):
        logger.exception("The mail server did not take a mail.")
        return False
    return True
