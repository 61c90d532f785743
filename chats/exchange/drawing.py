"""Pictures of an imported chat: a stranger's files like any other, drawn anew before anything of them is kept."""

import binascii
import io
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from accounts.limits import quotas
from accounts.models import User
from chats.exchange.formats.portable import Turn
from chats.images import drawing, keeping
from chats.images.drawing import Drawn
from chats.images.errors import PictureRefused
from chats.images.models import Picture
from documents.names import clean_name

# What bounds all files of one chat. Each takes about half a second.
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Stored:
    """Files that wait for their row."""

    name: str
    drawn: Drawn
    folder: str


@dataclass(slots=True)
class Pictures:
    """`by_turn`: {the name of a message in the file: its pictures}. `left_out` could not be kept."""

    by_turn: dict[str, list[Stored]] = field(default_factory=dict)
    left_out: int = 0

    def folders(self) -> list[str]:
        return [stored.folder for pictures in self.by_turn.values() for stored in pictures]


def store(turns: Iterable[Turn], user: User, *, check: Callable[[], None]) -> Pictures:
    """Draw and store them all, without a row so far. `check` is called before each; what it raises ends the work."""
    found = Pictures()
    room = quotas.storage_left(user)
    try:
        for turn, stored in _stored(turns, user, check):
            if stored is None or (room is not None and stored.drawn.size > room):
                found.left_out += 1
                if stored is not None:
                    keeping.forget([stored.folder])
                continue
            room = None if room is None else room - stored.drawn.size
            found.by_turn.setdefault(turn.id, []).append(stored)
    except BaseException:
        keeping.forget(found.folders())
        raise
    return found


def _stored(turns: Iterable[Turn], user: User, check: Callable[[], None]) -> Iterable[tuple[Turn, Stored | None]]:
    every = ((turn, picture) for turn in turns for picture in turn.pictures)
    for number, (turn, picture) in enumerate(every):
        check()
        drawn = _drawn(picture.data) if number < _MOST else None
        if drawn is None:
            yield turn, None
        else:
            yield turn, Stored(clean_name(picture.name), drawn, keeping.store(drawn, owner_id=user.pk))


def _drawn(data: str) -> Drawn | None:
    if len(data) > settings.IMAGE_MAX_SIZE * 4 // 3 + 4:
        return None
    try:
        return drawing.draw(io.BytesIO(b64decode(data, validate=True)))
    except (binascii.Error, ValueError, PictureRefused):
        return None


def row(stored: Stored, number: int, *, message_id: UUID, owner_id: UUID) -> Picture:
    return Picture(
        message_id=message_id,
        owner_id=owner_id,
        number=number,
        name=stored.name,
        media_type=stored.drawn.media_type,
        width=stored.drawn.width,
        height=stored.drawn.height,
        blob=stored.folder,
        size=stored.drawn.size,
        has_sight="sight" in stored.drawn.parts,
    )
