"""The gaps of a template: `{{customer_name}}` is asked for as "Customer name"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Letters of any script first; what is written otherwise, like {{ $x }}, is text.
_GAP = re.compile(r"\{\{[^\S\n]*([^\W\d_][\w -]{0,38}?)[^\S\n]*\}\}")


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    # Stands alone on its line somewhere, so that more than a few words may be meant.
    is_long: bool = False

    @property
    def label(self) -> str:
        words = " ".join(self.name.replace("_", " ").replace("-", " ").split())
        return words[:1].upper() + words[1:]


def variables(text: str) -> list[Variable]:
    """Each once, in the order in which they appear."""
    found: dict[str, Variable] = {}
    for gap in _GAP.finditer(text):
        name = gap[1]
        alone = _line_around(text, gap).strip() == gap[0]
        found[name] = Variable(name, is_long=alone or (name in found and found[name].is_long))
    return list(found.values())


def parts(text: str) -> list[str | int]:
    """The text, with the number of a variable (as in `variables`) in the place of each gap."""
    numbers = {variable.name: number for number, variable in enumerate(variables(text))}
    pieces: list[str | int] = []
    for number, piece in enumerate(_GAP.split(text)):
        pieces.append(numbers[piece] if number % 2 else piece)
    return [piece for piece in pieces if piece != ""]


def filled(text: str, values: Mapping[str, str]) -> str:
    """What a value itself looks like a gap stays as it is."""
    return _GAP.sub(lambda gap: values.get(gap[1], gap[0]), text)


def _line_around(text: str, gap: re.Match[str]) -> str:
    begin = text.rfind("\n", 0, gap.start()) + 1
    end = text.find("\n", gap.end())
    return text[begin : len(text) if end < 0 else end]
