"""Where pictures lie: sealed with their owner's key like every file (documents.blobs), all sizes in one folder."""

import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import IO, Literal
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from accounts.rights.models import LegalHold
from chats.images.drawing import Drawn
from chats.images.models import Picture
from documents import blobs

Size = Literal["full", "small", "sight"]

_KEY = re.compile(r"(pictures/[0-9a-f]{2}/[0-9a-f]{32})/(?:full|small|sight)")
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png"}
# Files are stored before their row is committed: young ones may still get theirs.
_YOUNG = timedelta(days=1)
_BATCH = 500
_MOST = 20_000


def store(drawn: Drawn, *, owner_id: UUID) -> str:
    """The folder, whose name says nothing about the picture."""
    name = uuid.uuid4().hex
    folder = f"pictures/{name[:2]}/{name}"
    for size, content in drawn.parts.items():
        blobs.put(f"{folder}/{size}", content, owner_id=owner_id)
    return folder


def opened(picture: Picture, size: Size = "full") -> IO[bytes]:
    """Raises FileNotFoundError and SealingErrors."""
    if size == "sight" and not picture.has_sight:
        size = "full"
    return blobs.open_blob(f"{picture.blob}/{size}", owner_id=picture.owner_id)


def media_type(picture: Picture, size: Size) -> str:
    return "image/jpeg" if size == "small" else picture.media_type


def file_name(picture: Picture) -> str:
    """Outside of here, in an archive: nothing that a person typed."""
    return f"{picture.pk}.{_ENDINGS[picture.media_type]}"


def forget(folders: Iterable[str]) -> None:
    """After their rows are gone: files that other rows still name stay."""
    for folder in set(folders):
        if not Picture.objects.filter(blob=folder).exists():
            blobs.delete_folder(folder)


def stored_bytes(user_id: UUID) -> int:
    """Files that several rows name are there once."""
    files = Picture.objects.filter(owner_id=user_id).values("blob", "size").distinct()
    return int(files.aggregate(total=Sum("size"))["total"] or 0)


def sweep() -> int:
    """As the system: pictures that were never sent, and files that no row names. How many were deleted.

    None of people under a legal hold.
    """
    before = timezone.now() - timedelta(hours=settings.IMAGE_UNSENT_HOURS)
    unsent = Picture.objects.unsent().exclude(owner__in=LegalHold.objects.values("user"))
    old = list(unsent.filter(created_at__lt=before).values_list("pk", "blob")[:_MOST])
    # Asked again: one of them may be sent at this moment.
    unsent.filter(pk__in=[pk for pk, _ in old]).delete()
    forget(blob for _, blob in old)
    return len(old) + _sweep_files()


def _sweep_files() -> int:
    # A database without any picture is more likely the wrong one, or new, than the truth about these files.
    if not Picture.objects.exists():
        return 0
    old, deleted = _old_files(), 0
    while deleted < _MOST and (batch := list(islice(old, _BATCH))):
        folders = {found[1] for key in batch if (found := _KEY.fullmatch(key))}
        named = set(Picture.objects.filter(blob__in=folders).values_list("blob", flat=True))
        for folder in folders - named:
            blobs.delete_folder(folder)
            deleted += 1
    return deleted


def _old_files() -> Iterator[str]:
    return (key for key in blobs.older_than(timezone.now() - _YOUNG) if key.startswith("pictures/"))
