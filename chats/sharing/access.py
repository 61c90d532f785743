"""Who may read a conversation, and how far. Reading only: verbs begin with `visible_to`, which shares never widen.

`Admission` is what a page, a fragment and a socket of a viewer are made of. While they read rows they act as
`reads_as`: a person as themselves, and whoever holds a link as the link, which can read its one conversation and
nothing else in the database. So a link needs no account, and the reader's own rights play no part in it.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from accounts.capabilities import Capability, may
from accounts.models import User
from accounts.tenancy import acting_as
from chats.models import Conversation, ConversationQuerySet
from chats.sharing.models import Share

_SECRET_SIZE = 32
_ID_SIZE = 16


@dataclass(frozen=True, slots=True)
class Admission:
    conversation_id: uuid.UUID
    owner_id: uuid.UUID
    reads_as: uuid.UUID
    # Where the page is; its parts lie below.
    address: str
    # When it ends by itself; None: when somebody ends it.
    until: datetime | None = None
    share_id: uuid.UUID | None = None

    @property
    def is_by_link(self) -> bool:
        return self.share_id is not None

    @property
    def socket(self) -> str:
        return f"/ws{self.address}"


def readable_by(user: User) -> ConversationQuerySet:
    """One's own conversations and those that others share with one."""
    own = Conversation.objects.visible_to(user)
    shared = Share.objects.open_to(user).values("conversation")
    return own | Conversation.objects.filter(pk__in=shared, deleted_at=None)


def for_person(user: "User | AnonymousUser", conversation_id: uuid.UUID) -> Admission | None:
    """None: it is not this person's to read. Owners may, to see what others see."""
    if not isinstance(user, User) or not may(user, Capability.READ):
        return None
    found = readable_by(user).filter(pk=conversation_id).only("owner_id").first()
    if found is None:
        return None
    until = None
    if found.owner_id != user.pk:
        until = _latest(Share.objects.open_to(user).filter(conversation=found).values_list("expires_at", flat=True))
    address = reverse("sharing:page", args=[conversation_id])
    return Admission(found.pk, found.owner_id, reads_as=user.pk, address=address, until=until)


def for_link(user: "User | AnonymousUser", token: str) -> Admission | None:
    """None: there is no such link any more, or this visitor may not use links."""
    if not may_use_links(user):
        return None
    share_id, secret = _parts(token)
    with acting_as(share_id):
        share = Share.objects.in_force().filter(pk=share_id, kind=Share.Kind.LINK).first()
    # Found by its identifier and compared by its secret: how long it takes says nothing about either.
    kept = bytes(share.secret_sha256) if share and share.secret_sha256 else bytes(_SECRET_SIZE)
    if not hmac.compare_digest(kept, digest(secret)) or share is None:
        return None
    address = reverse("sharing:link_page", args=[token])
    return Admission(share.conversation_id, share.owner_id, share.pk, address, share.expires_at, share_id=share.pk)


def may_use_links(user: "User | AnonymousUser") -> bool:
    if settings.SHARE_LINKS == "off":
        return False
    return settings.SHARE_LINKS == "anybody" if not user.is_authenticated else may(user, Capability.READ)


def new_secret() -> bytes:
    return secrets.token_bytes(_SECRET_SIZE)


def digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def token_of(share_id: uuid.UUID, secret: bytes) -> str:
    return base64.urlsafe_b64encode(share_id.bytes + secret).decode("ascii")


def _parts(token: str) -> tuple[uuid.UUID, bytes]:
    """What is no token at all becomes one that nobody has."""
    try:
        content = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != _ID_SIZE + _SECRET_SIZE:
        content = bytes(_ID_SIZE + _SECRET_SIZE)
    return uuid.UUID(bytes=content[:_ID_SIZE]), content[_ID_SIZE:]


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    known: list[datetime] = []
    for moment in moments:
        if moment is None:
            return None
        known.append(moment)
    return max(known, default=None)
