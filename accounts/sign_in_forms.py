"""allauth's forms in this product's words: a label above each field and no placeholder that repeats it."""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.core import context
from django import forms
from django.conf import settings
from django.http import HttpRequest

from accounts import audit, local_passwords
from accounts.adapter import AccountAdapter
from accounts.lock_out import attempts
from accounts.models import User

NEW_PASSWORD_HINT = "At least 12 characters. Not a common password, and not your name or address."  # noqa: S105

LABELS = {
    "login": "E-mail address",
    "email": "E-mail address",
    "password": "Password",
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "New password again",
}


class PlainFields:
    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = LABELS.get(name, field.label)
            field.help_text = NEW_PASSWORD_HINT if name == "password1" else ""


class SignInForm(PlainFields, allauth_forms.LoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if settings.SSO.ldap:
            # In a directory people have names to sign in with, too.
            widget = forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"})
            self.fields["login"] = forms.CharField(label="E-mail address or user name", max_length=254, widget=widget)
            self.order_fields(["login", "password"])

    def clean(self) -> Any:
        try:
            return super().clean()
        except forms.ValidationError:
            # There may be more to say than that the password is wrong (accounts.backends, accounts.sso.directory).
            if notice := getattr(self.request, "sign_in_notice", ""):
                raise forms.ValidationError(notice) from None
            raise


class SignUpForm(PlainFields, allauth_forms.SignupForm):  # type: ignore[misc]
    pass


class ChangePasswordForm(PlainFields, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    user: User

    def clean_oldpassword(self) -> str:
        """Counted as at the sign-in: else an open session would be a place to guess the password in."""
        request = context.request
        try:
            attempt = attempts.begin(request, account=self.user)
        except attempts.LockedOut as locked:
            raise forms.ValidationError(locked.text) from locked
        try:
            typed = str(super().clean_oldpassword())
        except forms.ValidationError:
            audit.record(audit.Action.CONFIRMATION_FAILED, user=self.user, request=request, by="password")
            if locked_now := attempt.failed():
                audit.record(audit.Action.LOCKED_OUT, user=self.user, request=request, by="password")
                raise forms.ValidationError(locked_now.text) from None
            raise
        attempt.succeeded()
        return typed


class SetPasswordForm(PlainFields, allauth_forms.SetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordForm(PlainFields, allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    users: list[User]

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        asked_for = self.users
        # Where a password would not count the mail says so instead. The page is the same for everybody.
        elsewhere = {user.pk: name for user in asked_for if (name := local_passwords.decided_by(user))}
        self.users = [user for user in asked_for if user.pk not in elsewhere]
        email = str(super().save(request, **kwargs))
        for name in elsewhere.values():
            AccountAdapter(request).send_mail("account/email/password_elsewhere", email, {"name": name})
        for user in asked_for:
            audit.record(audit.Action.PASSWORD_RESET_REQUESTED, user=user, request=request)
        return email


class ResetPasswordKeyForm(PlainFields, allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    pass
