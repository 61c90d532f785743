"""From an identity that a provider vouches for to a person here: who comes in, to which account, with which role.

One path for OpenID Connect, GitHub, SAML and LDAP. What a provider says about a person is used at this moment and not
kept: an account holds the provider's name and its identifier for the person.
"""

import logging
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import administration, audit, local_passwords
from accounts.invitations import accepting
from accounts.models import Role, User, plain_name
from accounts.second_factor import enrolment
from accounts.sso.configuration import NOBODY, Configuration, highest_role

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """Who somebody is, in the words of a provider that has proved to be itself."""

    provider: str
    provider_name: str
    uid: str
    email: str = ""
    # Whether the provider vouches for the address being this person's.
    email_verified: bool = False
    name: str = ""
    # None: a provider without groups, which leaves the role as it is.
    groups: frozenset[str] | None = None
    # When the person last gave the provider a password or the like, in seconds since 1970, if it says so.
    proved_at: float | None = None


class Refused(Exception):
    """The person stays out. `title` and `sentence` are for them, `reason` is one word for the log."""

    def __init__(self, reason: str, title: str, sentence: str) -> None:
        super().__init__(reason)
        self.reason, self.title, self.sentence = reason, title, sentence


def admit(identity: Identity) -> tuple[User, SocialAccount]:
    """The account of this person, opened or linked if need be, with the role that the groups bring.

    A suspended account is returned as it is: the sign-in that follows turns it away. Raises Refused.
    """
    try:
        with transaction.atomic():
            user, account = _find_or_open(identity)
            refusal = _follow_groups(user, identity) if user.is_active else None
            if identity.name and not user.name:
                User.objects.filter(pk=user.pk).update(name=plain_name(identity.name))
    except IntegrityError as error:
        # The same person at the same time in another window.
        raise Refused(
            "again", "Sign in once more", "Two sign-ins met. Nothing is lost; please sign in again."
        ) from error
    except Refused as refused:
        _record(identity, refused)
        raise
    if refusal:
        _record(identity, refusal, user)
        raise refusal
    return user, account


def _record(identity: Identity, refusal: Refused, user: User | None = None) -> None:
    logger.info("Sign-in with %s refused: %s", identity.provider, refusal.reason)
    audit.record(audit.Action.IDENTITY_REFUSED, user=user, provider=identity.provider, because=refusal.reason)


def _find_or_open(identity: Identity) -> tuple[User, SocialAccount]:
    sso: Configuration = settings.SSO
    account = SocialAccount.objects.select_related("user").filter(provider=identity.provider, uid=identity.uid).first()
    if account:
        user = account.user
        _check_domain(user.email, sso, identity)
        return user, account
    email = identity.email.strip().lower()
    if not email or not identity.email_verified:
        raise _no_address(identity)
    _check_domain(email, sso, identity)
    found = User.objects.filter(email=email).first()
    user = _vouched_for(found, identity) if found else _open(email, identity, sso)
    EmailAddress.objects.update_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
    audit.record(audit.Action.IDENTITY_LINKED, user=user, provider=identity.provider, new=found is None)
    return user, SocialAccount.objects.create(user=user, provider=identity.provider, uid=identity.uid, extra_data={})


def _vouched_for(user: User, identity: Identity) -> User:
    """The account that has the address already, if it is safe for the address' owner.

    Somebody else may have opened it by signing up with an address that was never confirmed, and be waiting, with an
    authenticator and documents of theirs in it. Only signing up leaves an unconfirmed address behind: who was made by
    an administrator or the operator has none, or a confirmed one, and an administrator was appointed by one.
    """
    if SocialAccount.objects.filter(user=user, provider=identity.provider).exists():
        # The provider gives this address to another person now, or lets people write addresses themselves.
        raise _another_person(identity)
    addresses = EmailAddress.objects.filter(user=user, email__iexact=user.email)
    if addresses.filter(verified=True).exists() or user.is_staff:
        return user
    if addresses.exists():
        raise _unconfirmed(identity)
    if user.is_active and user.has_usable_password():
        # Whoever else was told the password, or set it, is out: from here on the provider says who this is.
        user.set_unusable_password()
        user.save(update_fields=["password"])
        user.end_sessions()
        if user.second_factor:
            enrolment.reset(user, by=None)
    return user


