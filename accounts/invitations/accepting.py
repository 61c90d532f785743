"""The other side of an invitation: the person who follows the link.

The link was mailed to the address or handed over by an administrator, so the address needs no second verification.
"""

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.capabilities import may_manage
from accounts.invitations import inviting
from accounts.invitations.models import Invitation
from accounts.models import User


class NotUsable(Exception):
    """The link is used, expired, withdrawn, superseded or was never made; they are told apart for nobody."""


class AddressTaken(Exception):
    """There is an account with this e-mail address already."""


def find(token: str) -> Invitation:
    """The invitation behind a link that works. Raises NotUsable."""
    usable = Invitation.objects.usable().select_related("invited_by")
    found: Invitation | None = usable.filter(token_sha256=inviting.digest(token)).first()
    if found is None or not _stands(found):
        raise NotUsable
    return found


def for_address(email: str) -> Invitation | None:
    """The usable invitation for an address that somebody else vouches for: a provider of single sign-on."""
    found: Invitation | None = (
        Invitation.objects.usable().select_related("invited_by").filter(email=email.lower()).first()
    )
    return found if found and _stands(found) else None


def accept(token: str, *, name: str, password: str) -> User:
    """Spend the invitation and create the account, both or neither.

    Of several requests with the same link one gets through. Raises NotUsable or AddressTaken, which spends nothing.
    """
    invitation = find(token)
    try:
        with transaction.atomic():
            spend(invitation)
            user = User.objects.create_user(invitation.email, password, name=name, role=invitation.role)
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
            audit.record(
                audit.Action.INVITATION_ACCEPTED,
                user=user,
                resource=("invitation", invitation.pk),
                role=invitation.role,
            )
            return user
    except IntegrityError as error:
        raise AddressTaken from error


def spend(invitation: Invitation) -> None:
    """Within a transaction, with what it is spent for. Raises NotUsable."""
    same = Invitation.objects.usable().filter(pk=invitation.pk, token_sha256=invitation.token_sha256)
    if not same.update(accepted_at=Now()):
        raise NotUsable


def _stands(invitation: Invitation) -> bool:
    """Whether who sent it could still send it today."""
    inviter = invitation.invited_by
    return inviting.is_open() and inviter is not None and may_manage(inviter, invitation.role)
