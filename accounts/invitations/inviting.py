"""What an administrator does with invitations. Who may give which role is asked here, of accounts.capabilities."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse

from accounts import audit
from accounts.capabilities import may_manage
from accounts.invitations import mail
from accounts.invitations.models import LIFETIME, Invitation
from accounts.models import User

MOST_AT_ONCE = 50
CLOSED = "Nobody can be invited: the setting SIGN_UP of this installation is “closed”."

# What stands between addresses in a pasted list: from a mail program, a spreadsheet or a text.
_SEPARATORS = re.compile(r"[\s,;]+")
_NAMED = re.compile(r"[^<>,;\n]*<([^<>\n]*)>")


class Refused(Exception):
    """`sentence` is for the administrator."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Sent:
    """An invitation, and its link if nobody mailed it: shown once, because it is kept nowhere."""

    invitation: Invitation
    link: str = ""


@dataclass
class Outcome:
    """What became of a list of addresses. A bad one never costs a good one."""

    sent: list[Sent] = field(default_factory=list)
    # The address as it was typed, and what is wrong with it.
    refused: list[tuple[str, str]] = field(default_factory=list)


def is_open() -> bool:
    return bool(settings.SIGN_UP != "closed")


def addresses(text: str) -> list[str]:
    """The addresses of a pasted list, each once, in order: `a@b.c`, `Ada <a@b.c>`, one a line or in a row."""
    plain = _NAMED.sub(lambda found: f" {found[1]} ", text)
    return list(dict.fromkeys(part.lower() for part in _SEPARATORS.split(plain) if part))


def invite(inviter: User, wanted: Sequence[str], role: str) -> Outcome:
    """Invite each address. Raises Refused where nobody at all can be invited."""
    _check(inviter, role)
    if not wanted:
        raise Refused("Write at least one e-mail address.")
    if len(wanted) > MOST_AT_ONCE:
        raise Refused(f"These are {len(wanted)} addresses. Invite at most {MOST_AT_ONCE} at once.")
    outcome = Outcome()
    ready: list[tuple[Invitation, str]] = []
    taken = set(User.objects.filter(email__in=wanted).values_list("email", flat=True))
    # Somebody else's to change: an invitation with a role that this person may not give.
    reserved = {
        email
        for email, given in Invitation.objects.usable().filter(email__in=wanted).values_list("email", "role")
        if not may_manage(inviter, given)
    }
    for email in wanted:
        if problem := _problem(email, taken, reserved):
            outcome.refused.append((email, problem))
        else:
            ready.append(_written(inviter, email, role))
    outcome.sent = _delivered(inviter, ready)
    return outcome


def resend(inviter: User, invitation: Invitation) -> Sent:
    """A new link for seven more days; the old one stops working. Raises Refused."""
    _check(inviter, invitation.role)
    token = secrets.token_urlsafe(32)
    renewed = Invitation.objects.open().filter(pk=invitation.pk).update(**_renewal(inviter, token))
    if not renewed:
        raise Refused(f"The invitation for {invitation.email} was used or withdrawn meanwhile.")
    _record(audit.Action.USER_INVITED, inviter, invitation, again=True)
    invitation.refresh_from_db()
    return _delivered(inviter, [(invitation, token)])[0]


def revoke(inviter: User, invitation: Invitation) -> None:
    """The link stops working. Raises Refused."""
    if not may_manage(inviter, invitation.role):
        raise Refused("You may not manage invitations for this role.")
    if not Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=Now()):
        raise Refused(f"The invitation for {invitation.email} was used or withdrawn meanwhile.")
    _record(audit.Action.INVITATION_REVOKED, inviter, invitation)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _check(inviter: User, role: str) -> None:
    if not is_open():
        raise Refused(CLOSED)
    if not may_manage(inviter, role):
        raise Refused("You may not invite people with this role.")


def _problem(email: str, taken: set[str], reserved: set[str]) -> str:
    try:
        validate_email(email)
    except ValidationError:
        return "This is not an e-mail address."
    if len(email) > 254:
        return "This address is too long."
    if email in taken:
        return "There is an account with this address already."
    if email in reserved:
        return "This address is invited with a role that you may not manage."
    return ""


def _written(inviter: User, email: str, role: str) -> tuple[Invitation, str]:
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        # Whoever else invites this address now waits for the row, and then renews it.
        invitation, _ = Invitation.objects.open().update_or_create(
            email=email, defaults={"role": role, **_renewal(inviter, token)}
        )
        _record(audit.Action.USER_INVITED, inviter, invitation)
    return invitation, token


def _record(action: audit.Action, inviter: User, invitation: Invitation, **details: Any) -> None:
    audit.record(action, user=inviter, resource=("invitation", invitation.pk), role=invitation.role, **details)


def _renewal(inviter: User, token: str) -> dict[str, object]:
    return {
        "token_sha256": digest(token),
        "invited_by": inviter,
        "was_mailed": False,
        "sent_at": Now(),
        "expires_at": Now() + LIFETIME,
    }


def _delivered(inviter: User, ready: Sequence[tuple[Invitation, str]]) -> list[Sent]:
    links = {
        invitation.pk: settings.BASE_URL + reverse("invitations:accept", args=[token]) for invitation, token in ready
    }
    mailed = mail.send(inviter, [(invitation, links[invitation.pk]) for invitation, _ in ready])
    if mailed:
        Invitation.objects.filter(pk__in=mailed).update(was_mailed=True)
    return [Sent(invitation, "" if invitation.pk in mailed else links[invitation.pk]) for invitation, _ in ready]
