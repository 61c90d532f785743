from typing import Any

from django import forms

APP = forms.TextInput(
    attrs={
        "autocomplete": "one-time-code",
        "inputmode": "numeric",
        "maxlength": 12,
        "autofocus": True,
        "class": "code-input",
        "spellcheck": "false",
    }
)
RECOVERY = forms.TextInput(
    attrs={"autocomplete": "off", "autocapitalize": "none", "maxlength": 24, "autofocus": True, "spellcheck": "false"}
)


class CodeForm(forms.Form):
    code = forms.CharField(label="Code", max_length=24, widget=APP)

    def __init__(self, *args: Any, by_recovery_code: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if by_recovery_code:
            self.fields["code"].label = "Recovery code"
            self.fields["code"].widget = RECOVERY
            self.fields["code"].help_text = "Twelve letters and digits from your list. Each works once."
        else:
            self.fields["code"].help_text = "The six digits that your authenticator app shows now."


class PasswordForm(forms.Form):
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