def _open(email: str, identity: Identity, sso: Configuration) -> User:
    role = _wanted_role(identity, sso)
    if role == NOBODY:
        raise _no_group(identity)
    invitation = accepting.for_address(email) if sso.sign_up != "closed" else None
    if invitation:
        try:
            accepting.spend(invitation)
        except accepting.NotUsable as error:
            raise _closed(identity, sso) from error
    elif sso.sign_up != "open":
        raise _closed(identity, sso)
    given = invitation.role if invitation else sso.default_role
    # A provider without groups, where whoever is in none stays out: an administrator decides what more they may.
    given = Role.VIEWER if given == NOBODY else given
    return User.objects.create_user(
        email, role=role or given, role_from_groups=role is not None, name=plain_name(identity.name)
    )


def _wanted_role(identity: Identity, sso: Configuration) -> str | None:
    """The role that the groups bring, NOBODY, or None to leave the role as it is."""
    if identity.groups is None or not sso.roles:
        return None
    return highest_role(identity.groups, sso.roles) or sso.default_role


def _follow_groups(user: User, identity: Identity) -> Refused | None:
    """Give the role that the groups bring. A refusal is returned, so that what is done here stays done. Raises Refused
    for somebody who came by the wrong provider."""
    role = _wanted_role(identity, settings.SSO)
    if role is None and identity.provider not in settings.SSO.deciding:
        # Google and GitHub tell no groups. Coming by them would be a way around the provider that does.
        if name := local_passwords.decided_by(user):
            # Raised, so that it is not linked either.
            raise _decided_elsewhere(identity, name)
        return None
    if role == NOBODY:
        _give(user, Role.VIEWER, identity)
        user.end_sessions()
        return _no_group(identity)
    if role:
        _give(user, role, identity)
    return None


def _give(user: User, role: str, identity: Identity) -> None:
    """Other sessions end with the change; the sign-in that is under way gets its own afterwards."""
    if user.role == role:
        # It may have been a person's gift until now.
        User.objects.filter(pk=user.pk, role=role).update(role_from_groups=True)
        return
    try:
        administration.change_role(user, role, from_groups=True)
    except administration.LastSuperAdmin:
        logger.warning("The groups of %s would dismiss the last super admin, who stays.", identity.provider)
        return
    user.refresh_from_db()


# --- Why somebody stays out ---


def _check_domain(email: str, sso: Configuration, identity: Identity) -> None:
    if sso.domains and email.rpartition("@")[2].lower() not in sso.domains:
        raise Refused(
            "domain",
            "Your address may not be used here",
            f"You signed in with {identity.provider_name} as {email}. This installation is open to addresses of "
            f"{_listed(sorted(sso.domains))}. Sign in with such an address, or ask the administrator.",
        )


def _no_group(identity: Identity) -> Refused:
    return Refused(
        "no group",
        "Your account may not use Chatsite",
        f"{identity.provider_name} knows you, but you are in none of the groups that may use Chatsite. "
        "Ask the administrator of this installation to add you to one, then sign in again.",
    )


def _decided_elsewhere(identity: Identity, name: str) -> Refused:
    return Refused(
        "another provider",
        f"Sign in with {name}",
        f"{identity.provider_name} knows you, but {name} decides whether you may use Chatsite, and what you may do. Go "
        f"back to sign-in and use {name}.",
    )


def _no_address(identity: Identity) -> Refused:
    if not identity.email:
        said = f"{identity.provider_name} did not tell your e-mail address, so no account could be found or opened."
    else:
        said = (
            f"{identity.provider_name} does not confirm that {identity.email} is yours, so it cannot open or find an "
            "account."
        )
    return Refused(
        "no verified address",
        "Your address is not confirmed",
        f"{said} Confirm your address there and sign in again, or ask the administrator of this installation.",
    )


def _another_person(identity: Identity) -> Refused:
    return Refused(
        "another person",
        "This address belongs to another account",
        f"There is an account with the address {identity.email}, but {identity.provider_name} says that it belongs to "
        "another person. Nothing was changed. Ask the administrator of this installation to sort it out.",
    )


def _unconfirmed(identity: Identity) -> Refused:
    return Refused(
        "unconfirmed account",
        "Somebody opened an account with your address",
        f"There is an account with the address {identity.email} that nobody confirmed, so it may be another person's. "
        "Nothing was changed. An administrator of this installation can delete that account; then sign in again.",
    )


def _closed(identity: Identity, sso: Configuration) -> Refused:
    wanted = "an invitation" if sso.sign_up == "invitation" else "an account"
    return Refused(
        "closed",
        "There is no account for you yet",
        f"{identity.provider_name} knows you, but accounts are made by the administrator of this installation. "
        f"Ask for {wanted} for {identity.email}, then sign in again.",
    )


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
