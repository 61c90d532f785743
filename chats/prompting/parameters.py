"""The parameters of an answer and their bounds. What is not set is the model's own."""

import math
from dataclasses import dataclass
from typing import TypeGuard


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    label: str
    least: float
    most: float
    # What an arrow of the field adds.
    step: float
    hint: str
    # Counts tokens.
    is_whole: bool = False

    def admits(self, value: object) -> TypeGuard[float]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return self.least <= value <= self.most and (not self.is_whole or value == int(value))

    @property
    def bounds(self) -> str:
        return f"{self.least:,g} to {self.most:,.10g}"


PARAMETERS = (
    Parameter(
        "temperature", "Temperature", 0, 2, 0.1, "How freely words are chosen: 0 is strict, 1 and more inventive."
    ),
    Parameter(
        "top_p", "Top-p", 0.01, 1, 0.05, "The share of likely words to choose from. Change this or the temperature."
    ),
    Parameter("max_tokens", "Longest answer", 16, 131_072, 64, "In tokens, about 3 for 2 words.", is_whole=True),
    Parameter(
        "context",
        "Context length",
        2_048,
        1_048_576,
        1_024,
        "In tokens: how much of the chat and of passages is read.",
        is_whole=True,
    ),
)


def sound(values: object) -> dict[str, float]:
    """What holds of stored values, which may come from a file: all that is known and within its bounds."""
    given = values if isinstance(values, dict) else {}
    found: dict[str, float] = {}
    for parameter in PARAMETERS:
        value = given.get(parameter.name)
        if parameter.admits(value):
            found[parameter.name] = int(value) if parameter.is_whole else value
    return found
