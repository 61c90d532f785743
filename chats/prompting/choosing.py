"""Which personas there are for a person, and giving one to a chat: its words and parameters are copied into the chat.

So a chat goes on as it is when a persona changes or goes, and what a model is told can be read and changed in the chat.
"""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chats.conversation import BadMessage
from chats.models import Conversation
from chats.prompting import configuring
from chats.prompting.characters import Character
from chats.prompting.models import Persona
from chats.prompting.parameters import sound
from chats.prompting.ready import READY
from llms import catalogue

if TYPE_CHECKING:
    from accounts.models import User

# On the page where a chat begins; the others are behind a link.
SHOWN = 8


class PersonaGone(BadMessage):
    """It was deleted, or is not shared any more."""

    def __init__(self) -> None:
        super().__init__("This persona is not there any more. Choose another one; your text is kept.")


def kept(user: "User") -> list[Character]:
    """One's own and what others share, by name."""
    rows = Persona.objects.visible_to(user).select_related("owner")
    return sorted(map(Character.of, rows), key=lambda character: character.name.casefold())


def everything(user: "User") -> list[tuple[str, list[Character]]]:
    """In groups, for lists to choose from; groups without any are left out."""
    found = kept(user)
    groups: list[tuple[str, Iterable[Character]]] = [
        ("Yours", [character for character in found if character.owner_id == user.pk]),
        ("Shared with everybody", [character for character in found if character.owner_id != user.pk]),
        ("Ready-made", READY),
    ]
    return [(heading, list(characters)) for heading, characters in groups if characters]


def find(user: "User", key: str) -> Character:
    """Raises PersonaGone."""
    for character in READY:
        if character.key == key:
            return character
    try:
        row = Persona.objects.visible_to(user).select_related("owner").filter(pk=uuid.UUID(key)).first()
    except ValueError:
        row = None
    if row is None:
        raise PersonaGone
    return Character.of(row)


def wanted(user: "User", key: str) -> Character | None:
    """For a form that may name one. Raises PersonaGone."""
    return find(user, key) if key else None


def is_as_in(character: Character, conversation: Conversation) -> bool:
    """Whether the chat tells its model what this persona says, unchanged."""
    same_words = character.system_prompt == conversation.system_prompt
    return same_words and sound(dict(character.parameters)) == sound(conversation.parameters)


def begin(conversation: Conversation, character: Character | None) -> None:
    """At the start of a chat, whose model the person saw and chose."""
    if character is not None:
        configuring.configure(
            conversation, system_prompt=character.system_prompt, parameters=sound(dict(character.parameters))
        )


def take(conversation: Conversation, character: Character | None) -> None:
    """In a chat under way, with the persona's model. None: no persona, the model's own parameters."""
    if character is None:
        configuring.configure(conversation, system_prompt="", parameters={})
        return
    model = None
    if character.model:
        model = "" if character.is_without_model else character.model
    configuring.configure(
        conversation,
        system_prompt=character.system_prompt,
        parameters=sound(dict(character.parameters)),
        model=model,
    )


def home_context(user: "User", key: str) -> dict[str, Any]:
    """For the page where a chat begins: the chosen persona, with its model, and others to choose from."""
    groups = everything(user)
    context: dict[str, Any] = {"personas": [character for _, group in groups for character in group][:SHOWN]}
    if not key:
        return context
    try:
        character = find(user, key)
    except PersonaGone as gone:
        return {**context, "persona_note": gone.text}
    context |= {"persona": character, "persona_note": character.model_note}
    if character.model:
        context["current_model_key"] = (character.installed_model or catalogue.default_model()).key
    if context.get("current_model_key", catalogue.default_model().key) == catalogue.QUOTE.key:
        context["persona_note"] = "“Search and quote” only quotes your documents. A persona needs a language model."
    return context
