"""The first administrator.

Nobody becomes administrator by being first to open a page: either the operator hands over a one-time link, which only
somebody who can see the server's console has, or the settings name the account.
"""

import hashlib
import logging
import secrets
import shlex
import sys
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse

from accounts import audit
from accounts.models import Role, SetUpLink, User

logger = logging.getLogger(__name__)

LINK_LIFETIME = timedelta(hours=24)


class LinkNotUsable(Exception):
    """The link is used, expired, superseded or was never made; they are told apart for nobody."""


class AddressTaken(Exception):
    """There is an account with this e-mail address already."""


def needed() -> bool:
    """Whether nobody could administer this installation."""
    return not User.objects.filter(role=Role.SUPER_ADMIN, is_active=True).exists()


def new_link_path() -> str:
    """The path of a fresh one-time link. Earlier links stop working.

    Only a hash of the token is kept: reading the database does not give the link away.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        SetUpLink.objects.update_or_create(
            pk=SetUpLink.ONLY, defaults={"token_sha256": _digest(token), "expires_at": Now() + LINK_LIFETIME}
        )
        audit.record(audit.Action.SET_UP_LINK_MADE, by="operator")
    return reverse("accounts:set_up", args=[token])


def command(name: str) -> str:
    """How this installation's operator runs one of its commands, as it can be typed in any folder."""
    parts = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), name]
    return f"DATA_DIR={shlex.quote(str(settings.DATA_DIR))} {shlex.join(parts)}"


def is_usable(token: str) -> bool:
    return _usable(token).exists() and needed()


def create_with_link(token: str, *, email: str, name: str, password: str) -> User:
    """Spend the link and create the administrator, both or neither.

    Of several requests with the same token one gets through: the others wait for its row lock and then find no row.
    Raises LinkNotUsable, or AddressTaken, which leaves the link as it was.
    """
    try:
        with transaction.atomic():
            spent, _ = _usable(token).delete()
            if not spent or not needed():
                raise LinkNotUsable
            user = User.objects.create_superuser(email, password, name=name)
            audit.record(audit.Action.ADMINISTRATOR_SET_UP, user=user, resource=("user", user.pk), by="link")
            return user
    except IntegrityError as error:
        raise AddressTaken from error


def create_from_settings() -> None:
    """Create the administrator named by ADMIN_EMAIL and ADMIN_PASSWORD, for installations without a person at hand.

    Does nothing once there is an administrator, and never changes an account that exists, so that the settings may stay
    where they are. Raises ImproperlyConfigured with a sentence for the operator.
    """
    email, password = settings.ADMIN_EMAIL.strip().lower(), settings.ADMIN_PASSWORD
    if not email and not password:
        return
    if not email or not password:
        raise ImproperlyConfigured("ADMIN_EMAIL and ADMIN_PASSWORD belong together. Set both or neither.")
    if not needed():
        return
    if User.objects.filter(email=email).exists():
        logger.warning("ADMIN_EMAIL names an account that exists and is no active super admin. It was left as it is.")
        return
    _check(email, password)
    try:
        with transaction.atomic():
            user = User.objects.create_superuser(email, password)
            audit.record(audit.Action.ADMINISTRATOR_SET_UP, resource=("user", user.pk), by="settings")
    except IntegrityError:
        # Another process started at the same time and did it.
        return
    logger.info("Created the administrator named by ADMIN_EMAIL.")


def _check(email: str, password: str) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise ImproperlyConfigured(f"ADMIN_EMAIL is {email!r}, which is not an e-mail address.") from error
    try:
        validate_password(password, User(email=email))
    except ValidationError as error:
        raise ImproperlyConfigured(f"ADMIN_PASSWORD cannot be used. {' '.join(error.messages)}") from error


def _usable(token: str) -> QuerySet[SetUpLink]:
    return SetUpLink.objects.filter(token_sha256=_digest(token), expires_at__gt=Now())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
