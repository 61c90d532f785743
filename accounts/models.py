import re
import uuid
from functools import partial
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from accounts.sessions.announcing import look_again
from accounts.unseen import UNSEEN


class Role(models.TextChoices):
    SUPER_ADMIN = "super_admin", "Super admin"
    ADMIN = "admin", "Admin"
    USER = "user", "User"
    VIEWER = "viewer", "Viewer"


# What a session depends on.
_STANDING = {"role", "is_active", "password", "session_epoch", "second_factor"}


# What breaks a line or turns the words round it: in a list or a log, a name could pass for something else.
_UNFIT_IN_NAMES = re.compile(f"[{UNSEEN}]+")


def plain_name(name: str) -> str:
    """A person's name on one line, in the order in which it was written, wherever it came from."""
    return " ".join(_UNFIT_IN_NAMES.sub(" ", name).split())[:150]


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, role=Role.SUPER_ADMIN, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username or "")


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The e-mail address is the sign-in name; the role says what the person may do."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Kept in lower case, so that plain uniqueness is uniqueness without regard to case.
    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=20, choices=Role, default=Role.USER)
    # Whether a provider's groups gave the role, rather than a person (accounts.local_passwords).
    role_from_groups = models.BooleanField(default=False, editable=False)
    # Not so for somebody who signed up by themselves, until the mailed link was opened: the address may be another's.
    # Administrators, the operator and providers vouch for those they bring. Here, because policies of shares ask it.
    address_confirmed = models.BooleanField(default=True, editable=False)
    is_active = models.BooleanField("active", default=True)
    # Part of what a session is checked against at every request: counting up ends all of the person's sessions.
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    # The confirmed authenticator (accounts.second_factor), or none. Here, because every request asks for it: a session
    # counts only if a code of this very authenticator was given in it.
    second_factor = models.UUIDField(null=True, editable=False)
    date_joined = models.DateTimeField(db_default=Now(), editable=False)
    # What a person may do follows from the role alone (accounts.capabilities), so Django's second system is left out.
    groups = None  # type: ignore[assignment]  # removes the inherited field
    user_permissions = None  # type: ignore[assignment]  # removes the inherited field

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.lower()
        self.name = plain_name(self.name)
        # Django's own flag follows the role, so that there is one truth about who is an administrator.
        self.is_superuser = self.role == Role.SUPER_ADMIN
        super().save(*args, **kwargs)
        fields = kwargs.get("update_fields")
        if fields is None or _STANDING & set(fields):
            # Open pages of this person ask whether they may stay open.
            transaction.on_commit(partial(look_again, self.pk))

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        transaction.on_commit(partial(look_again, self.pk))
        return super().delete(*args, **kwargs)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Django's one place for it: the current key, the fallback keys and the sockets all come through here.
        value = f"{self.password}:{self.session_epoch}"
        return salted_hmac("accounts.User.session", value, secret=secret, algorithm="sha256").hexdigest()

    def end_sessions(self) -> None:
        """Sign the person out everywhere, from the next request on."""
        self.session_epoch = models.F("session_epoch") + 1
        self.save(update_fields=["session_epoch"])
        self.refresh_from_db(fields=["session_epoch"])

    @property
    def is_staff(self) -> bool:
        return self.role in {Role.SUPER_ADMIN, Role.ADMIN}

    @property
    def display_name(self) -> str:
        return self.name or self.email.partition("@")[0]


class SetUpLink(models.Model):
    """The one link with which the first administrator may be created: one row at most, gone when it is used."""

    ONLY: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    token_sha256 = models.CharField(max_length=64, help_text="the token itself is shown once and kept nowhere")
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            # A new link replaces the old one, whoever makes it.
            models.CheckConstraint(condition=models.Q(id=1), name="one_set_up_link"),
        ]
