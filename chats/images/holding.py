"""What this application keeps about people: the pictures in their questions, and those that wait to be sent."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar
from uuid import UUID

from django.db import transaction

from accounts.models import User
from accounts.rights.holdings import Entry, as_json, told
from chats.images import keeping
from chats.images.models import Picture

_BATCH = 100


class ImagesHolding:
    name = "images"
    models: ClassVar = frozenset({Picture._meta.label})
    retentions: ClassVar[dict[str, str]] = {}

    def count(self, user_id: UUID) -> int:
        return Picture.objects.filter(owner_id=user_id).count()

    def export(self, user: User) -> Iterator[Entry]:
        """The pictures, where the Markdown of their chats looks for them, and what is known about each."""
        about = []
        own = Picture.objects.filter(owner=user).select_related("message__conversation").order_by("created_at")
        for picture in own.iterator(chunk_size=_BATCH):
            yield Entry(f"{_folder(picture)}/{keeping.file_name(picture)}", partial(keeping.opened, picture))
            about.append(
                {
                    "id": picture.pk,
                    "message": picture.message_id,
                    "number": picture.number,
                    "name": told(picture, "name"),
                    "text_read_in_it": told(picture, "text"),
                    "added": picture.created_at,
                }
            )
        yield Entry("pictures.json", as_json(about), ends_step=False)

    def stop(self, user_id: UUID) -> None:
        """Reading the text in one takes seconds, and ends by itself."""

    def erase(self, user_id: UUID, step: Callable[[], None]) -> None:
        while batch := dict(Picture.objects.filter(owner_id=user_id).values_list("pk", "blob")[:_BATCH]):
            with transaction.atomic():
                Picture.objects.filter(pk__in=batch).delete()
            keeping.forget(batch.values())
            for _ in batch:
                step()

    def expire(self, kind: str, user_id: UUID, days: int) -> int:  # noqa: ARG002 - a chat takes its pictures along
        return 0


def _folder(picture: Picture) -> str:
    is_deleted = picture.message is not None and picture.message.conversation.deleted_at
    return "chats/deleted/pictures" if is_deleted else "chats/pictures"
