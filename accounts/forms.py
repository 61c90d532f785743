from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from accounts.models import User

NEW_PASSWORD = forms.PasswordInput(attrs={"autocomplete": "new-password"})


class SetUpForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    name = forms.CharField(
        label="Name", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(label="Password", strip=False, widget=NEW_PASSWORD, help_text="At least 12 characters.")
    password_again = forms.CharField(label="Password again", strip=False, widget=NEW_PASSWORD)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        password, again = values.get("password"), values.get("password_again")
        if password and again and password != again:
            self.add_error("password_again", "The two passwords differ.")
        elif password:
            self._check_strength(password, values)
        return values

    def _check_strength(self, password: str, values: dict[str, Any]) -> None:
        try:
            validate_password(password, User(email=values.get("email", ""), name=values.get("name", "")))
        except forms.ValidationError as error:
            self.add_error("password", error)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscript at run time
    class Meta:
        model = User
        fields = ("name",)
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}  # noqa: RUF012 - Django's own shape
