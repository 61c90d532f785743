"""What an owner does with shares. Each verb is one short transaction; open pages of viewers are told after it."""

import uuid
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit, sharing
from accounts.encryption.fields import KeyedHashField
from accounts.models import Role
from accounts.sharing import DAYS, MOST
from chats import live
from chats.models import Conversation
from chats.sharing import access
from chats.sharing.models import Share


class NotShared(Exception):
    """`text` is for the owner."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


def readers_group(conversation_id: uuid.UUID) -> str:
    return f"readers.{conversation_id}"


def with_person(conversation: Conversation, address: str, *, days: int = 0) -> Share:
    """Whether the address has an account is neither said nor shown: one without is listed alike and opens nothing."""
    try:
        address = sharing.clean_address(address)
    except ValidationError as error:
        raise NotShared("This is not an e-mail address. Nothing was shared; correct it and try again.") from error
    if address == conversation.owner.email:
        raise NotShared("This is your own address, and you see this chat already. Write somebody else's.")
    viewer = sharing.viewer_of(address)
    hashed = KeyedHashField.of(Share, "address_hash", conversation.owner_id, address)
    return _give(conversation, Share.Kind.PERSON, {"address_hash": hashed}, days=days, address=address, viewer=viewer)


def with_role(conversation: Conversation, role: str, *, days: int = 0) -> Share:
    if role not in Role.values:
        raise NotShared("There is no such role. Nothing was shared; choose one from the list.")
    return _give(conversation, Share.Kind.ROLE, {"role": role}, days=days, role=role)


def by_link(conversation: Conversation, *, days: int = 7) -> tuple[Share, str]:
    """The share and its token, which is kept nowhere and so shown once."""
    if settings.SHARE_LINKS == "off":
        raise NotShared("Links are switched off in this installation. Share with people or a role instead.")
    if days == 0:
        raise NotShared("A link has to end some day. No link was made; choose when.")
    secret = access.new_secret()
    share = _give(conversation, Share.Kind.LINK, None, days=days, secret_sha256=access.digest(secret))
    return share, access.token_of(share.pk, secret)


def end(share: Share) -> None:
    """Every right that it gave ends (accounts.sharing). Ending it twice is no error."""
    with transaction.atomic():
        if sharing.end(Share.objects.filter(pk=share.pk), owner_id=share.owner_id):
            _record(audit.Action.SHARE_ENDED, share)
        transaction.on_commit(partial(_look_again, share.conversation_id))


def _give(
    conversation: Conversation, kind: Share.Kind, same: dict[str, Any] | None, *, days: int, **values: Any
) -> Share:
    """`same` finds the share that this one renews."""
    if days not in DAYS:
        raise NotShared("That end cannot be chosen. Nothing was shared; choose one from the list.")
    with transaction.atomic():
        # Whoever deletes the conversation meanwhile comes before this or after it.
        if not Conversation.objects.select_for_update().filter(pk=conversation.pk, deleted_at=None).exists():
            raise NotShared("This chat was deleted meanwhile. Nothing was shared.")
        shares = Share.objects.filter(conversation=conversation)
        found = shares.filter(kind=kind, **same).first() if same is not None else None
        if found is None and shares.count() >= MOST:
            raise NotShared(f"This chat is shared {MOST} times, which is the most. End a share first.")
        share = found or Share(conversation=conversation, kind=kind)
        sharing.keep(share, days=days, **values)
        _record(audit.Action.SHARE_CHANGED if found else audit.Action.SHARED, share)
        transaction.on_commit(partial(_look_again, conversation.pk))
    return share


def _record(action: audit.Action, share: Share) -> None:
    audit.record(
        action,
        user=share.owner_id,
        resource=("chat", share.conversation_id),
        viewer=share.viewer_id,
        **sharing.told(share),
    )


def _look_again(conversation_id: uuid.UUID) -> None:
    """Open pages of viewers ask whether they still may (chats.sharing.consumers)."""
    live.tell_now(readers_group(conversation_id), {"type": "reader.look_again"})
