import logging
import smtplib
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string

from accounts.invitations.models import LIFETIME, Invitation
from accounts.models import User

logger = logging.getLogger(__name__)


def send(inviter: User, invitations: Sequence[tuple[Invitation, str]]) -> set[uuid.UUID]:
    """Mail each link to its address, over one connection. The keys of those the mail server took."""
    if not settings.EMAIL_HOST or not invitations:
        return set()
    sent: set[uuid.UUID] = set()
    connection = get_connection()
    try:
        connection.open()
        for invitation, link in invitations:
            try:
                connection.send_messages([_message(inviter, invitation, link)])
            except smtplib.SMTPRecipientsRefused:
                # One address that the server does not take costs the others nothing.
                logger.warning("The mail server refused the address of an invitation.")
            else:
                sent.add(invitation.pk)
    except (OSError, smtplib.SMTPException):
        logger.exception("The mail server did not take a mail.")
    finally:
        _close(connection)
    return sent


def _close(connection: object) -> None:
    try:
        connection.close()  # type: ignore[attr-defined]  # backends have no common type
    except (OSError, smtplib.SMTPException):
        logger.warning("The connection to the mail server did not close in order.")


def _message(inviter: User, invitation: Invitation, link: str) -> EmailMessage:
    context = {"inviter": inviter, "invitation": invitation, "link": link, "days": LIFETIME.days}
    return EmailMessage(
        render_to_string("invitations/email_subject.txt", context).strip(),
        render_to_string("invitations/email.txt", context).strip(),
        settings.DEFAULT_FROM_EMAIL,
        [invitation.email],
    )
