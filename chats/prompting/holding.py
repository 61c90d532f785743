"""What this application keeps about people: their instructions, templates and personas."""

from collections.abc import Callable, Iterator
from typing import ClassVar
from uuid import UUID

from accounts.models import User
from accounts.rights.holdings import Entry, as_json, told
from chats.prompting.models import OwnInstructions, Persona, PromptTemplate


class PromptsHolding:
    name = "prompts"
    models: ClassVar = frozenset(model._meta.label for model in (OwnInstructions, PromptTemplate, Persona))
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:  # noqa: ARG002 - however many there are
        return 1

    def export(self, user: User) -> Iterator[Entry]:
        """Deleted ones too, while they last."""
        own = OwnInstructions.objects.filter(owner=user).first()
        templates = PromptTemplate.objects.filter(owner=user).order_by("created_at")
        personas = Persona.objects.filter(owner=user).order_by("created_at")
        content = {
            "instructions": told(own, "text") if own else "",
            "templates": [{**_about(template), "text": told(template, "text")} for template in templates],
            "personas": [
                {
                    **_about(persona),
                    "system_prompt": told(persona, "system_prompt"),
                    "model": persona.model,
                    "parameters": persona.parameters,
                }
                for persona in personas
            ],
        }
        yield Entry("prompts.json", as_json(content))

    def stop(self, user_id: UUID) -> None:
        """Nothing is under way here."""

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        """Also what was shared with everybody: its maker's key, which is destroyed, sealed it."""
        for model in (PromptTemplate, Persona, OwnInstructions):
            model._default_manager.filter(owner_id=user_id).delete()
        step()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - these do not grow old
        return 0


def _about(kept: PromptTemplate | Persona) -> dict[str, object]:
    return {
        "name": told(kept, "name"),
        "shared": kept.is_shared,
        "created": kept.created_at,
        "updated": kept.updated_at,
        "deleted": kept.deleted_at,
    }
