"""What people write here, within bounds. Errors say what to do; what was typed stays in the fields."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms

from chats.prompting.parameters import PARAMETERS, Parameter
from chats.prompting.variables import Variable

LONGEST_INSTRUCTIONS = 8_000
LONGEST_NAME = 80
LONGEST_TEMPLATE = 10_000
# What goes into one gap.
LONGEST_VALUE = 20_000


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


class KeptForm(forms.Form):
    """`may_share` shows the question whether everybody may use it."""

    def __init__(self, *args: Any, may_share: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = PlainText(
            what="The name",
            label="Name",
            max_length=LONGEST_NAME,
            widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": LONGEST_NAME}),
        )
        self.order_fields(["name"])
        if may_share:
            self.fields["is_shared"] = forms.BooleanField(label="Share with everybody who may chat", required=False)

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())


class TemplateForm(KeptForm):
    text = PlainText(
        what="The text",
        label="Text",
        max_length=LONGEST_TEMPLATE,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="Write {{gaps}} in double braces: each is asked for before the text is used. "
        "One that stands alone on its line gets a larger field.",
    )


class FillForm(forms.Form):
    """One field for each gap of a template."""

    def __init__(self, *args: Any, gaps: Sequence[Variable], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, gap in enumerate(gaps):
            self.fields[f"gap{number}"] = PlainText(
                what=gap.label,
                label=gap.label,
                max_length=LONGEST_VALUE,
                widget=forms.Textarea(attrs={"rows": 5}) if gap.is_long else forms.TextInput(),
            )

    def values(self, gaps: Sequence[Variable]) -> dict[str, str]:
        return {gap.name: str(self.cleaned_data[f"gap{number}"]) for number, gap in enumerate(gaps)}


class PersonaForm(KeptForm, ParametersForm):
    """`models`: those to choose from; the one it has stays in the list when it is not installed."""

    system_prompt = instructions(
        label="Instructions", rows=8, required=True, help_text="What the model is told: who it is and how it answers."
    )

    def __init__(self, *args: Any, models: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["model"] = forms.ChoiceField(
            label="Model",
            required=False,
            choices=[("", "Whichever the chat has"), *models],
            error_messages={
                "invalid_choice": "There is no such model. Choose one from the list; nothing was saved yet."
            },
        )

    def values(self) -> dict[str, Any]:
        given = {name: self.cleaned_data[name] for name in ("name", "system_prompt", "model")}
        return {**given, "parameters": self.parameters(), "is_shared": self.cleaned_data.get("is_shared", False)}
