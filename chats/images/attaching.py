"""Pictures and the questions they belong to. Called inside the verbs of chats.conversation, in their transactions."""

import uuid
from collections.abc import Iterable, Sequence

from django.conf import settings

from accounts.models import User
from chats.errors import BadMessage
from chats.images.models import Picture
from chats.models import Message


def chosen(user: User, ids: Sequence[str], *, beside: int = 0) -> list[Picture]:
    """What a question that is sent brings along, in its order, `beside` as many that it has already. Raises
    BadMessage."""
    if not ids:
        return []
    if beside + len(ids) > settings.IMAGES_PER_MESSAGE:
        raise BadMessage(
            f"A question can have {settings.IMAGES_PER_MESSAGE} pictures. It was not sent and still stands in the "
            "field. Remove some pictures, and ask about those in the next question."
        )
    try:
        wanted = list(dict.fromkeys(uuid.UUID(pk) for pk in ids))
    except ValueError:
        wanted = [uuid.UUID(int=0)]
    found = Picture.objects.visible_to(user).unsent().in_bulk(wanted)
    if len(found) < len(wanted):
        raise BadMessage(
            "One of the pictures is no longer there, perhaps because it was sent from another tab. The question was "
            "not sent and still stands in the field: remove that picture, or add it again."
        )
    return [found[pk] for pk in wanted]


def attach(question: Message, pictures: Sequence[Picture], *, first: int = 1) -> None:
    """Raises BadMessage where another tab was faster."""
    for number, picture in enumerate(pictures, first):
        taken = Picture.objects.unsent().filter(pk=picture.pk).update(message=question, number=number)
        if not taken:
            raise BadMessage(
                "One of the pictures was just sent from another tab. The question was not sent and still stands in the "
                "field: remove that picture, or add it again."
            )
        picture.message, picture.number = question, number


def carry_over(pictures: Sequence[Picture], to: Message) -> None:
    """Give another question the same pictures: an edited one, beside the first. The files are there once."""
    for number, picture in enumerate(pictures, 1):
        Picture.objects.create(
            owner_id=picture.owner_id,
            message=to,
            number=number,
            name=picture.name,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            blob=picture.blob,
            size=picture.size,
            has_sight=picture.has_sight,
            reading=picture.reading,
            text=picture.text,
        )


def of_messages(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Picture]]:
    """In their order. One query, and none for no messages."""
    found: dict[uuid.UUID, list[Picture]] = {}
    wanted = list(ids)
    if not wanted:
        return found
    for picture in Picture.objects.filter(message_id__in=wanted).order_by("number"):
        assert picture.message_id is not None  # noqa: S101 - that is what was asked for
        found.setdefault(picture.message_id, []).append(picture)
    return found


def question_of(text: str, pictures: Sequence[Picture]) -> str:
    """Pictures may come without words; a model needs some."""
    if text.strip() or not pictures:
        return text
    return "What is in this picture?" if len(pictures) == 1 else "What is in these pictures?"
