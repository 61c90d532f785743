"""A persona as it is used, whether it is ready-made or kept by somebody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llms import catalogue
from llms.catalogue import ModelInfo

if TYPE_CHECKING:
    from uuid import UUID

    from chats.prompting.models import Persona


@dataclass(frozen=True, slots=True)
class Character:
    """`key` finds it again: a word, or the identifier of a row."""

    key: str
    name: str
    system_prompt: str
    about: str = ""
    # Empty: whichever the chat has.
    model: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    # Of a row.
    owner_id: "UUID | None" = None
    by: str = ""
    is_shared: bool = False

    @classmethod
    def of(cls, persona: "Persona") -> "Character":
        return cls(
            key=str(persona.pk),
            name=persona.name,
            system_prompt=persona.system_prompt,
            about=" ".join(persona.system_prompt[:400].split())[:160],
            model=persona.model,
            parameters=persona.parameters,
            owner_id=persona.owner_id,
            by=persona.owner.display_name,
            is_shared=persona.is_shared,
        )

    @property
    def model_name(self) -> str:
        """As people know it, installed or not."""
        return self.model.partition("/")[2].removesuffix(":latest") or self.model

    @property
    def installed_model(self) -> ModelInfo | None:
        return next((model for model in catalogue.chat_models() if model.key == self.model), None)

    @property
    def is_without_model(self) -> bool:
        """It names one that is not there."""
        return bool(self.model) and self.installed_model is None

    @property
    def model_note(self) -> str:
        """What to know before it is used, or empty."""
        if not self.is_without_model:
            return ""
        return (
            f"Its model, {self.model_name}, is not installed. The default, {catalogue.default_model().label}, answers."
        )
