"""What people write here, within bounds. Errors say what to do; what was typed stays in the fields."""

from collections.abc import Callable
from typing import Any

from django import forms

from chats.prompting.parameters import PARAMETERS, Parameter

LONGEST_INSTRUCTIONS = 8_000
LONGEST_NAME = 80


class PlainText(forms.CharField):
    """Line breaks count once, as the browser counts them."""

    def __init__(self, *, what: str, **kwargs: Any) -> None:
        most = kwargs["max_length"]
        messages = {
            "required": f"{what} cannot be empty. Nothing was saved yet.",
            "max_length": f"This is longer than {most:,} characters. Shorten it; nothing was saved yet.",
        }
        super().__init__(error_messages=messages, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = str(value or "").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        return super().to_python(text)


def instructions(*, label: str, rows: int = 6, required: bool = False, help_text: str = "") -> PlainText:
    return PlainText(
        what="The instructions",
        label=label,
        required=required,
        max_length=LONGEST_INSTRUCTIONS,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


def parameter_field(parameter: Parameter) -> forms.Field:
    kind: Callable[..., forms.Field] = forms.IntegerField if parameter.is_whole else forms.FloatField
    said = f"Write a number from {parameter.bounds}, or leave it empty. Nothing was saved yet."
    return kind(
        label=parameter.label,
        required=False,
        min_value=parameter.least,
        max_value=parameter.most,
        help_text=parameter.hint,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), said),
        widget=forms.NumberInput(attrs={"step": f"{parameter.step:g}", "placeholder": "model’s own"}),
    )


class ParametersForm(forms.Form):
    """The four parameters; for use inside others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in PARAMETERS:
            self.fields[parameter.name] = parameter_field(parameter)

    def parameters(self) -> dict[str, float]:
        return {p.name: value for p in PARAMETERS if (value := self.cleaned_data.get(p.name)) is not None}

    def parameter_fields(self) -> list[forms.BoundField]:
        return [self[parameter.name] for parameter in PARAMETERS]


class ChatSettingsForm(ParametersForm):
    system_prompt = instructions(label="Instructions")


class OwnInstructionsForm(forms.Form):
    text = instructions(
        label="What every model should know and do",
        rows=8,
        help_text="For example who you are, how long answers should be, or in which language. "
        "Chats with instructions of their own use those instead.",
    )
