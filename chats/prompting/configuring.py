"""What a person tells the models: for one chat, and for all of their own. Each verb is one short transaction."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts import audit
from accounts.rights import requesting
from chats.models import Conversation
from chats.prompting.models import OwnInstructions

if TYPE_CHECKING:
    from accounts.models import User


def own_instructions(user: "User") -> str:
    found = OwnInstructions.objects.filter(owner=user).first()
    return found.text if found else ""


def set_own_instructions(user: "User", text: str) -> None:
    """Nothing written is no row. Raises Held for that; other words may take the place of these."""
    with transaction.atomic():
        if text:
            OwnInstructions.objects.update_or_create(owner=user, defaults={"text": text})
        elif OwnInstructions.objects.filter(owner=user).exists():
            requesting.refuse_while_held(user.pk)
            OwnInstructions.objects.filter(owner=user).delete()
        audit.record(audit.Action.INSTRUCTIONS_CHANGED, user=user, length=len(text))


def configure(
    conversation: Conversation, *, system_prompt: str, parameters: Mapping[str, float], model: str | None = None
) -> None:
    """From the next answer on. The text itself is in no record of it."""
    wanted: dict[str, Any] = {"parameters": dict(parameters), **({} if model is None else {"model": model})}
    changed: dict[str, Any] = {name: value for name, value in wanted.items() if value != getattr(conversation, name)}
    if not changed and system_prompt == conversation.system_prompt:
        return
    sealed = Conversation.sealed(conversation.pk, owner_id=conversation.owner_id, system_prompt=system_prompt)
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(**changed, **sealed)
        audit.record(
            audit.Action.CHAT_CONFIGURED,
            user=conversation.owner_id,
            resource=("chat", conversation.pk),
            instructions=len(system_prompt),
            **{**changed, "parameters": " ".join(f"{name}={value:.10g}" for name, value in parameters.items())},
        )
    conversation.system_prompt = system_prompt
    for name, value in changed.items():
        setattr(conversation, name, value)
