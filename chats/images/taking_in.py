"""Adding a picture to a question that is being written, and taking it away again."""

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.limits import quotas
from accounts.models import User
from accounts.rights import requesting
from chats.images import drawing, keeping
from chats.images.drawing import Drawn, Readable
from chats.images.errors import PictureRefused
from chats.images.models import Picture
from documents.names import clean_name

# Pictures of a person that wait to be sent, over all chats and tabs.
_MOST_WAITING = 100


def add(user: User, file: Readable, name: str) -> Picture:
    """Raises PictureRefused, and then leaves nothing behind."""
    try:
        _check_waiting(user)
        return record(user, drawing.draw(file), name)
    except PictureRefused as refused:
        audit.record(audit.Action.CHAT_IMAGE_REFUSED, user=user, because=refused.code)
        raise


def record(user: User, drawn: Drawn, name: str) -> Picture:
    """Keep what was drawn. Raises PictureRefused where the person's storage is full."""
    _check_room(user, drawn.size)
    folder = keeping.store(drawn, owner_id=user.pk)
    try:
        with transaction.atomic():
            # Under a lock, as for documents: of two files at once only one gets the last bytes.
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            _check_room(user, drawn.size)
            picture: Picture = Picture.objects.create(
                owner=user,
                name=clean_name(name),
                media_type=drawn.media_type,
                width=drawn.width,
                height=drawn.height,
                blob=folder,
                size=drawn.size,
                has_sight="sight" in drawn.parts,
            )
            audit.record(audit.Action.CHAT_IMAGE_ADDED, user=user, resource=("picture", picture.pk), size=drawn.size)
    except BaseException:
        keeping.forget([folder])
        raise
    return picture


def remove(picture: Picture) -> None:
    """Of a question that was not sent. Raises Held."""
    with transaction.atomic():
        requesting.refuse_while_held(picture.owner_id)
        Picture.objects.unsent().filter(pk=picture.pk).delete()
        audit.record(audit.Action.CHAT_IMAGE_REMOVED, user=picture.owner_id, resource=("picture", picture.pk))
        transaction.on_commit(lambda: keeping.forget([picture.blob]), robust=True)


def _check_waiting(user: User) -> None:
    if Picture.objects.unsent().filter(owner=user).count() >= _MOST_WAITING:
        raise PictureRefused(
            f"{_MOST_WAITING} pictures already wait to be sent, so this one was not added. Send or remove some first."
        )


def too_large() -> PictureRefused:
    return PictureRefused(
        f"This picture is larger than {settings.IMAGE_MAX_SIZE_MB} MB, so it was not added. Save it smaller and add "
        "that. Your question and the other pictures are kept."
    )


def _check_room(user: User, size: int) -> None:
    try:
        quotas.check_storage(user, size)
    except quotas.QuotaReached as error:
        raise PictureRefused(error.text) from error
