"""Making, changing, deleting and bringing back templates and personas. Each verb is one short transaction.

Verbs take rows that were reached through the person (`editable_by`). A row stays its maker's, whoever changes it.
"""

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import transaction
from django.db.models.functions import Now

from accounts import audit
from accounts.capabilities import Capability, may
from accounts.rights import requesting
from chats.prompting.models import UNDO_FOR, Kept, Persona, PromptTemplate

if TYPE_CHECKING:
    from accounts.models import User

K = TypeVar("K", PromptTemplate, Persona)

# Of one kind, for one person.
MOST = 200
KINDS: dict[type[Kept], str] = {PromptTemplate: "template", Persona: "persona"}


class NotKept(Exception):
    """`text` is for the person."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


def make(kind: type[K], user: "User", **values: Any) -> K:
    with transaction.atomic():
        if kind._default_manager.filter(owner=user, deleted_at=None).count() >= MOST:
            raise NotKept(f"You have {MOST} of these, which is the most. Delete one first; your text is kept here.")
        kept = kind._default_manager.create(owner=user, **_allowed(user, values))
        _record(audit.Action.PROMPT_MADE, kept, user)
    return kept


def change(kept: PromptTemplate | Persona, user: "User", **values: Any) -> None:
    if kept.owner_id != user.pk:
        # Whoever looks after what is shared corrects it; to take it away from all is to delete it.
        values["is_shared"] = True
    for name, value in _allowed(user, values, already_shared=kept.is_shared).items():
        setattr(kept, name, value)
    with transaction.atomic():
        kept.updated_at = Now()  # by the database's clock
        kept.save(update_fields=[*values, "updated_at"])
        _record(audit.Action.PROMPT_CHANGED, kept, user)


def delete(kept: PromptTemplate | Persona, user: "User") -> None:
    """Hide it; `restore` brings it back. What was deleted long ago goes for good, unless there is a legal hold."""
    kind = type(kept)
    with transaction.atomic():
        kind._default_manager.filter(pk=kept.pk).update(deleted_at=Now())
        _record(audit.Action.PROMPT_DELETED, kept, user)
        if not requesting.is_held_for_now(user.pk):
            kind._default_manager.filter(owner=user, deleted_at__lt=Now() - UNDO_FOR).delete()


def restore(kept: PromptTemplate | Persona, user: "User") -> None:
    with transaction.atomic():
        type(kept)._default_manager.filter(pk=kept.pk).update(deleted_at=None)
        _record(audit.Action.PROMPT_RESTORED, kept, user)


def _allowed(user: "User", values: dict[str, Any], *, already_shared: bool = False) -> dict[str, Any]:
    """Sharing needs its capability; what is shared already may stay so."""
    shared = bool(values.get("is_shared")) and (already_shared or may(user, Capability.SHARE_PROMPTS))
    return {**values, "is_shared": shared}


def _record(action: audit.Action, kept: PromptTemplate | Persona, user: "User") -> None:
    """Without its name and words."""
    audit.record(action, user=user, resource=(KINDS[type(kept)], kept.pk), shared=kept.is_shared, owner=kept.owner_id)
