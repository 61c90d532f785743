import logging
import smtplib
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from accounts import audit
from accounts.going_back import is_own_address
from accounts.lock_out import attempts
from accounts.models import User

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no type hints
    request: HttpRequest

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The e-mail address or the password is wrong.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP == "open")

    def new_user(self, request: HttpRequest) -> User:
        """Somebody who signs up. All others are made by somebody who vouches for the address."""
        user: User = super().new_user(request)
        user.address_confirmed = False
        return user

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        done = bool(super().confirm_email(request, email_address))
        if done:
            mine = User.objects.filter(pk=email_address.user_id, email__iexact=email_address.email)
            mine.update(address_confirmed=True)
        return done

    def get_login_stages(self) -> list[str]:
        ours = {"allauth.account.stages.EmailVerificationStage": "accounts.sign_in_stages.ConfirmedAddress"}
        return [ours.get(stage, stage) for stage in super().get_login_stages()]

    def is_safe_url(self, url: str | None) -> bool:
        """Where a `next` may lead: this very host. allauth would take every host of ALLOWED_HOSTS."""
        return is_own_address(self.request, url or "")

    # Failures are counted in the database (accounts.lock_out) and not in allauth's cache, which may forget.

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        self._typed = str(credentials.get("email") or credentials.get("username") or "")
        try:
            self._attempt = attempts.begin(request, account=self._typed)
        except attempts.LockedOut as locked:
            audit.record(audit.Action.SIGN_IN_REFUSED, request=request, because="locked_out")
            raise _too_many(locked) from locked

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        if user is not None:
            self._attempt.succeeded()
            attempts.remember_name(user, self._typed)
        return user

    def authentication_failed(self, request: HttpRequest, **_credentials: Any) -> None:
        if locked := self._attempt.failed():
            audit.record(audit.Action.LOCKED_OUT, user=self._attempt.user_id, request=request, by="password")
            raise _too_many(locked)

    def set_password(self, user: Any, password: str) -> None:
        super().set_password(user, password)
        attempts.forgive_passwords(user)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException):
            # The page must look the same as for an address without an account; it says what to do if no mail comes.
            logger.exception("The mail server did not take a mail.")

    # Links in mail never follow the Host header of whoever asked for the mail.

    def get_reset_password_from_key_url(self, key: str) -> str:
        # allauth hands over "<user>-<key>", and its route wants the two apart.
        uid, _, secret = key.partition("-")
        return f"{settings.BASE_URL}{reverse('account_reset_password_from_key', args=[uid, secret])}"

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: object) -> str:
        key = getattr(emailconfirmation, "key")  # noqa: B009 - untyped in allauth
        return f"{settings.BASE_URL}{reverse('account_confirm_email', args=[key])}"

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:settings")


def _too_many(locked: attempts.LockedOut) -> ValidationError:
    return ValidationError(locked.text, code="too_many_login_attempts")
