from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from accounts.forms import NEW_PASSWORD
from accounts.invitations import inviting
from accounts.models import Role, User
from accounts.sign_in_forms import NEW_PASSWORD_HINT


class AcceptForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(label="Password", strip=False, widget=NEW_PASSWORD, help_text=NEW_PASSWORD_HINT)
    password_again = forms.CharField(label="Password again", strip=False, widget=NEW_PASSWORD)

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        password, again = values.get("password"), values.get("password_again")
        if password and again and password != again:
            self.add_error("password_again", "The two passwords differ.")
        elif password:
            try:
                validate_password(password, User(email=self.email, name=values.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return values


class InviteForm(forms.Form):
    addresses = forms.CharField(
        label="E-mail addresses",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
        help_text=f"One or several, up to {inviting.MOST_AT_ONCE}: one a line, or separated by commas. "
        "“Ada <ada@example.org>” works too.",
    )
    role = forms.ChoiceField(label="Role", widget=forms.RadioSelect)

    def __init__(self, *args: Any, roles: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role, Role(role).label) for role in roles]  # type: ignore[attr-defined]
        self.fields["role"].initial = Role.USER

    def clean_addresses(self) -> list[str]:
        return inviting.addresses(self.cleaned_data["addresses"])
